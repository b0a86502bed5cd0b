"""Batches of any size add up: to the fit of all rows where nothing is dropped, and to what is proved where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD

from lopside.errors import InputError
from lopside.estimators import LowRank, low_rank, merging

NAMES = ("components_", "singular_values_", "explained_variance_", "explained_variance_ratio_")


def table(m: int, n: int, decay: float, *, seed: int = 0) -> np.ndarray:
    """Return rows around a mean that drifts, with singular values that fall by this factor."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)) * decay ** np.arange(n) @ np.linalg.qr(rng.standard_normal((n, n)))[0]
    return A + np.linspace(0.0, 1.0, m)[:, None] * rng.standard_normal(n)


def batches(A: Any, sizes: list[int]) -> list[Any]:
    cuts = np.cumsum(sizes)
    assert cuts[-1] == A.shape[0]
    return [A[end - size : end] for size, end in zip(sizes, cuts, strict=True)]


def fed(estimator: LowRank, parts: list[Any]) -> LowRank:
    for part in parts:
        estimator.partial_fit(part)
    return estimator


SIZES = {"ones": [1] * 90, "mixed": [1, 7, 2, 30, 1, 49], "whole": [90]}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("held", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_where_nothing_is_dropped_it_is_pca_and_truncated_svd(sizes: list[int], held: Any) -> None:
    A = table(90, 20, 0.7)
    A = np.where(np.abs(A) < 0.2, 0.0, A)  # 20 columns: fewer than a summary keeps
    for center, theirs in ((True, PCA(4, svd_solver="full")), (False, TruncatedSVD(4, algorithm="arpack"))):
        ours = fed(LowRank(4, center=center), batches(held(A), sizes))
        theirs.fit(A)
        for name in (*NAMES, *(("mean_", "noise_variance_") if center else ())):
            assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-10, err_msg=name)
        assert_allclose(ours.transform(A), theirs.transform(A), atol=1e-10)
        assert ours.n_samples_seen_ == 90
        assert ours.n_iter_ == len(sizes)
        assert ours.certificate_.excess < 1e-9
        assert not hasattr(ours, "trace_")


def truth(A: np.ndarray, fitted: LowRank, center: bool, forgetting: float = 1.0) -> tuple[float, np.ndarray]:
    """Return ‖A − A CᵀC‖² and the squared singular values of A, centered or not, its rows weighted by their age."""
    w = forgetting ** np.arange(len(A) - 1.0, -1.0, -1.0)
    A = np.sqrt(w)[:, None] * (A.astype(np.float64) - np.average(A.astype(np.float64), axis=0, weights=w) * center)
    C = fitted.components_.astype(np.float64)
    return float(np.sum((A - A @ C.T @ C) ** 2)), np.linalg.svd(A, compute_uv=False) ** 2


@given(
    seed=st.integers(0, 1000),
    decay=st.floats(0.5, 1.0),
    rank=st.integers(1, 4),
    sizes=st.lists(st.integers(1, 25), min_size=3, max_size=6),
    center=st.booleans(),
    first=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
    forgetting=st.sampled_from([1.0, 0.98, 0.7]),
)
def test_what_is_dropped_is_proved_to_be_no_more(
    seed: int,
    decay: float,
    rank: int,
    sizes: list[int],
    center: bool,
    first: bool,
    dtype: Any,
    forgetting: float,
) -> None:
    A = table(sum(sizes) + 5, 30, decay, seed=seed).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(low_rank, "_SPARE", 0)
        patch.setattr(merging, "_ROWS", 11)
        head, *rest = batches(A, [sizes[0] + 5, *sizes[1:]])
        begun = LowRank(rank, center=center, forgetting=1.0 if first else forgetting)
        fitted = fed(begun.fit(head) if first else begun.partial_fit(head), rest)
    missed, squares = truth(A, fitted, center, begun.forgetting)
    proved, slack = fitted.certificate_, 1e-9 * squares.sum()
    low, high = (np.array(proved.best_relative_error_bounds) ** 2) * squares.sum()
    assert low - slack <= squares[rank:].sum() <= high + slack
    assert missed <= high + slack
    assert 0.5 * (missed - squares[rank:].sum()) <= proved.gap + slack
    for square, (least, most) in zip(squares, proved.singular_value_bounds, strict=False):
        assert least**2 - slack <= square <= most**2 + slack
    if proved.excess is not None:
        assert missed <= (1.0 + proved.excess) ** 2 * squares[rank:].sum() + slack


