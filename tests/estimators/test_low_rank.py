"""`LowRank` is TruncatedSVD and PCA: the same components, signs included, variances and projections, and a proof."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import ConvergenceWarning as SklearnConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lopside import errors
from lopside.errors import InputError
from lopside.estimators import ConvergenceWarning, LowRank
from lopside.linalg import thin_svd

HELD: dict[str, Any] = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
}


def table(m: int = 90, n: int = 40, *, mean: float = 3.0, seed: int = 0) -> np.ndarray:
    """Return a matrix of full rank whose first directions stand out, a third of its entries 0."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, 5)) @ np.diag([9.0, 7.0, 5.0, 3.0, 2.0]) @ rng.standard_normal((5, n))
    A += 0.3 * rng.standard_normal((m, n)) + mean * rng.random(n)
    return np.where(rng.random((m, n)) < 0.35, 0.0, A)


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
@pytest.mark.parametrize("how", ["whole", "searching"])
def test_it_passes_for_truncated_svd(held: Any, how: str, request: pytest.FixtureRequest) -> None:
    if how == "searching":
        request.getfixturevalue(how)
    A = table()
    ours, theirs = LowRank(4, tol=1e-12), TruncatedSVD(4, algorithm="arpack", random_state=0)
    assert_allclose(ours.fit_transform(held(A)), theirs.fit_transform(A), atol=1e-9)
    for name in ("components_", "singular_values_", "explained_variance_", "explained_variance_ratio_"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-11, err_msg=name)
    new = table(7, seed=1)
    assert_allclose(ours.transform(new), theirs.transform(new), atol=1e-9)
    assert_allclose(ours.inverse_transform(ours.transform(new)), theirs.inverse_transform(theirs.transform(new)))
    assert not hasattr(ours, "mean_")


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_it_passes_for_pca(held: Any, whiten: bool, searching: None) -> None:
    A = table()
    ours = LowRank(4, center=True, whiten=whiten, tol=1e-12)
    theirs = PCA(4, svd_solver="full", whiten=whiten)
    assert_allclose(ours.fit_transform(held(A)), theirs.fit_transform(A), atol=1e-9)
    for name in (
        "components_",
        "singular_values_",
        "explained_variance_",
        "explained_variance_ratio_",
        "mean_",
        "noise_variance_",
    ):
        assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-11, err_msg=name)
    new = table(7, seed=1)
    Z = theirs.transform(new)
    assert_allclose(ours.transform(held(new)), Z, atol=1e-9)
    assert_allclose(ours.inverse_transform(Z), theirs.inverse_transform(Z), atol=1e-9)


@pytest.mark.parametrize("shape", [(60, 12), (12, 60)])
@pytest.mark.parametrize("d", [1, 5, 11])
def test_the_density_is_that_of_pca(shape: tuple[int, int], d: int) -> None:
    A, new = table(*shape), table(9, shape[1], seed=1)
    ours, theirs = LowRank(d, center=True).fit(A), PCA(d, svd_solver="full").fit(A)
    if theirs.noise_variance_ < 1e-12:  # what is left is rounding: PCA divides by it
        with pytest.raises(InputError, match="leaves no noise"):
            ours.score(new)
        return
    assert_allclose(ours.score_samples(sparse.csr_array(new)), theirs.score_samples(new), rtol=1e-7)
    assert_allclose(ours.score(new), theirs.score(new), rtol=1e-7)
    assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-9)
    assert_allclose(ours.get_precision(), theirs.get_precision(), rtol=1e-6, atol=1e-9)
    assert not hasattr(LowRank(d), "score")


