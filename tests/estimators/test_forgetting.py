"""Rows weighted by their age: against NumPy's covariance and SVD, in any batches; and what `partial_fit` is given."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone

from lopside.errors import InputError
from lopside.estimators import LowRank, merging

NAMES = ("components_", "singular_values_", "explained_variance_", "explained_variance_ratio_")


def table(m: int, n: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, n)) * 0.8 ** np.arange(n) + rng.standard_normal(n)


def fed(fitted: LowRank, A: Any, sizes: list[int]) -> LowRank:
    begun = 0
    for size in sizes:
        fitted.partial_fit(A[begun : begun + size])
        begun += size
    assert begun == A.shape[0]
    return fitted


def ages(m: int, forgetting: float) -> np.ndarray:
    return forgetting ** np.arange(m - 1.0, -1.0, -1.0)


def check(fitted: LowRank, A: np.ndarray, w: np.ndarray, tolerance: float = 1e-9) -> None:
    """Compare with NumPy: the weighted mean, the SVD of diag(√w)A, and the covariance with these weights."""
    d = fitted.components_.shape[0]
    mean = np.average(A, axis=0, weights=w)
    weighted = np.sqrt(w)[:, None] * (A - mean * fitted.center)
    _, s, Vt = np.linalg.svd(weighted, full_matrices=False)
    assert_allclose(fitted.singular_values_, s[:d], atol=tolerance * s[0])
    C = fitted.components_
    assert_allclose(C.T @ C, Vt[:d].T @ Vt[:d], atol=tolerance * 1e4)
    # NumPy divides by Σ w − Σ w²/Σ w, too, or by Σ w.
    covariance = np.cov(A.T, aweights=w, ddof=int(fitted.center))
    assert_allclose(fitted.explained_variance_, np.diag(C @ covariance @ C.T), atol=tolerance * np.trace(covariance))
    assert_allclose(fitted.explained_variance_ratio_, fitted.explained_variance_ / np.trace(covariance), atol=tolerance)
    if fitted.center:
        assert_allclose(fitted.mean_, mean, atol=tolerance)
    least = np.sqrt(np.square(s[d:]).sum() / np.square(s).sum())
    low, high = fitted.certificate_.best_relative_error_bounds
    assert low <= least * (1.0 + tolerance) + tolerance
    assert high >= least * (1.0 - tolerance) - tolerance


@given(
    seed=st.integers(0, 1000),
    forgetting=st.floats(0.5, 1.0),
    sizes=st.lists(st.integers(1, 20), min_size=2, max_size=6),
    n=st.integers(4, 30),
    center=st.booleans(),
    held=st.sampled_from([np.asarray, sparse.csr_array, sparse.csc_array]),
)
def test_any_batches_are_the_weighted_fit_of_all_rows(
    seed: int, forgetting: float, sizes: list[int], n: int, center: bool, held: Any
) -> None:
    A = table(sum(sizes) + 2, n, seed=seed)
    fitted = fed(LowRank(3, center=center, forgetting=forgetting), held(A), [2, *sizes])
    check(fitted, A, ages(len(A), forgetting))
    assert fitted.n_samples_seen_ == len(A)
    assert fitted.certificate_.excess is None or fitted.certificate_.excess < 1e-3


@pytest.mark.parametrize("forgetting", [1.0, 0.95])
@pytest.mark.parametrize("sizes", [[120], [100, *[1] * 20], [50, 3, 67]], ids=["whole", "ones", "mixed"])
@pytest.mark.parametrize("center", [False, True])
def test_rows_that_fit_into_the_summary_are_fitted_exactly(forgetting: float, sizes: list[int], center: bool) -> None:
    A = table(120, 300)
    kept = fed(LowRank(5, center=center, forgetting=forgetting, n_kept=120), A, sizes)
    check(kept, A, ages(120, forgetting), 1e-11)
    usual = fed(LowRank(5, center=center, forgetting=forgetting), A, sizes)
    assert kept.certificate_.gap < usual.certificate_.gap


def test_order_does_not_matter_where_nothing_is_forgotten() -> None:
    A = table(90, 200)
    orders = [np.random.default_rng(seed).permutation(90) for seed in range(3)]
    fits = [fed(LowRank(4, center=True, n_kept=90), A[order], [7, 41, 42]) for order in orders]
    for other in fits[1:]:
        for name in NAMES:
            assert_allclose(getattr(other, name), getattr(fits[0], name), atol=1e-11)


def test_rows_of_lower_rank_are_known_to_rounding() -> None:
    rng = np.random.default_rng(0)
    s = 10.0 ** -np.arange(0.0, 12.0, 1.0)
    A = rng.standard_normal((600, 12)) * s @ np.linalg.qr(rng.standard_normal((400, 12)))[0].T
    fitted = fed(LowRank(12), A, [300, 1, 299])
    # Squares would know nothing of the last four.
    assert_allclose(fitted.singular_values_, np.linalg.svd(A, compute_uv=False)[:12], rtol=0.0, atol=1e-13 * 600)
    assert fitted.singular_values_[-1] == pytest.approx(np.linalg.svd(A, compute_uv=False)[11], rel=1e-2)


def test_small_numbers_are_not_lost_when_squared() -> None:
    A = table(600, 300)
    usual, small = LowRank(5).partial_fit(A), LowRank(5).partial_fit(1e-161 * A)
    assert_allclose(small.singular_values_, 1e-161 * usual.singular_values_, rtol=1e-9)


def test_a_drift_is_followed() -> None:
    rng = np.random.default_rng(0)
    before, after = (np.linalg.qr(rng.standard_normal((50, 2)))[0].T for _ in range(2))
    A = np.vstack([rng.standard_normal((400, 2)) @ before, rng.standard_normal((60, 2)) @ after])
    lasting, fleeting = (fed(LowRank(2, forgetting=g), A, [46] * 10) for g in (1.0, 0.9))
    assert np.linalg.norm(fleeting.components_ @ after.T) == pytest.approx(np.sqrt(2.0), rel=1e-3)
    assert np.linalg.norm(lasting.components_ @ after.T) < 1.0


def test_forgetting_may_change_on_the_way_and_is_kept_by_clone() -> None:
    A = table(30, 8)
    fitted = LowRank(3, center=True).fit(A[:10]).set_params(forgetting=0.9)
    fed(fitted, A[10:], [5, 15])
    check(fitted, A, 0.9 ** np.append(np.full(10, 20.0), np.arange(19.0, -1.0, -1.0)), 1.0)  # of the fit 3 are known
    again = clone(fitted)
    assert (again.forgetting, again.n_kept) == (0.9, None)
    assert not hasattr(again, "components_")
    exact = fed(LowRank(3, forgetting=0.5), A[:9], [4, 5]).set_params(forgetting=0.8, n_kept=60)
    exact.partial_fit(A[9:])
    check(exact, A, 0.8 ** np.append(np.full(9, 21.0), np.arange(20.0, -1.0, -1.0)) * np.append(ages(9, 0.5), [1] * 21))


def test_a_batch_that_cannot_be_used_leaves_what_was_known() -> None:
    A = table(700, 300)
    fitted = LowRank(3, center=True, forgetting=0.99).partial_fit(A[:50])
    known = pickle.dumps(fitted.__dict__)
    torn, huge = A.copy(), A.copy()
    torn[650, 2], huge[650, 2] = np.nan, 1e160
    for batch in (torn, sparse.csr_array(torn), huge, A[:, 1:]):
        with pytest.raises(ValueError, match="NaN|outside the range|features"):
            fitted.partial_fit(batch)
        assert pickle.dumps(fitted.__dict__) == known
    with pytest.raises(InputError, match="memory_limit = 1e\\+04 bytes; 38 directions of 300 columns"):
        fitted.set_params(memory_limit=1e4).partial_fit(A)
    assert fitted.n_samples_seen_ == 50


def test_a_stream_of_frames() -> None:
    A = table(40, 6)
    plain = fed(LowRank(2, center=True, forgetting=0.9), A, [30, 10])
    names = [f"c{k}" for k in range(6)]
    for frame in (pd.DataFrame, pl.DataFrame):
        named = LowRank(2, center=True, forgetting=0.9)
        for part in (A[:30], A[30:]):
            named.partial_fit(frame(dict(zip(names, part.T, strict=True))))
        assert list(named.feature_names_in_) == names
        assert_allclose(named.components_, plain.components_, atol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_memory_limit_is_kept(share: float) -> None:
    A = table(600, 3000)
    usual = merging.needed(256, 52, 3000)
    fitted = LowRank(10, forgetting=0.999, memory_limit=merging.needed(1, 52, 3000) + share * usual)
    tracemalloc.start()
    fitted.partial_fit(A)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < fitted.memory_limit < usual
    assert_allclose(fitted.components_, LowRank(10, forgetting=0.999).partial_fit(A).components_, atol=0.05)


def test_what_cannot_be() -> None:
    A = table(30, 8)
    for forgetting in (0.0, -1.0, 1.5, np.nan, "0.5"):
        with pytest.raises(InputError, match="forgetting"):
            LowRank(2, forgetting=forgetting).partial_fit(A)
    for method in ("fit", "fit_transform"):
        with pytest.raises(InputError, match=r"forgetting = 0\.9 in fit"):
            getattr(LowRank(2, forgetting=0.9), method)(A)
    for kept in (1, 2.5, True):
        with pytest.raises(InputError, match="n_kept"):
            LowRank(2, n_kept=kept).partial_fit(A)
