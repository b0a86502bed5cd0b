"""Held-out entries are the ones that count: scorer and entry-wise splits, against what is written out here."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from lopside.errors import InputError
from lopside.estimators.imputer import LowRankImputer
from lopside.estimators.masked import EntryRegressor, masked_scorer, observed_entries
from lopside.estimators.recommender import Recommender


def table(m: int = 60, n: int = 10, *, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """Return a table of about rank 2, a fifth of it missing."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, 2)) @ rng.standard_normal((2, n)) + noise * rng.standard_normal((m, n))
    A[rng.random(A.shape) < 0.2] = np.nan
    return A


class Spy(BaseEstimator):
    """Fills with a number, and remembers what it was given."""

    def __init__(self, number: float = 0.0) -> None:
        self.number = number

    def transform(self, X: Any) -> np.ndarray:
        self.given = X
        return np.nan_to_num(np.asarray(X), nan=self.number)


@pytest.mark.parametrize("standardize", [False, True])
def test_the_scorer_looks_at_hidden_entries_alone(standardize: bool) -> None:
    A, spy = table() * 10.0 ** np.arange(10), Spy(7.0)
    A[:, 4] = 3.0
    before = A.copy()
    score = masked_scorer(0.3, standardize=standardize)(spy, A)
    assert_array_equal(A, before)
    hidden = np.isnan(spy.given) & ~np.isnan(A)
    assert hidden.sum() == round(0.3 * (~np.isnan(A)).sum())
    assert_array_equal(spy.given[~hidden], A[~hidden])
    deviation = np.nanstd(A, axis=0)
    scale = np.where(deviation > 0, deviation, 1.0) if standardize else np.ones(10)
    missed = ((7.0 - A) / scale)[hidden]
    assert score == pytest.approx(-np.sqrt(np.mean(missed**2)))


def test_every_setting_is_judged_by_the_same_entries() -> None:
    A, one, other = table(), Spy(), Spy(1.0)
    scorer = masked_scorer(seed=3)
    scorer(one, A)
    pickle.loads(pickle.dumps(scorer))(other, A)
    assert_array_equal(one.given, other.given)
    masked_scorer(seed=4)(other, A)
    assert (np.isnan(one.given) != np.isnan(other.given)).any()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_frames_stay_frames(kind: Any) -> None:
    A, spy = table(), Spy()
    names = [f"c{j}" for j in range(10)]
    frame = kind(dict(zip(names, A.T, strict=True)))
    assert masked_scorer()(spy, frame) == masked_scorer()(Spy(), A)
    assert isinstance(spy.given, kind)
    assert list(spy.given.columns) == names
    search = GridSearchCV(LowRankImputer(ridge=1.0), {"n_components": [1, 2]}, scoring=masked_scorer(), cv=2)
    assert search.fit(frame).best_params_ == {"n_components": 2}
    nullable = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2.0, 3.0]})
    assert masked_scorer(0.5, standardize=False)(spy, nullable) < 0.0
    assert np.isnan(np.asarray(spy.given)).sum() == 3


@pytest.mark.parametrize("imputer", [SimpleImputer(), LowRankImputer(2, ridge=1.0)])
def test_an_indicator_makes_no_difference(imputer: Any) -> None:
    A, scorer = table(), masked_scorer()
    expected = scorer(imputer.fit(A), A)
    assert scorer(imputer.set_params(add_indicator=True).fit(A), A) == expected
    places, values = observed_entries(A)
    assert EntryRegressor(imputer, A.shape).fit(places, values).filled_.shape == A.shape


def test_rank_and_ridge_are_chosen_for_rows_to_come() -> None:
    A = table(120)
    for grid, best in (
        ({"n_components": [1, 2, 6], "ridge": [1e-3]}, {"n_components": 2, "ridge": 1e-3}),
        ({"n_components": [6], "ridge": [1e-3, 3.0, 1000.0]}, {"n_components": 6, "ridge": 3.0}),
    ):
        search = GridSearchCV(LowRankImputer(tol=1e-3), grid, scoring=masked_scorer(), cv=3).fit(A)
        assert search.best_params_ == best
    plain = cross_val_score(SimpleImputer(), A, scoring=masked_scorer(), cv=3)
    assert search.best_score_ > 0.7 * plain.mean()


def test_entries_are_samples() -> None:
    A = table()
    places, values = observed_entries(A)
    assert_array_equal(A[tuple(places.T)], values)
    assert len(values) == (~np.isnan(A)).sum()
    splits = KFold(4, shuffle=True, random_state=0)
    scores = cross_val_score(
        EntryRegressor(KNNImputer(), A.shape), places, values, cv=splits, scoring="neg_root_mean_squared_error"
    )
    expected = []
    for train, test in splits.split(places):
        less = np.full_like(A, np.nan)
        less[tuple(places[train].T)] = values[train]
        missed = KNNImputer().fit_transform(less)[tuple(places[test].T)] - values[test]
        expected.append(-np.sqrt(np.mean(missed**2)))
    assert_allclose(scores, expected)
    search = GridSearchCV(
        EntryRegressor(LowRankImputer(ridge=2.0), A.shape),
        {"imputer__n_components": [1, 2]},
        scoring="neg_root_mean_squared_error",
        cv=splits,
    ).fit(places, values)
    assert search.best_params_ == {"imputer__n_components": 2}
    best = search.best_estimator_
    assert_array_equal(best.filled_, LowRankImputer(2, ridge=2.0).fit_transform(A))
    assert_array_equal(best.predict(places), values)
    assert Recommender(2, ridge=0.1).fit(places, values).score(places, values) > 0.7


def test_what_will_not_do() -> None:
    A = table()
    for share in (0.0, 1.0, -0.1, np.nan):
        with pytest.raises(InputError, match="share"):
            masked_scorer(share)
    with pytest.raises(InputError, match="seed"):
        masked_scorer(seed=None)  # type: ignore[arg-type]
    lonely = np.full((3, 2), np.nan)
    lonely[0, 0] = 1.0
    with pytest.raises(InputError, match="got 1 observed entry;"):
        masked_scorer()(Spy(), lonely)
    with pytest.raises(ValueError, match="2D array"):
        masked_scorer()(Spy(), A[0])
    A[:, 3] = np.nan
    with (
        pytest.warns(UserWarning, match="without any observed values"),
        pytest.raises(InputError, match=r"\(60, 9\) from the imputer for one of shape \(60, 10\)"),
    ):
        masked_scorer()(SimpleImputer().fit(A), A)
    A = table()
    places, values = observed_entries(A)
    dropped = places[:, 1] > 0
    with pytest.raises(InputError, match="keep_empty_features=True"):
        EntryRegressor(KNNImputer(), A.shape).fit(places[dropped], values[dropped])
    for X, message in (
        (places + 1, "outside of a table of shape"),
        (-places, "outside"),
        (places[:, 0], "expected integers"),
        (places / 2, "expected integers"),
    ):
        with pytest.raises(InputError, match=message):
            EntryRegressor(KNNImputer(), A.shape).fit(X, values)
    small = masked_scorer(0.999)
    spy = Spy()
    small(spy, A)
    assert (~np.isnan(spy.given)).sum() == 1