def test_all_components_leave_nothing() -> None:
    A = table(30, 6)
    ours, theirs = LowRank(6, center=True).fit(A), PCA().fit(A)
    assert ours.noise_variance_ == theirs.noise_variance_ == 0.0
    assert_allclose(ours.inverse_transform(ours.transform(A)), A, atol=1e-12)
    assert_allclose(ours.get_precision(), theirs.get_precision(), rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_rounding_is_not_blown_up_to_unit_variance(unit: float) -> None:
    A = unit * (table(60, 8)[:, :2] @ np.random.default_rng(1).standard_normal((2, 8)) + 5.0)
    Z = LowRank(4, center=True, whiten=True).fit_transform(A)
    assert_allclose(Z[:, :2].std(axis=0, ddof=1), 1.0)
    assert np.abs(Z[:, 2:]).max() < 0.1
    nothing = LowRank(2, center=True, whiten=True).fit_transform(np.ones((4, 3)))
    assert_allclose(nothing, 0.0)


def test_what_it_proves() -> None:
    A = table()
    fitted = LowRank(3, center=True).fit(A)
    s = np.linalg.svd(A - A.mean(axis=0), compute_uv=False)
    assert fitted.certificate_.holds
    assert fitted.certificate_.excess <= 1e-6
    low, high = fitted.certificate_.best_relative_error_bounds
    assert low <= np.linalg.norm(s[3:]) / np.linalg.norm(s) <= high
    assert fitted.n_iter_ == fitted.trace_.step[-1] >= 1


@pytest.mark.parametrize("center", [False, True])
def test_a_target_error_takes_as_many_components_as_it_needs(center: bool) -> None:
    A = table()
    s = np.linalg.svd(A - A.mean(axis=0) * center, compute_uv=False)
    tails = np.sqrt(np.cumsum(s[::-1] ** 2)[::-1] / np.sum(s**2))  # what rank 0, 1, … misses
    for error in (0.6, 0.4, 0.3):
        fitted = LowRank(relative_error=error, center=center).fit(A)
        assert fitted.n_components_ == np.count_nonzero(tails > error) == len(fitted.components_)
    if center:
        assert PCA(1.0 - 0.3**2, svd_solver="full").fit(A).n_components_ == fitted.n_components_


@pytest.mark.parametrize("center", [False, True])
def test_one_number_far_from_all_others_does_not_hide_the_variances(center: bool) -> None:
    A = table(mean=0.0) + 1e7
    fitted = LowRank(3, center=center).fit(A)
    # Without centering the first direction is the mean, and what it leaves to others is what PCA sees.
    exact = np.var(A @ thin_svd(A)[2][:3].T, axis=0) / np.var(A, axis=0).sum()
    if center:
        exact = np.linalg.svd(A - A.mean(axis=0), compute_uv=False)[:3] ** 2 / np.sum((A - A.mean(axis=0)) ** 2)
    assert_allclose(fitted.explained_variance_ratio_, exact, rtol=1e-4)


def test_single_precision_is_kept() -> None:
    A = table().astype(np.float32)
    for center in (False, True):
        fitted, double = LowRank(3, center=center), LowRank(3, center=center).fit(A.astype(np.float64))
        Z = fitted.fit_transform(A)
        arrays = {k: v for k, v in vars(fitted).items() if k.endswith("_") and isinstance(v, np.ndarray)}
        assert {v.dtype for v in (Z, *arrays.values())} == {np.dtype(np.float32)}
        assert_allclose(Z, double.transform(A), atol=2e-3)
        assert_allclose(fitted.explained_variance_, double.explained_variance_, rtol=1e-5)


def test_same_bits_each_time_and_a_state_that_is_asked_for(searching: None) -> None:
    A = table(300, 80)
    twice = [LowRank(3).fit_transform(A) for _ in range(2)]
    assert (twice[0] == twice[1]).all()
    exact = A @ thin_svd(A)[2][:3].T
    for state in (5, np.random.RandomState(5), np.random.default_rng(5), None):
        assert_allclose(LowRank(3, random_state=state, tol=1e-10).fit_transform(A), exact, atol=1e-3)
    one, other = (LowRank(3, random_state=np.random.RandomState(5)).fit_transform(A) for _ in range(2))
    assert (one == other).all()
    with pytest.raises(InputError, match="rng"):
        LowRank(random_state="five").fit(A)


def test_a_fit_that_falls_short_says_so_to_both_kinds_of_filters(searching: None) -> None:
    A = table()
    s = np.linalg.svd(A, compute_uv=False)
    on_the_edge = float(np.linalg.norm(s[5:]) / np.linalg.norm(s)) * (1.0 + 1e-15)
    for kind in (errors.ConvergenceWarning, SklearnConvergenceWarning, ConvergenceWarning):
        with pytest.warns(kind, match=r"cannot prove more: .* least rank .*Try a larger tol"):
            fitted = LowRank(relative_error=on_the_edge).fit(A)
    assert fitted.n_components_ in (5, 6)


def test_ctrl_c_ends_more_than_this_fit(searching: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lopside.theory.search.Search.advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LowRank(2).fit(table())


def test_pickled_and_cloned() -> None:
    A = table()
    fitted = LowRank(3, center=True).fit(A)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.transform(A) == fitted.transform(A)).all()
    assert again.certificate_.excess == fitted.certificate_.excess
    assert len(pickle.dumps(fitted)) < A.nbytes / 2  # nothing of A goes along
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    assert not hasattr(fresh, "components_")


def test_a_fit_leaves_nothing_of_the_one_before() -> None:
    A = table()
    fitted = LowRank(3, center=True).fit(A).set_params(center=False, n_components=2).fit(A[:, :9])
    assert not hasattr(fitted, "mean_")
    assert not hasattr(fitted, "noise_variance_")
    assert fitted.transform(A[:, :9]).shape == (90, 2)


def test_in_a_grid_search() -> None:
    A = table(120, 30)
    search = GridSearchCV(LowRank(center=True), {"n_components": [1, 5, 8]}, cv=3).fit(A)
    assert search.best_params_ == GridSearchCV(PCA(), {"n_components": [1, 5, 8]}, cv=3).fit(A).best_params_
    pipeline = make_pipeline(StandardScaler(), LowRank(3, center=True)).fit(A)
    assert_allclose(np.cov(pipeline.transform(A).T), np.diag(pipeline[-1].explained_variance_), atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "from 1 to 40 for n_samples = 90, n_features = 40"),
        ({"n_components": 41}, "Try a smaller number"),
        ({"n_components": 0.75}, "relative_error=0.5"),
        ({"n_components": "mle"}, "'mle'"),
        ({"n_components": 3, "relative_error": 0.5}, "at most one of them"),
        ({"relative_error": 1.0}, "less than 1"),
        ({"relative_error": -0.1}, "relative_error"),
        ({"tol": 0.0}, "tol"),
        ({"center": "yes"}, "expected True or False"),
        ({"whiten": 1}, "expected True or False"),
        ({"memory_limit": 10.0}, "memory_limit"),
    ],
)
def test_bad_parameters(arguments: dict[str, Any], message: str, searching: None) -> None:
    with pytest.raises(InputError, match=message):
        LowRank(**arguments).fit(table())


@pytest.mark.parametrize("held", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_entries(held: Any, bad: float) -> None:
    A = table()
    A[3, 5] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        LowRank().fit(held(A))
    with pytest.raises(ValueError, match=r"NaN|inf"):
        LowRank().fit(table()).transform(held(A))
