"""Every storage answers the sweep contract like the formula written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lopside import arrays
from lopside.errors import InputError
from lopside.storage.shifted import Shifted

WAYS = ("rows", "columns", "gaps", "sparse", "file", "view", "operator")
KINDS = ("plain", "scaled", "shifted", "shifted and scaled")
FEW = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
CLOSE = {"float64": {"rtol": 1e-10, "atol": 1e-10}, "float32": {"rtol": 2e-3, "atol": 4e-3}}


def held(make, A, kind, rng):
    """Return a storage over A, plain or with row weights or less a rank-one matrix, and what it stands for."""
    m, n = A.shape
    scale = rng.uniform(0.5, 2.0, m) if "scaled" in kind else None
    storage, B = make(A, 2, scale), A.astype(np.float64)
    if scale is not None:
        B = B * scale[:, None]
    if "shifted" in kind:
        u, v = rng.standard_normal(m), rng.standard_normal(n)
        return Shifted(storage, u, v), B - np.outer(u, v)
    return storage, B


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@FEW
@given(m=st.integers(1, 90), n=st.integers(1, 20), d=st.integers(1, 5), first=st.booleans(), seed=st.integers(0, 99))
def test_a_sweep_is_the_formula(makers, way, kind, dtype, m, n, d, first, seed):
    rng = np.random.default_rng(seed)
    p = d if first else 0
    A, R, Y, M, N = (
        rng.standard_normal(shape).astype(dtype) for shape in ((m, n), (m, p), (n, d), (p + d, 2), (p + d, 3))
    )
    storage, B = held(makers[way], A, kind, rng)
    assert storage.dtype == dtype or kind.startswith("shifted")
    top, close = R if first else None, CLOSE[np.dtype(dtype).name]
    swept = storage.sweep(top, Y, M, N, residual=first)
    alone = storage.sweep(top, Y, M)
    assert swept.rows.dtype == storage.dtype
    assert swept.rows.flags.c_contiguous
    assert swept.gram.dtype == np.float64
    R, Y, M, N = (F.astype(np.float64) for F in (R, Y, M, N))
    K = np.hstack([R, B @ Y])
    both = np.hstack([K @ M, K @ N])
    np.testing.assert_allclose(swept.rows, K @ M, **close)
    np.testing.assert_allclose(swept.probe, B.T @ K @ N, **close)
    np.testing.assert_allclose(swept.gram, both.T @ both, **close)
    np.testing.assert_allclose(alone.rows, K @ M, **close)
    np.testing.assert_allclose(alone.probe, B.T @ K @ M, **close)
    np.testing.assert_allclose(alone.gram, (K @ M).T @ K @ M, **close)
    assert alone.residual2 is None
    if first:
        assert swept.residual2 == pytest.approx(np.linalg.norm(R @ Y.T - B) ** 2, rel=1e-5)
    else:
        assert swept.residual2 is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(m=st.integers(1, 90), n=st.integers(1, 12), exponent=st.integers(-140, 140), seed=st.integers(0, 99))
def test_norms_and_products(makers, way, kind, m, n, exponent, seed):
    rng = np.random.default_rng(seed)
    A, X, Y = (rng.standard_normal(shape) for shape in ((m, n), (m, 2), (n, 2)))
    A *= 10.0**exponent
    storage, B = held(makers[way], A, kind, rng)
    size = abs(B).max()
    norm = np.linalg.norm(B / size) * size
    close = {"rtol": 1e-10, "atol": 1e-12 * size}
    assert storage.norm() == pytest.approx(norm, rel=1e-12)
    np.testing.assert_allclose(storage.times(Y), B @ Y, **close)
    np.testing.assert_allclose(storage.transpose_times(X), B.T @ X, **close)
    assert storage.residual_norm(X, 0 * Y) == pytest.approx(norm, rel=1e-12)
    assert storage.residual_norm(B, np.eye(n)) <= 1e-14 * norm
    assert storage.shape == B.shape
    assert storage.layout


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "shifted and scaled"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_do_not_depend_on_the_threads(makers, way, kind, dtype):
    rng = np.random.default_rng(3)
    A, R, Y, M, N = (
        rng.standard_normal(shape).astype(dtype) for shape in ((333, 29), (333, 3), (29, 3), (6, 2), (6, 3))
    )
    found = []
    for threads in (1, 2, 3, 4):

        def make(A, _, scale, threads=threads):
            return makers[way](A, threads, scale)

        storage, _ = held(make, A, kind, np.random.default_rng(5))
        swept = storage.sweep(R, Y, M, N, residual=True)
        found.append(
            (
                *(swept.rows, swept.probe, swept.gram, np.array(swept.residual2)),
                *(storage.sweep(None, Y, M[:3]).probe, storage.times(Y), storage.transpose_times(R)),
                *(np.array(storage.norm()), np.array(storage.residual_norm(R, Y))),
            )
        )
    for others in found[1:]:
        for part, other in zip(found[0], others, strict=True):
            assert part.tobytes() == other.tobytes()


@given(m=st.integers(1, 10_000), n=st.integers(1, 3000), itemsize=st.sampled_from([4, 8]))
def test_blocks_cover_the_rows_once_in_order(m, n, itemsize):
    blocks = arrays.row_blocks((m, n), itemsize)
    assert [block.start for block in blocks] == [0, *(block.stop for block in blocks[:-1])]
    assert blocks[-1].stop == m
    assert all(block.stop > block.start for block in blocks)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_operands_that_do_not_fit_are_refused(makers, way, kind):
    rng = np.random.default_rng(0)
    storage, _ = held(makers[way], rng.standard_normal((9, 7)), kind, rng)
    X, Y, M = rng.standard_normal((9, 2)), rng.standard_normal((7, 2)), rng.standard_normal((4, 2))
    storage.sweep(X, Y, M)
    refused = [
        lambda: storage.sweep(X[1:], Y, M),
        lambda: storage.sweep(X, Y[1:], M),
        lambda: storage.sweep(X, Y, M[1:]),
        lambda: storage.sweep(X, Y, M, M[1:]),
        lambda: storage.sweep(X[:, 1:], Y, M[1:], residual=True),
        lambda: storage.times(X),
        lambda: storage.transpose_times(Y),
        lambda: storage.residual_norm(X, X),
        lambda: storage.residual_norm(X[:, 1:], Y),
    ]
    for call in refused:
        with pytest.raises(InputError, match=r"for a matrix of shape 9 × 7; expected shapes that fit"):
            call()
