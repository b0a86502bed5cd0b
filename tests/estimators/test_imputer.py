"""`LowRankImputer` fills holes with the minimizer written out here, and is an imputer as scikit-learn knows them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning as SklearnConvergenceWarning
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from lopside import errors
from lopside.errors import InputError
from lopside.estimators import ConvergenceWarning
from lopside.estimators.imputer import LowRankImputer

ESTIMATORS = [
    LowRankImputer(),
    LowRankImputer(1, ridge=0.1, bias="both", ridge_scaling="smoothed", standardize=False),
    LowRankImputer(missing_values=-1.0, add_indicator=True),
]


@parametrize_with_checks(ESTIMATORS)
def test_its_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_has_the_checks_of_an_imputer() -> None:
    def names(estimator: Any) -> set[str]:
        checks = [check for _, check in estimator_checks_generator(estimator)]
        assert not any(hasattr(check, "marks") for check in checks)
        return {getattr(check, "func", check).__name__ for check in checks}

    assert names(LowRankImputer()) == names(SimpleImputer())


def test_the_check_that_is_skipped_above() -> None:
    # SciPy reads the variable it asks for when it is imported.
    code = """
from sklearn.utils.estimator_checks import check_array_api_input
from lopside.estimators.imputer import LowRankImputer
check_array_api_input("LowRankImputer", LowRankImputer(), "numpy", expect_only_array_outputs=False)
print("done")
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout == "done\n", done.stderr


