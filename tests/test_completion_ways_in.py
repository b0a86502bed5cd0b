"""Tables, sparse matrices and frames become the same problem; predictions, parts held out, and the ridge path."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

import lopside as lo
from lopside.errors import InputError

OPTIONS = {"ridge": 0.05, "bias": "both"}


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((12, 3)) @ rng.standard_normal((3, 9)) + 2.0 + 0.1 * rng.standard_normal((12, 9))
    A[3, 4] = 0.0
    return np.where((rng.random(A.shape) < 0.7) | (A == 0.0), A, np.nan)


def triples(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    i, j = np.nonzero(~np.isnan(table))
    return i, j, table[i, j]


def solved(problem: lo.Completion) -> lo.Solution:
    return lo.solve(problem, rank=2, stop=lo.Stop(max_steps=30))


def test_every_way_in_is_the_same_problem(table: np.ndarray) -> None:
    i, j, a = triples(table)
    expected = solved(lo.Completion(i, j, a, shape=table.shape, **OPTIONS))
    frame = pd.DataFrame({"i": i, "j": j, "a": a}).sample(frac=1.0, random_state=0)
    stored = sparse.coo_array((a, (i, j)), shape=table.shape)
    ways = [
        lo.Completion.from_dense(table, **OPTIONS),
        lo.Completion.from_dense(np.ma.masked_invalid(table), **OPTIONS),
        lo.Completion.from_sparse(stored, **OPTIONS),
        lo.Completion.from_sparse(stored.tocsc(), **OPTIONS),
        lo.Completion.from_frame(frame, row="i", column="j", value="a", **OPTIONS),
        lo.Completion.from_frame(pl.from_pandas(frame), row="i", column="j", value="a", **OPTIONS),
    ]
    for problem in ways:
        assert problem.entries == len(a)  # the zero is an observation
        found = solved(problem)
        np.testing.assert_array_equal(found.X, expected.X)
        np.testing.assert_array_equal(found.Y, expected.Y)


def test_weights_go_with_their_entries(table: np.ndarray) -> None:
    i, j, a = triples(table)
    w = np.random.default_rng(1).random(table.shape) + 0.5
    expected = solved(lo.Completion(i, j, a, shape=table.shape, weights=w[i, j], **OPTIONS))
    order = np.random.default_rng(2).permutation(len(a))
    stored, weights = (sparse.coo_array((v, (i, j)), shape=table.shape) for v in (a, w[i, j]))
    weights = sparse.coo_array((weights.data[order], (i[order], j[order])), shape=table.shape)
    ways = [
        lo.Completion.from_dense(table, weights=w, **OPTIONS),
        lo.Completion.from_sparse(stored, weights=weights, **OPTIONS),
    ]
    for problem in ways:
        np.testing.assert_array_equal(solved(problem).X, expected.X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lo.Completion.from_dense(np.full((2, 2), np.nan)), "no observed entries"),
        (lambda: lo.Completion.from_dense(np.ones(3)), "two dimensions"),
        (lambda: lo.Completion.from_dense([[1.0, np.inf]]), "inf"),
        (lambda: lo.Completion.from_dense([["a", "b"]]), "numbers|entries"),
        (lambda: lo.Completion.from_dense(np.ones((2, 2)), weights=np.ones(2)), "weights of shape"),
        (lambda: lo.Completion.from_dense(sparse.eye_array(3).tocsr()), "from_sparse|dimensions"),
        (lambda: lo.Completion.from_sparse(np.ones((2, 2))), "from_dense"),
        (lambda: lo.Completion.from_sparse(sparse.eye_array(3, format="dia")), "DIA"),
        (
            lambda: lo.Completion.from_sparse(sparse.eye_array(3).tocsr(), weights=sparse.csr_array(np.ones((3, 3)))),
            "other places",
        ),
        (lambda: lo.Completion([0], [0], [1.0], ridge=-1.0), "ridge"),
        (lambda: lo.Completion([0], [0], [1.0], ridge=np.nan), "ridge"),
        (lambda: lo.Completion([0], [0], [1.0], bias="all"), "bias"),
        (lambda: lo.Completion([0], [0], [1.0], ridge_scaling="count"), "ridge_scaling"),
        (lambda: lo.Completion([0], [0], [1.0], ridge=1.0, bias_ridge=1.0), "bias_ridge"),
    ],
)
def test_bad_input_is_refused(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_a_frame_with_a_name_twice_is_refused() -> None:
    frame = pd.DataFrame([[1, 2, 3.0]], columns=["i", "i", "a"])
    with pytest.raises(InputError, match="there twice"):
        lo.Completion.from_frame(frame, row="i", column="i", value="a")


def test_predictions_by_id_and_for_strangers() -> None:
    frame = pd.DataFrame({"who": ["eve", "bob", "eve", "bob"], "what": [7, 7, 3, 3], "a": [5.0, 4.0, 2.0, 1.5]})
    problem = lo.Completion.from_frame(frame, row="who", column="what", value="a", **OPTIONS)
    solution = solved(problem)
    dense = problem.mean + solution.matrix()
    i, j = (list(ids) for ids in (problem.row_ids, problem.column_ids))
    asked = [("bob", 7), ("eve", 3), ("zoe", 7), ("eve", 99), ("zoe", 99)]
    rows, cols = [list(part) for part in zip(*asked, strict=True)]
    found = problem.predict(solution, rows, cols)
    b, c = solution.X[:, -2], solution.Y[:, -1]
    expected = [
        dense[i.index("bob"), j.index(7)],
        dense[i.index("eve"), j.index(3)],
        problem.mean + c[j.index(7)],
        problem.mean + b[i.index("eve")],
        problem.mean,
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.isnan(problem.predict(solution, rows, cols, cold="nan")).tolist() == [False, False, True, True, True]
    with pytest.raises(InputError, match="3 places"):
        problem.predict(solution, rows, cols, cold="raise")
    with pytest.raises(InputError, match="pairs"):
        problem.predict(solution, rows, cols[:-1])


def test_parts_held_out_are_disjoint_and_whole(table: np.ndarray) -> None:
    i, j, a = triples(table)
    problem = lo.Completion(i, j, a, shape=table.shape, **OPTIONS)
    kept, held = problem.split(0.25, np.random.default_rng(3))
    assert kept.entries == len(a) - len(held.values) == len(a) - round(0.25 * len(a))
    lines = kept.by_rows
    rows = np.repeat(np.arange(len(table)), lines.counts())
    again = np.full(table.shape, np.nan)
    again[rows, lines.indices] = lines.values + kept.mean
    assert np.isnan(again[held.rows, held.columns]).all()
    again[held.rows, held.columns] = held.values
    np.testing.assert_allclose(again, table, rtol=1e-14)
    solution = solved(kept)
    missed = kept.predict(solution, held.rows, held.columns) - held.values
    assert kept.error(solution, held) == pytest.approx(float(np.sqrt(np.mean(missed**2))), rel=1e-12)


@pytest.mark.parametrize("scaling", ["none", "counts", "smoothed"])
def test_from_the_largest_ridge_on_the_answer_is_zero(table: np.ndarray, scaling: str) -> None:
    problem = lo.Completion.from_dense(table, ridge=1.0, ridge_scaling=scaling, bias="mean")
    top = problem.largest_ridge()
    above, below = (solved(problem.with_ridge(factor * top)) for factor in (1.05, 0.9))
    assert np.linalg.norm(above.matrix()) < 1e-3 * np.linalg.norm(below.matrix())
    zero = np.zeros((12, 1)), np.zeros((9, 1))
    assert lo.certify(problem.with_ridge(1.001 * top), zero).gap < 1e-10 * below.loss


def test_the_path_ends_where_single_fits_do(table: np.ndarray) -> None:
    problem = lo.Completion.from_dense(table, bias="both")
    top = problem.largest_ridge()
    path = list(lo.ridge_path(problem, 4, ridges=[0.9 * top, 0.3 * top, 0.1 * top], stop=lo.Stop(gap=1e-8)))
    for fit in path:
        alone = lo.solve(problem.with_ridge(fit.ridge), rank=4, stop=lo.Stop(gap=1e-8, max_steps=20_000))
        assert fit.solution.loss == pytest.approx(alone.loss, rel=3e-8)
        assert fit.error is None
    assert len(list(lo.ridge_path(problem, 2, count=3, least=0.5))) == 3


@pytest.mark.parametrize("ridges", [[], [1.0, 2.0], [1.0, 1.0], [0.0], [-1.0]])
def test_bad_paths_are_refused(table: np.ndarray, ridges: list[float]) -> None:
    with pytest.raises(InputError, match="ridges"):
        list(lo.ridge_path(lo.Completion.from_dense(table), 2, ridges=ridges))


def test_the_chosen_ridge_predicts_best(table: np.ndarray) -> None:
    problem = lo.Completion.from_dense(table, bias="mean")
    choice = lo.choose_ridge(problem, 2, share=0.2, rng=5, count=6)
    errors = {fit.ridge: fit.error for fit in choice.tried}
    assert errors[choice.ridge] == min(errors.values())
    assert choice == lo.choose_ridge(problem, 2, share=0.2, rng=5, count=6)._replace(tried=choice.tried)
    with pytest.raises(InputError, match="equal the mean"):
        lo.choose_ridge(lo.Completion.from_dense(np.ones((4, 4)), bias="mean"), 1)


def test_few_entries_are_held_out_again_and_again(table: np.ndarray) -> None:
    problem = lo.Completion.from_dense(table, bias="mean")
    choice = lo.choose_ridge(problem, 2, share=0.2, rng=5, count=6)
    rng = np.random.default_rng(5)
    splits = [problem.split(0.2, rng) for _ in range(10)]
    for fit in choice.tried[:3]:
        missed = []
        for kept, held in splits:
            ridges = [tried.ridge for tried in choice.tried if tried.ridge >= fit.ridge]
            *_, last = lo.ridge_path(kept, 2, ridges=ridges, held=held, stop=lo.Stop(max_steps=8))
            missed.append(last.error)
        assert fit.error == pytest.approx(np.sqrt(np.mean(np.square(missed))))


def test_the_weighted_start_knows_product_weights() -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 3)) @ rng.standard_normal((3, 20)) + 0.3 * rng.standard_normal((30, 20))
    w = np.outer(rng.random(30) + 0.01, rng.random(20) + 0.01)
    problem = lo.Completion.from_dense(A, weights=w)
    X, Y = lo.starts.WoodruffYasuda()(problem, 3, step_size=1.0, sigma1=1.0, rng=rng)
    best = np.linalg.svd(np.sqrt(w) * A, compute_uv=False)[3:]
    assert problem.residual_norm(X, Y) == pytest.approx(float(np.linalg.norm(best)), rel=1e-4)
    with pytest.raises(lo.errors.AbilityError, match="weights of entries"):
        lo.solve(lo.Full(A), rank=2, start=lo.starts.WoodruffYasuda())
    with pytest.raises(InputError, match="weight_rank"):
        lo.starts.WoodruffYasuda(0)
