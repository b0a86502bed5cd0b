"""`Recommender` finds the minimizer, ranks as a search by hand does, and lives inside scikit-learn's searches."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference_completion import Table
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split

from lopside.errors import InputError
from lopside.estimators import ConvergenceWarning, leading
from lopside.estimators.metrics import hits, mae, ndcg_at_k, precision_at_k, recall_at_k, rmse
from lopside.estimators.recommender import Recommender

M, N = 30, 20


def ratings(seed: int = 0, share: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs and values: people and films with biases, tastes in two dimensions, and noise."""
    rng = np.random.default_rng(seed)
    A = 3.0 + rng.standard_normal((M, 1)) + rng.standard_normal(N)
    A += rng.standard_normal((M, 2)) @ rng.standard_normal((2, N)) + 0.2 * rng.standard_normal((M, N))
    known = rng.random((M, N)) < share
    known[np.arange(M), np.arange(M) % N] = True
    return np.argwhere(known), A[known]


PAIRS, VALUES = ratings()
NAMED = [(f"user {i:02}", int(j) + 100) for i, j in PAIRS]


def fitted(**options: Any) -> Recommender:
    return Recommender(2, **{"ridge": 0.1, **options}).fit(NAMED, VALUES)


def dense(pairs: np.ndarray, values: np.ndarray) -> np.ndarray:
    A = np.full((M, N), np.nan)
    A[tuple(pairs.T)] = values
    return A


def predictions(recommender: Recommender) -> np.ndarray:
    """Return the whole table as the attributes tell it."""
    X, Y = recommender.row_factors_.astype(float), recommender.column_factors_.astype(float)
    return recommender.mean_ + recommender.row_biases_[:, None] + recommender.column_biases_ + X @ Y.T


@pytest.mark.parametrize(
    ("scaling", "bias", "ratio"),
    [("smoothed", "both", 1.0), ("none", "columns", 1.0), ("counts", "both", 0.3), ("none", "none", 1.0)],
)
def test_it_finds_the_minimizer(scaling: str, bias: str, ratio: float) -> None:
    A, ridge = dense(PAIRS, VALUES), 0.5 if scaling != "none" else 3.0
    w = np.random.default_rng(5).uniform(0.5, 2.0, len(VALUES))
    weights = np.zeros((M, N))
    weights[tuple(PAIRS.T)] = w
    asked = Table(np.nan_to_num(A), weights, ridge, scaling, bias, ratio * ridge if ratio != 1.0 else None, True)
    X, Y, least = asked.best(1e-9)
    ours = Recommender(
        N, ridge=ridge, ridge_scaling=scaling, bias=bias, bias_ridge_ratio=ratio, gap=1e-9, max_iter=2000
    )
    ours.fit(PAIRS, VALUES, sample_weight=w)
    assert_allclose(predictions(ours), asked.mean + X @ Y.T, atol=1e-3)
    (part,) = ours.certificate_.parts
    assert part.gap <= 1e-7 * least
    assert_allclose(ours.predict(PAIRS), predictions(ours)[tuple(PAIRS.T)])


def test_all_that_entries_come_in() -> None:
    expected = predictions(fitted())
    A = dense(PAIRS, VALUES)
    options: dict[str, Any] = {"n_components": 2, "ridge": 0.1}
    zeroed = np.where(np.arange(len(VALUES)) == 3, 0.0, VALUES)
    stored = sparse.coo_array((zeroed, tuple(PAIRS.T)), shape=(M, N))
    with_zero = predictions(Recommender(**options).fit(PAIRS, zeroed))
    for S in (stored, stored.tocsr(), sparse.csc_matrix(stored)):
        assert_allclose(predictions(Recommender(**options).fit(S)), with_zero)
    assert_allclose(predictions(Recommender(**options).fit(A)), expected)
    users, films = zip(*NAMED, strict=True)
    columns = {"user": list(users), "film": list(films)}
    given = [
        NAMED,
        np.array(NAMED, dtype=object),
        pd.DataFrame(columns),
        pd.DataFrame(columns).astype({"user": "category", "film": "Int64"}),
        pl.DataFrame(columns),
        pa.table(columns),
    ]
    for X in given:
        one = Recommender(**options).fit(X, pd.Series(VALUES))
        assert_allclose(predictions(one), expected)
        assert one.row_ids_.tolist() == [f"user {i:02}" for i in range(M)]
        assert one.column_ids_.tolist() == list(range(100, 100 + N))
        assert_allclose(one.predict(X), fitted().predict(NAMED))
    order = np.random.default_rng(0).permutation(len(VALUES))
    assert_array_equal(predictions(Recommender(**options).fit(PAIRS[order], VALUES[order])), expected)