def test_more_is_known_than_incremental_pca_keeps() -> None:
    A = table(600, 120, 0.97)
    parts = batches(A, [20] * 30)
    ours, theirs = fed(LowRank(5, center=True), parts), IncrementalPCA(5)
    for part in parts:
        theirs.partial_fit(part)
    misses = [truth(A, fitted, True) for fitted in (ours, theirs)]
    least = misses[0][1][5:].sum()
    assert misses[0][0] - least < 1e-2 * (misses[1][0] - least)
    assert ours.certificate_.gap < 0.05 * least


def test_long_batches_are_taken_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    A = table(700, 15, 0.7)
    once = LowRank(3, center=True).partial_fit(A)
    monkeypatch.setattr(merging, "_NARROW_ROWS", 64)
    pieces = LowRank(3, center=True).partial_fit(A)
    for name in NAMES:
        assert_allclose(getattr(pieces, name), getattr(once, name), atol=1e-11)
    assert pieces.n_iter_ == once.n_iter_ == 1


@pytest.mark.parametrize("center", [False, True])
def test_the_width_is_that_of_later_from_the_first_row_on(center: bool) -> None:
    A = table(6, 5, 0.9)
    fitted = LowRank(4, center=center)
    for count, row in enumerate(A, 1):
        fitted.partial_fit(row[None])
        assert fitted.components_.shape == (4, 5)
        assert_allclose(fitted.components_ @ fitted.components_.T, np.eye(4), atol=1e-12)
        assert np.count_nonzero(fitted.singular_values_ > 1e-9) == min(4, count - center)
        assert np.isfinite(fitted.explained_variance_ratio_).all()
        assert fitted.certificate_.holds
    fitted.set_params(whiten=True)
    assert np.isfinite(fitted.transform(A)).all()


def test_the_same_row_again_and_again() -> None:
    fitted = fed(LowRank(2, center=True), [np.ones((1, 3))] * 4)
    assert_allclose(fitted.mean_, np.ones(3))
    assert fitted.singular_values_.max() == 0.0
    assert fitted.noise_variance_ == 0.0
    assert_allclose(fitted.transform(np.ones((1, 3))), 0.0, atol=1e-15)


def test_fit_forgets_and_partial_fit_goes_on() -> None:
    A, B = table(50, 12, 0.8), table(40, 12, 0.8, seed=1)
    assert_allclose(LowRank(3).partial_fit(B).fit(A).components_, LowRank(3).fit(A).components_)
    both = LowRank(3).fit(A).partial_fit(B)
    assert both.n_samples_seen_ == 90
    # Three directions are known of A, so this much is lost and said to be.
    assert_allclose(
        np.abs(np.sum(both.components_ * LowRank(3).fit(np.vstack([A, B])).components_, axis=1)), 1, atol=0.1
    )
    assert both.certificate_.gap > 0.0


def test_what_cannot_go_on() -> None:
    A = table(50, 12, 0.8)
    fitted = LowRank(3).partial_fit(A)
    with pytest.raises(InputError, match="n_components = 4, center = False after 3, False"):
        fitted.set_params(n_components=4).partial_fit(A)
    with pytest.raises(InputError, match="center = True after"):
        fitted.set_params(n_components=3, center=True).partial_fit(A)
    with pytest.raises(InputError, match="from 1 to 12"):
        LowRank(13).partial_fit(A)
    with pytest.raises(ValueError, match="11 features"):
        LowRank(3).partial_fit(A).partial_fit(A[:, 1:])
    with pytest.raises(ValueError, match="NaN"):
        LowRank(3).partial_fit(np.where(A > 1.0, np.nan, A))
    with pytest.raises(AttributeError, match="partial_fit"):
        LowRank(relative_error=0.5).partial_fit(A)
    with pytest.raises(InputError, match="outside the range of float64"):
        LowRank(3).partial_fit(1e160 * A)
