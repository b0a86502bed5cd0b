"""Every storage answers the sweep contract like the formula written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside import arrays
from lopside.storage import Dense

LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda A: np.repeat(A, 2, axis=1)[:, ::2],
}


def matrices(m, n, d, p, seed, dtype):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape).astype(dtype) for shape in ((m, n), (m, p), (n, d), (p + d, 2), (p + d, 3)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(
    m=st.integers(1, 40),
    n=st.integers(1, 20),
    d=st.integers(1, 5),
    first=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sweep_is_the_formula(layout, dtype, m, n, d, first, seed):
    A, R, Y, M, N = matrices(m, n, d, d if first else 0, seed, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK_BYTES", 600)
        storage = Dense(LAYOUTS[layout](A), threads=2)
    swept = storage.sweep(R if first else None, Y, M, N, residual=first)
    A, R, Y, M, N = (B.astype(np.float64) for B in (A, R, Y, M, N))
    K = np.hstack([R, A @ Y])
    both = np.hstack([K @ M, K @ N])
    close = {"rtol": 1e-11, "atol": 1e-10} if dtype == np.float64 else {"rtol": 1e-3, "atol": 2e-3}
    np.testing.assert_allclose(swept.rows, K @ M, **close)
    np.testing.assert_allclose(swept.probe, A.T @ K @ N, **close)
    np.testing.assert_allclose(swept.gram, both.T @ both, **close)
    assert swept.gram.dtype == np.float64
    if first:
        assert swept.residual2 == pytest.approx(np.linalg.norm(R @ Y.T - A) ** 2, rel=1e-5)
    else:
        assert swept.residual2 is None
    alone = storage.sweep(R.astype(dtype) if first else None, Y.astype(dtype), M.astype(dtype))
    np.testing.assert_allclose(alone.probe, A.T @ K @ M, **close)
    np.testing.assert_allclose(alone.gram, (K @ M).T @ K @ M, **close)


@given(m=st.integers(1, 50), n=st.integers(1, 12), exponent=st.integers(-150, 150), seed=st.integers(0, 99))
def test_norms_and_products(m, n, exponent, seed):
    rng = np.random.default_rng(seed)
    A, X, Y = (rng.standard_normal(shape) for shape in ((m, n), (m, 2), (n, 2)))
    A *= 10.0**exponent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK_BYTES", 400)
        storage = Dense(A, threads=1)
    scaled = np.linalg.norm(A / 10.0**exponent) * 10.0**exponent
    assert storage.norm() == pytest.approx(scaled, rel=1e-12)
    np.testing.assert_allclose(storage.times(Y), A @ Y, rtol=1e-10, atol=1e-12 * abs(A).max())
    np.testing.assert_allclose(storage.transpose_times(X), A.T @ X, rtol=1e-10, atol=1e-12 * abs(A).max())
    assert storage.residual_norm(X, 0 * Y) == pytest.approx(scaled, rel=1e-12)
    assert storage.residual_norm(A, np.eye(n)) == 0.0


@given(m=st.integers(1, 10_000), n=st.integers(1, 3000), itemsize=st.sampled_from([4, 8]))
def test_blocks_cover_the_rows_once_in_order(m, n, itemsize):
    blocks = arrays.row_blocks((m, n), itemsize)
    assert [block.start for block in blocks] == [0, *(block.stop for block in blocks[:-1])]
    assert blocks[-1].stop == m
    assert all(block.stop > block.start for block in blocks)