def test_float32_is_kept() -> None:
    single = Recommender(2, ridge=0.1).fit(PAIRS, VALUES.astype(np.float32))
    for told in (single.row_factors_, single.column_biases_, single.predict(PAIRS), single.recommend([0]).scores):
        assert told.dtype == np.float32
    assert_allclose(predictions(single), predictions(fitted()), atol=2e-2)
    assert single.fold_in(PAIRS[:5], VALUES[:5]).row_factors_.dtype == np.float32


def ranked(table: np.ndarray, hidden: np.ndarray, k: int) -> list[tuple[int, int, float]]:
    """Return (row, column, score) of the k best of each row by sorting all of them."""
    found = []
    for i, scores in enumerate(table):
        order = sorted((j for j in range(len(scores)) if not hidden[i, j]), key=lambda j: (-scores[j], j))
        found += [(i, j, scores[j]) for j in order[:k]]
    return found


@pytest.mark.parametrize("block", [1, 70, 1 << 20])
@pytest.mark.parametrize("k", [1, 3, 19, 20, 500])
def test_recommending_is_sorting(k: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "_BLOCK", block)
    one = Recommender(2, ridge=0.1).fit(PAIRS, VALUES)
    for exclude in (True, False):
        hidden = ~np.isnan(dense(PAIRS, VALUES)) & exclude
        found = one.recommend(k=k, exclude_seen=exclude)
        i, j, scores = zip(*ranked(predictions(one), hidden, k), strict=True)
        assert_array_equal(found.asked, i)
        assert_array_equal(found.found, j)
        assert_allclose(found.scores, scores)
        assert_array_equal(found.scores, one.predict(np.column_stack([i, j])))
    some = one.recommend([7, 2, 7], k)
    assert some.found.tolist() == [j for i in (7, 2, 7) for j in one.recommend([i], k).found]


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_ties_go_by_column(k: int) -> None:
    scores = np.random.default_rng(0).integers(0, 3, (200, 9)).astype(float)
    scores[scores == 0] = -np.inf
    scores[0] = -np.inf
    rows, columns, best = leading.leading(lambda block: scores[block], 200, 9, k)
    assert list(zip(rows, columns, best, strict=True)) == ranked(scores, np.isinf(scores), k)


def test_similar_is_the_cosine() -> None:
    one = fitted()
    for axis, ids, F in (
        ("columns", one.column_ids_, one.column_factors_),
        ("rows", one.row_ids_, one.row_factors_),
    ):
        unit = F / np.linalg.norm(F, axis=1, keepdims=True)
        expected = ranked(unit @ unit.T, np.eye(len(F), dtype=bool), 4)
        found = one.similar(ids, 4, axis=axis)
        assert_array_equal(found.asked, ids[[i for i, _, _ in expected]])
        assert_array_equal(found.found, ids[[j for _, j, _ in expected]])
        assert_allclose(found.scores, [score for _, _, score in expected])
    nothing = Recommender(2).fit(NAMED, np.full(len(NAMED), 2.5)).similar([103], 2)
    assert nothing.found.tolist() == [100, 101]
    assert_array_equal(nothing.scores, 0.0)
    with pytest.raises(InputError, match="got the id 99, which was not among the columns"):
        one.similar([100, 99])
    with pytest.raises(InputError, match="axis = 'films'"):
        one.similar([100], axis="films")