def table(m: int = 40, n: int = 7, *, share: float = 0.25, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """Return a table of about rank 2 in columns of very different units, with holes."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, 2)) @ rng.standard_normal((2, n)) + noise * rng.standard_normal((m, n))
    A = A * 10.0 ** np.arange(-3, n - 3) + 3.0 * 10.0 ** np.arange(-3, n - 3)
    A[rng.random(A.shape) < share] = np.nan
    return A


def standardized(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, deviation = np.nanmean(A, axis=0), np.nanstd(A, axis=0)
    return (A - mean) / deviation, mean, deviation


def fold_in(Z: np.ndarray, Y: np.ndarray, c: np.ndarray, ridge: Any) -> np.ndarray:
    """Return the x of each row by the normal equations of what is observed in it."""
    X = np.zeros((len(Z), Y.shape[1]))
    for i, z in enumerate(Z):
        known = ~np.isnan(z)
        T = Y[known]
        level = ridge(known.sum()) if callable(ridge) else ridge
        X[i] = np.linalg.solve(T.T @ T + level * np.eye(Y.shape[1]), T.T @ (z - c)[known])
    return X


def least_squares(Z: np.ndarray, ridge: float, steps: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return Y and c of ½ Σ (μ + x·y + c − z)² + ridges at full rank, where no local minimum is in the way."""
    rng, d = np.random.default_rng(1), min(Z.shape)
    Y, c = rng.standard_normal((Z.shape[1], d)), np.zeros(Z.shape[1])
    for _ in range(steps):
        X = fold_in(Z, Y, c, ridge)
        for j, z in enumerate(Z.T):
            known = ~np.isnan(z)
            T = np.hstack([X[known], np.ones((known.sum(), 1))])
            *Y[j], c[j] = np.linalg.solve(T.T @ T + ridge * np.eye(d + 1), T.T @ z[known])
    return Y, c


def test_it_fills_holes_with_the_minimizer() -> None:
    A = table(20, 5)
    Z, mean, deviation = standardized(A)
    mu = np.nanmean(Z)
    Y, c = least_squares(Z - mu, 2.0, 1500)
    filled = (mu + fold_in(Z - mu, Y, c, 2.0) @ Y.T + c) * deviation + mean
    ours = LowRankImputer(5, ridge=2.0, gap=1e-10, max_iter=3000).fit(A)
    got = ours.transform(A)
    assert_array_equal(got[~np.isnan(A)], A[~np.isnan(A)])
    assert_allclose(got / deviation, np.where(np.isnan(A), filled, A) / deviation, atol=1e-4)
    assert 0.0 <= ours.certificate_.gap <= 1e-10 * ours.trace_.loss[-1]
    assert_allclose(ours.mean_, mean)
    assert_allclose(ours.scale_, deviation)


@pytest.mark.parametrize("scaling", ["none", "counts", "smoothed"])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_new_rows_are_folded_in(scaling: str, kind: Any) -> None:
    A, new = table().astype(kind), table(9, seed=3).astype(kind)
    new[0] = np.nan
    ours = LowRankImputer(2, ridge=0.2, ridge_scaling=scaling).fit(A)
    assert ours.fit_transform(A).dtype == ours.transform(new).dtype == ours.components_.dtype == kind
    assert_array_equal(ours.fit_transform(A), ours.transform(A))
    average = (~np.isnan(A)).sum(axis=1).mean()
    levels = {"none": lambda k: 0.2, "counts": lambda k: 0.2 * k, "smoothed": lambda k: 0.1 * (k + average)}
    z, c = (new - ours.mean_) / ours.scale_, (ours.statistics_ - ours.mean_) / ours.scale_
    Y = ours.components_.T.astype(float)
    z[0, 0] = c[0]  # with nothing known, x = 0 is the answer; the oracle needs an entry
    x = fold_in(z, Y, c, levels[scaling])
    assert_allclose(x[0], 0.0, atol=1e-5)
    expected = np.where(np.isnan(new), (x @ Y.T + c) * ours.scale_ + ours.mean_, new)
    bound = 1e-9 if kind is np.float64 else 2e-5
    assert_allclose(ours.transform(new) / ours.scale_, expected / ours.scale_, atol=bound)
    assert_allclose(ours.transform(new)[0], ours.statistics_, rtol=1e-5)


def test_units_do_not_matter() -> None:
    A = table()
    factors = 2.0 ** np.array([40, -30, 3, 0, 1, -1, 500.0])
    one, other = LowRankImputer(2).fit(A), LowRankImputer(2).fit(A * factors)
    assert_array_equal(other.transform(A * factors), one.transform(A) * factors)
    assert_allclose(other.transform(A[:3] * factors)[:, :6], one.transform(A[:3])[:, :6] * factors[:6])
    assert one.ridge_ == other.ridge_
    plain = LowRankImputer(2, standardize=False, bias="none", ridge=1.0).fit(A)
    assert_array_equal(plain.mean_, np.zeros(7))
    assert_array_equal(plain.statistics_, np.zeros(7))


def test_entries_near_the_ends_of_float64() -> None:
    A = table(30, 5)
    wide = A / np.nanmax(np.abs(A), axis=0) * np.array([1e307, 1e-300, 1.0, 1e160, 1e-160])
    assert_allclose(
        LowRankImputer(2).fit_transform(wide) / np.nanmax(np.abs(wide), axis=0),
        LowRankImputer(2).fit_transform(A) / np.nanmax(np.abs(A), axis=0),
        rtol=1e-6,
    )


def test_the_ridge_is_chosen_on_entries_held_out() -> None:
    whole, A = table(80, 12, share=0.0, noise=0.5), table(80, 12, noise=0.5)
    deviation = np.nanstd(A, axis=0)

    def error(ridge: Any) -> float:
        missed = (LowRankImputer(ridge=ridge, tol=1e-3).fit_transform(A) - whole) / deviation
        return float(np.sqrt(np.mean(missed[np.isnan(A)] ** 2)))

    fitted = LowRankImputer().fit(A)
    tried, errors_tried = fitted.ridge_path_.T
    best = int(np.argmin(errors_tried))
    assert (np.diff(tried) < 0).all()
    assert tried[best + 1] < fitted.ridge_ < tried[best - 1]
    assert error("auto") <= 1.05 * min(error(ridge) for ridge in (0.01, 0.1, 1.0, 3.0, 10.0, 30.0))
    assert error("auto") < 0.7 * error(1e6)
    assert not hasattr(fitted.set_params(ridge=1.0).fit(A), "ridge_path_")


@pytest.mark.parametrize("keep", [False, True])
def test_columns_in_which_nothing_is_observed(keep: bool) -> None:
    A = table()
    A[:, [2, 5]] = np.nan
    ours = LowRankImputer(2, ridge=1.0, keep_empty_features=keep, add_indicator=True)
    theirs = SimpleImputer(keep_empty_features=keep, add_indicator=True)
    if keep:
        got = ours.fit_transform(A)
    else:
        with pytest.warns(UserWarning, match=r"nothing is observed: 2, 5\. They are dropped"):
            got = ours.fit_transform(A)
    theirs.fit(A)
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    expected = LowRankImputer(2, ridge=1.0).fit_transform(np.delete(A, [2, 5], axis=1))
    assert_array_equal(got[:, [0, 1, 3, 4, 6]] if keep else got[:, :5], expected)
    assert_array_equal(np.isnan(ours.statistics_), np.isnan(theirs.statistics_))
    assert_array_equal(ours.inverse_transform(got), A)
    seen = A.copy()
    seen[0, 2] = 5.0
    assert (ours.transform(seen)[0, 2] == 5.0) == keep


@pytest.mark.parametrize("hole", [np.nan, -1.0, 0.1])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_way_back(hole: float, kind: Any) -> None:
    A = table().astype(kind)
    A[:, 3] = np.where(np.isnan(A[:, 3]), 1.0, A[:, 3])
    held = np.where(np.isnan(A), kind(hole), A)
    ours = LowRankImputer(2, missing_values=hole, add_indicator=True)
    filled = ours.fit_transform(held)
    assert filled.dtype == kind
    assert filled.shape == (40, 13)
    assert_array_equal(filled[:, 7:], np.isnan(np.delete(A, 3, axis=1)))
    assert_array_equal(ours.inverse_transform(filled), held)
    assert_allclose(filled[:, :7], LowRankImputer(2).fit_transform(A))
    with pytest.raises(InputError, match="expected 7 that were filled and 6"):
        ours.inverse_transform(filled[:, :-1])
    assert not hasattr(LowRankImputer().fit(A), "inverse_transform")


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_in_and_out(kind: str) -> None:
    A = table()
    names = [f"column {j}" for j in range(7)]
    frame = FRAMES[kind](dict(zip(names, A.T, strict=True)))
    fitted = LowRankImputer(2, add_indicator=True).set_output(transform=kind)
    filled = fitted.fit_transform(frame)
    marks = [f"missingindicator_{name}" for name in names]
    for told in (filled, fitted.transform(frame)):
        assert isinstance(told, FRAMES[kind])
        assert list(told.columns) == list(fitted.get_feature_names_out()) == names + marks
    assert_array_equal(np.asarray(filled)[:, :7], LowRankImputer(2).fit_transform(A))
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(frame[names[::-1]])


def test_integers_of_pandas_with_na() -> None:
    frame = pd.DataFrame({"a": pd.array([1, 2, None, 4], dtype="Int64"), "b": [2.0, 4.0, 6.0, np.nan]})
    filled = LowRankImputer(1, ridge=1e-6).fit_transform(frame)
    assert_allclose(filled, [[1, 2], [2, 4], [3, 6], [4, 8]], rtol=2e-3)


def test_tables_that_say_little() -> None:
    same = np.full((6, 3), 0.5)
    same[2, 1] = np.nan
    fitted = LowRankImputer().fit(same)
    assert_allclose(fitted.transform(same), 0.5)
    assert_allclose(LowRankImputer().fit_transform(0.2 * same), 0.1)
    assert len(fitted.ridge_path_) == 0
    single = np.array([[np.nan, 5.0]])
    with pytest.warns(UserWarning, match="0"):
        assert_array_equal(LowRankImputer().fit_transform(single), [[5.0]])
    assert_allclose(LowRankImputer(keep_empty_features=True).fit(single).transform([[np.nan, np.nan]]), [[0.0, 5.0]])
    column = np.array([[1.0], [2.0], [np.nan], [6.0]])
    assert_allclose(LowRankImputer(ridge=1.0).fit_transform(column)[2], 3.0, atol=0.2)
    tall = np.full((100_100, 2), np.nan)
    tall[::7150] = [1.0, 2.0]
    tall[7150] = [3.0, np.nan]
    filled = LowRankImputer(1, ridge=0.1).fit_transform(tall)
    assert np.isfinite(filled).all()
    assert filled[7150, 1] == pytest.approx(2.0)
    assert_allclose(filled[1], [np.nanmean(tall[:, 0]), 2.0], rtol=0.05)


def test_pickled_before_and_after_the_proof() -> None:
    A = table()
    fitted = LowRankImputer(2).fit(A)
    assert not hasattr(LowRankImputer(), "certificate_")
    with pytest.raises(NotFittedError):
        LowRankImputer().transform(A)
    unread = pickle.loads(pickle.dumps(fitted))
    assert unread.certificate_ == fitted.certificate_ == pickle.loads(pickle.dumps(fitted)).certificate_
    assert fitted.certificate_.gap >= 0.0
    assert_array_equal(unread.transform(A), fitted.transform(A))
    assert_array_equal(clone(fitted).fit(A).components_, fitted.components_)
    assert len(pickle.dumps(LowRankImputer(2).fit(table(2000)))) < 30_000


def test_a_fit_that_ends_early_says_so() -> None:
    A = table()
    for asked, what in (({"tol": 1e-12}, "tol = 1e-12"), ({"gap": 1e-9}, "gap = 1e-09")):
        with pytest.warns(ConvergenceWarning, match=f"steps, before {what} was reached") as caught:
            LowRankImputer(1, ridge=0.1, max_iter=3, **asked).fit(A)
        assert issubclass(caught[0].category, errors.ConvergenceWarning | SklearnConvergenceWarning)
    assert LowRankImputer(1, ridge=0.1).fit(A).n_iter_ > 3


def test_inside_a_search() -> None:
    A = table(60)
    target = np.nan_to_num(A, nan=3.0) @ np.linspace(1.0, 2.0, 7)
    pipeline = make_pipeline(LowRankImputer(ridge=1.0), Ridge())
    search = GridSearchCV(pipeline, {"lowrankimputer__n_components": [1, 2]}, cv=2).fit(A, target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class Stopper:
    """A callback that ends a fit after so many steps."""

    max_propagation_depth = None

    def __init__(self) -> None:
        self.steps = 0

    def setup(self, estimator: Any, context: Any) -> None: ...
    def teardown(self, estimator: Any, context: Any) -> None: ...
    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...
    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        self.steps += context.task_name == "step"
        return self.steps >= 4


@pytest.mark.skipif(not hasattr(LowRankImputer, "set_callbacks"), reason="this scikit-learn has no callbacks")
def test_a_callback_can_stop_a_fit() -> None:
    with pytest.warns(ConvergenceWarning, match="a callback stopped the fit after 3 steps"):
        fitted = LowRankImputer(2, ridge=0.01, tol=1e-9).set_callbacks(Stopper()).fit(table())
    assert fitted.n_iter_ == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 8}, "n_components = 8; expected an integer from 1 to 7 for 40 rows and 7 columns"),
        ({"n_components": 0}, "n_components = 0"),
        ({"n_components": 2.0}, r"n_components = 2\.0"),
        ({"ridge": -1.0}, r"ridge -1\.0"),
        ({"ridge": "best"}, "ridge = 'best'"),
        ({"ridge_scaling": "rows"}, "ridge_scaling = 'rows'"),
        ({"bias": "all"}, "bias = 'all'"),
        ({"bias": "none", "bias_ridge_ratio": 2.0}, "bias_ridge_ratio = 2 and bias = 'none'"),
        ({"standardize": 1}, "standardize = 1"),
        ({"missing_values": "?"}, "missing_values = '?'"),
        ({"missing_values": np.inf}, "missing_values = inf"),
        ({"tol": 0.0}, "tol"),
        ({"gap": -1.0, "ridge": 1.0}, "gap"),
        ({"gap": 1e-3, "ridge": 0.0}, "ridge = 0, without which"),
        ({"max_iter": 0}, "max_iter = 0"),
        ({"validation_fraction": 1.0}, r"validation_fraction = 1\.0"),
        ({"missing_values": -1.0}, "NaN"),
    ],
)
def test_parameters_that_will_not_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LowRankImputer(**options).fit(table())


@pytest.mark.parametrize(
    ("X", "kind", "message"),
    [
        (np.full((4, 3), np.nan), InputError, "nothing is observed"),
        ([[1.0, np.inf], [2.0, 3.0]], ValueError, "infinity"),
        ([["a", "b"], ["c", "d"]], ValueError, "could not convert"),
        (sparse.eye_array(3).tocsr(), TypeError, "[Ss]parse"),
        ([1.0, 2.0], ValueError, "2D"),
        (pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", "a"]), InputError, "share the name 'a'"),
    ],
)
def test_tables_that_will_not_do(X: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        LowRankImputer().fit(X)