@pytest.mark.parametrize("scaling", ["none", "counts", "smoothed"])
@pytest.mark.parametrize("bias", ["none", "mean", "rows", "columns", "both"])
def test_a_row_folded_in_is_the_row_of_the_fit(scaling: str, bias: str) -> None:
    one = fitted(ridge_scaling=scaling, bias=bias)
    before = pickle.dumps(one)
    some = np.isin(PAIRS[:, 0], [4, 9])
    again = one.fold_in([NAMED[k] for k in np.flatnonzero(some)], VALUES[some])
    assert again.row_ids_.tolist() == ["user 04", "user 09"]
    assert_allclose(again.row_factors_, one.row_factors_[[4, 9]], atol=1e-10)
    assert_allclose(again.row_biases_, one.row_biases_[[4, 9]], atol=1e-10)
    assert again.recommend().found.tolist() == one.recommend(["user 04", "user 09"]).found.tolist()
    assert pickle.dumps(one) == before
    assert again.column_factors_.base is one.column_factors_.base
    assert not hasattr(again, "certificate_")


def test_folding_in_minimizes_and_counts_weights() -> None:
    one = fitted(ridge_scaling="none", ridge=0.7)
    j, values, w = np.array([3, 0, 8]), np.array([1.0, 5.0, 2.0]), np.array([1.0, 0.5, 2.0])
    new = one.fold_in([("new", 100 + column) for column in j], values, sample_weight=w)
    T = np.hstack([one.column_factors_[j], np.ones((3, 1))])
    left = values - one.mean_ - one.column_biases_[j]
    x = np.linalg.solve((T.T * w) @ T + 0.7 * np.eye(3), T.T @ (w * left))
    assert_allclose(np.append(new.row_factors_[0], new.row_biases_[0]), x)
    seen = set(new.recommend(["new"], N).found)
    assert seen == set(range(100, 100 + N)) - {103, 100, 108}
    strange = one.fold_in([("a", 999), ("b", 100), ("b", 998)], [1.0, 5.0, 2.0])
    assert_array_equal(strange.row_factors_[0], 0.0)
    assert_allclose(strange.predict([("a", 105)]), one.predict([("nobody", 105)]))
    assert strange.row_biases_[1] > 0
    only = one.fold_in([("a", 999)], [1.0])
    assert only.recommend(["a"], 3).found.tolist() == one.recommend(["nobody"], 3).found.tolist()
    with pytest.raises(InputError, match="1 entry in columns that were not there"):
        one.set_params(cold="raise").fold_in([("a", 999)], [1.0])
    table = Recommender(2, ridge=0.1).fit(dense(PAIRS, VALUES))
    row = np.full((1, N), np.nan)
    row[0, [2, 5]] = 4.0
    assert_allclose(table.fold_in(row).row_factors_, table.fold_in([(0, 2), (0, 5)], [4.0, 4.0]).row_factors_)


def test_ids_that_were_not_there() -> None:
    one = fitted()
    strange = [("nobody", 103), ("user 03", 99), ("nobody", 99)]
    b, c = one.row_biases_, one.column_biases_
    assert_allclose(one.predict(strange), [one.mean_ + c[3], one.mean_ + b[3], one.mean_])
    best = np.argsort(-c, kind="stable")[:2]
    assert one.recommend(["nobody"], 2).found.tolist() == one.column_ids_[best].tolist()
    one.set_params(cold="nan")
    assert np.isnan(one.predict(strange)).all()
    assert one.recommend(["nobody", "user 00"], 2).asked.tolist() == ["user 00"] * 2
    one.set_params(cold="raise")
    with pytest.raises(InputError, match="3 places whose row or column was not there"):
        one.predict(strange)
    with pytest.raises(InputError, match="row id 'nobody', which was not there"):
        one.recommend(["user 00", "nobody"])
    for ids in ([(1, 103)], [("user 01", "103")]):
        with pytest.raises(InputError, match="expected (text|whole numbers)"):
            one.predict(ids)
    # Entries of weight 0 are not known, and make no line known.
    w = (PAIRS[:, 0] != 4).astype(float)
    less = Recommender(2, ridge=0.1).fit(NAMED, VALUES, sample_weight=w)
    kept = np.flatnonzero(w)
    alone = Recommender(2, ridge=0.1).fit([NAMED[k] for k in kept], VALUES[kept])
    assert less.row_ids_.tolist() == alone.row_ids_.tolist()
    assert_allclose(predictions(less), predictions(alone), rtol=1e-6)


def test_predictions_are_clipped() -> None:
    free = fitted().predict(NAMED)
    assert free.max() > 4.0
    for clip, low, high in (("observed", VALUES.min(), VALUES.max()), ((2.0, 4.0), 2.0, 4.0)):
        one = fitted(clip=clip)
        assert_allclose(one.predict(NAMED), np.clip(free, low, high))
        found = one.recommend(k=3)
        assert found.found.tolist() == fitted().recommend(k=3).found.tolist()
        assert found.scores.max() <= high


def test_inside_scikit_learn() -> None:
    X, held, y, actual = train_test_split(PAIRS, VALUES, test_size=0.2, random_state=0)
    search = GridSearchCV(
        Recommender(), {"n_components": [1, 2], "ridge": [0.02, 10.0]}, scoring="neg_root_mean_squared_error", cv=3
    ).fit(X, y)
    assert search.best_params_ == {"n_components": 2, "ridge": 0.02}
    best = search.best_estimator_
    assert best.score(held, actual) == r2_score(actual, best.predict(held))
    assert rmse(actual, best.predict(held)) < 0.7 * np.std(actual)
    frame = pd.DataFrame(NAMED, columns=["user", "film"])
    scores = cross_validate(
        Recommender(2, ridge=0.1), frame, VALUES, cv=3, scoring={"n": ndcg_at_k, "p": precision_at_k, "r": recall_at_k}
    )
    assert all(0.0 < scores[f"test_{name}"].mean() < 1.0 for name in "npr")
    assert_array_equal(clone(best).fit(X, y).predict(held), best.predict(held))


def test_the_ridge_is_chosen() -> None:
    X, held, y, actual = train_test_split(PAIRS, VALUES, test_size=0.2, random_state=0)
    auto = Recommender(2).fit(X, y)
    errors = [rmse(actual, Recommender(2, ridge=ridge).fit(X, y).predict(held)) for ridge in (1.0, 0.1, 0.01)]
    assert rmse(actual, auto.predict(held)) <= 1.1 * min(errors)
    assert auto.ridge_path_.shape[1] == 2
    assert_array_equal(auto.predict(held), Recommender(2, ridge=auto.ridge_).fit(X, y).predict(held))
    assert Recommender().fit(X, y).n_components_ == 16
    assert Recommender().fit([("a", 1), ("b", 2)], [1.0, 2.0]).n_components_ == 2


def test_metrics_by_hand() -> None:
    actual, predicted, w = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 1.0]), np.array([1.0, 0.0, 3.0])
    assert rmse(actual, predicted) == pytest.approx(np.sqrt(10 / 3))
    assert rmse(actual, predicted, w) == pytest.approx(np.sqrt(28 / 4))
    assert mae(actual, predicted) == pytest.approx(4 / 3)
    assert mae(actual, predicted, w) == pytest.approx(10 / 4)
    one = fitted()
    first, second = (one.recommend([f"user {i:02}"], 4).found for i in (0, 1))
    X = [("user 00", int(first[0])), ("user 00", int(first[3])), ("user 00", 999), ("user 01", int(second[1]))]
    X += [("user 01", int(second[0]))]
    y = np.array([5.0, 5.0, 5.0, 4.0, 1.0])
    got = hits(one, X, y, k=4, least=4.0)
    discount = 1 / np.log2([2, 3, 4, 5])
    ndcg = (discount[0] + discount[3]) / discount[:3].sum()
    assert_allclose(got, [(2 / 4 + 1 / 4) / 2, (2 / 3 + 1) / 2, (ndcg + discount[1]) / 2, 2])
    assert hits(one, X, y, k=4).precision == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert np.isnan(hits(one, X, y, least=9.0).recall)


def test_pickles_hold_no_entries_but_places() -> None:
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((300, 200)) < 0.5)
    one = Recommender(1, ridge=1.0).fit(X, rng.standard_normal(len(X)))
    size = len(pickle.dumps(one))
    assert 4 * len(X) < size < 4 * len(X) + 40_000
    again = pickle.loads(pickle.dumps(one))
    assert again.certificate_ == one.certificate_
    assert again.recommend([3]).found.tolist() == one.recommend([3]).found.tolist()
    assert_array_equal(again.predict(X), one.predict(X))


def test_a_fit_that_ends_early_says_so() -> None:
    with pytest.warns(ConvergenceWarning, match="after 2 steps, before tol = 1e-09 was reached"):
        fitted(tol=1e-9, max_iter=2)


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (NAMED, VALUES, {"n_components": 21}, "n_components = 21; expected an integer from 1 to 20"),
        (NAMED, VALUES, {"cold": "zero"}, "cold = 'zero'"),
        (NAMED, VALUES, {"clip": (5, 1)}, r"clip = \(5, 1\)"),
        (NAMED, VALUES, {"clip": "all"}, "clip = 'all'"),
        (NAMED, VALUES, {"duplicates": "first"}, "duplicates = 'first'"),
        (NAMED, VALUES[1:], {}, "expected one place for each value"),
        ([*NAMED, NAMED[0]], [*VALUES, 1.0], {}, "at a place that is there before"),
        (NAMED, np.where(PAIRS[:, 0] == 3, np.inf, VALUES), {}, "finite numbers"),
        (NAMED, np.where(PAIRS[:, 0] == 3, np.nan, VALUES), {}, "finite numbers"),
        ([("a", 1), ("b", "c")], [1.0, 2.0], {}, "column ids with both"),
        ([("a", 1), (None, 2)], [1.0, 2.0], {}, "missing id"),
        ([("a", 1, 2)], [1.0], {}, "something else than pairs"),
        (np.zeros((3, 3), int), [1.0, 2.0, 3.0], {}, r"shape \(3, 3\)"),
        (pd.DataFrame({"a": [1]}), [1.0], {}, "frame of 1 columns"),
        (PAIRS, None, {}, r"\(int64\) without y"),
        (pd.DataFrame(PAIRS.astype(float)), None, {}, "DataFrame .* without y"),
        (sparse.eye_array(3), [1.0], {}, "sparse matrix; expected pairs"),
        ([], [], {}, "no observed entries"),
        (np.full((2, 2), np.nan), None, {}, "no observed entries"),
    ],
)
def test_what_will_not_do(X: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Recommender(**{"n_components": 1, "ridge": 0.1, **options}).fit(X, y)


def test_little_and_odd_input() -> None:
    single = Recommender().fit([("a", "b")], [4.0])
    assert_allclose(single.predict([("a", "b"), ("c", "b")]), 4.0)
    assert len(single.recommend(["a"]).found) == 0
    assert_array_equal(Recommender(1).fit(PAIRS, np.full(len(PAIRS), 2.5)).predict(PAIRS), 2.5)
    with pytest.raises(InputError, match=r"weights\[0\] = -1"):
        Recommender(1).fit(NAMED, VALUES, sample_weight=np.full(len(VALUES), -1.0))
    twice = Recommender(1, ridge=0.1, duplicates="mean").fit([*NAMED, NAMED[0]], [*VALUES, VALUES[0]])
    assert_allclose(predictions(twice), predictions(Recommender(1, ridge=0.1).fit(NAMED, VALUES)))
    far = Recommender(1, ridge=0.1).fit([(0, 10**18), (10**18, 1)], [1.0, 2.0])
    assert far.recommend([0]).found.tolist() == [1]
    for k in (0, 1.5, True):
        with pytest.raises(InputError, match="expected an integer ≥ 1"):
            fitted().recommend(k=k)
