"""The pass over CSR rows: right for every shape and type, accurate residuals, and safe beyond 2³¹ entries."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lopside.kernels import csr, plain_csr
from lopside.storage.sparse import Sparse

# Around every edge there is: vectors of 4 to 16 numbers, stacks of 4 vectors, 32 entries ahead, rows of no entry.
ROWS, COLUMNS, RANKS = st.integers(1, 60), st.integers(1, 90), st.integers(1, 70)


def matrix(m, n, density, seed, kind="d", index=np.int32):
    rng = np.random.default_rng(seed)
    A = scipy.sparse.csr_array(rng.standard_normal((m, n)).astype(kind) * (rng.random((m, n)) < density))
    A.indices, A.indptr = A.indices.astype(index), A.indptr.astype(index)
    return A


def table(kernel, Y):
    # Cache lines are 64 bytes: start at one.
    size = kernel.length(*Y.shape, Y.itemsize)
    raw = np.full(size + 64 // Y.itemsize, np.nan, Y.dtype)
    skipped = -raw.ctypes.data % 64 // Y.itemsize
    return kernel.pack(Y, raw[skipped : skipped + size])


def unpacked(kernel, P, shape):
    out = np.empty(shape, P.dtype)
    for rows in (slice(0, 7), slice(7, shape[0])):
        kernel.unpack([P, P], rows, out)
    return out / 2


def swept(kernel, A, rows, scale, X, Y, MN, first, visit):
    kind, z, k = Y.dtype, MN.shape[1], MN.shape[1] - 2
    (m, n), d, l = A.shape, Y.shape[1], z - first
    padded = np.zeros((len(MN), kernel.pitch(z, kind.itemsize)), kind)
    padded[:, :z] = MN
    out, P, G = np.zeros((m, k), kind), table(kernel, np.zeros((n, l), kind)), np.zeros((z, kernel.pitch(z, 8)))
    kernel.sweep(
        A.indptr, A.indices, A.data, *rows, scale, X, n, d, table(kernel, Y), padded, k, first, out, P, G, visit
    )
    return out, unpacked(kernel, P, (n, l)), G[:, :z]


@pytest.mark.parametrize("types", ["dd", "ff", "fd"])
@given(m=ROWS, n=COLUMNS, d=RANKS, p=st.integers(0, 9), density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
       index=st.sampled_from([np.int32, np.int64]), first=st.integers(0, 3), scaled=st.booleans(),
       cut=st.floats(0, 1), visit=st.sampled_from([1, 40, 10**6]), seed=st.integers(0, 99))  # fmt: skip
def test_the_compiled_sweep_is_the_plain_one(types, m, n, d, p, density, index, first, scaled, cut, visit, seed):
    rng = np.random.default_rng(seed)
    A = matrix(m, n, density, seed, types[0], index)
    X, Y, MN = (rng.standard_normal(shape).astype(types[1]) for shape in ((m, p), (n, d), (p + d, first + 4)))
    scale = rng.random(m if scaled else 0).astype(types[1])
    rows = (int(cut * (m - 1)), m)
    ours = swept(csr, A, rows, scale, X, Y, MN, first, visit)
    exact = (B.astype(np.float64) for B in (scale, X, Y, MN))
    theirs = swept(plain_csr, A.astype(np.float64), rows, *exact, first, visit)
    u = np.finfo(Y.dtype).eps * (m + n + p + d) * 8
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=u * max(1e-3, np.abs(expected).max()))


@given(m=ROWS, n=COLUMNS, d=RANKS, scaled=st.booleans(), visit=st.sampled_from([1, 10**6]), seed=st.integers(0, 99))
def test_products_alone(m, n, d, scaled, visit, seed):
    rng = np.random.default_rng(seed)
    A, X, Y = matrix(m, n, 0.3, seed), rng.standard_normal((m, d)), rng.standard_normal((n, d))
    scale = rng.random(m if scaled else 0)
    B = A.toarray() * scale[:, None] if scaled else A.toarray()
    for kernel in (csr, plain_csr):
        whole = (A.indptr, A.indices, A.data, 0, m, scale)
        out, P = np.empty((m, d)), table(kernel, np.zeros((n, d)))
        kernel.times(*whole, n, d, table(kernel, Y), out, visit)
        kernel.transpose_times(*whole, n, X, P, visit)
        np.testing.assert_allclose(out, B @ Y, rtol=0, atol=1e-12)
        np.testing.assert_allclose(unpacked(kernel, P, (n, d)), B.T @ X, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernels", ["compiled", "numpy"])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_residuals_keep_their_digits(monkeypatch, kernels, kind):
    monkeypatch.setenv("LOPSIDE_KERNELS", kernels)
    rng = np.random.default_rng(0)
    X, Y = (np.kron(np.eye(4), rng.standard_normal((size, 1))) for size in (50, 20))
    exact = (X @ Y.T).astype(kind)
    for noise in (1.0, 1e-3, 1e-5, 1e-9):
        A = exact * (1 + noise * rng.standard_normal(exact.shape)).astype(kind)
        storage = Sparse(scipy.sparse.csr_array(A), 2)
        E = X @ Y.T - A.astype(np.float64)
        assert storage.residual_norm(X, Y) == pytest.approx(np.linalg.norm(E), rel=1e-8)
        assert storage.sweep(X, Y, np.eye(8), residual=True).residual2 == pytest.approx((E**2).sum(), rel=1e-8)


def test_factors_that_cancel_each_other_are_seen():
    # X Yᵀ is tiny although X and Y are not: rounding follows the terms, not their sum.
    rng = np.random.default_rng(1)
    A = matrix(40, 30, 0.2, 1)
    X, Y = 1e6 * rng.standard_normal((40, 1)), rng.standard_normal((30, 1))
    found = Sparse(A).residual_norm(np.hstack([X, -X]), np.hstack([Y, Y]))
    assert found == pytest.approx(np.linalg.norm(A.toarray()), rel=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_norms_whose_squares_leave_the_range(size):
    A = matrix(40, 30, 0.2, 2)
    storage = Sparse(A * size)
    assert storage.norm() == pytest.approx(np.linalg.norm(A.toarray()) * size)
    X, Y = np.ones((40, 1)), np.ones((30, 1))
    expected = np.linalg.norm(X @ Y.T - A.toarray()) * size
    assert storage.residual_norm(X * size, Y) == pytest.approx(expected)


def test_two_callers_at_once_do_not_share_sums():
    rng = np.random.default_rng(3)
    A = matrix(3000, 300, 0.2, 3)
    storage, found = Sparse(A, 2), {}
    factors = {name: rng.standard_normal((300, 5)) for name in "ab"}

    def fit(name):
        found[name] = [storage.sweep(None, factors[name], np.eye(5)).probe for _ in range(20)]

    threads = [threading.Thread(target=fit, args=name) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, Y in factors.items():
        expected = A.T @ (A @ Y)
        for probe in found[name]:
            np.testing.assert_allclose(probe, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
            assert probe.tobytes() == found[name][0].tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
def test_entries_beyond_2_to_the_31(tmp_path):
    # Only the last two of three rows are read; the first is a hole in both files.
    start, d = 2**31 + 5, 3
    indices, values = (
        np.memmap(tmp_path / name, kind, "w+", shape=start + 40) for name, kind in (("i", np.int32), ("v", np.float32))
    )
    rng = np.random.default_rng(0)
    tail = scipy.sparse.csr_array(np.vstack([np.arange(1.0, 31), np.r_[np.ones(10), np.zeros(20)]]))
    indices[start:], values[start:] = tail.indices, tail.data
    indptr = np.r_[0, start + tail.indptr.astype(np.int64)]
    X, Y = rng.standard_normal((3, d)), rng.standard_normal((30, d))
    out, P, none = np.zeros((3, d)), table(csr, np.zeros((30, d))), np.zeros(0)
    csr.times(indptr, np.asarray(indices), np.asarray(values), 1, 3, none, 30, d, table(csr, Y), out, 100)
    csr.transpose_times(indptr, np.asarray(indices), np.asarray(values), 1, 3, none, 30, X, P, 100)
    np.testing.assert_allclose(out[1:], tail @ Y, rtol=1e-13)
    np.testing.assert_allclose(unpacked(csr, P, (30, d)), tail.T @ X[1:], rtol=1e-13, atol=1e-13)


def test_many_groups_of_rows_are_one_matrix(monkeypatch):
    monkeypatch.setattr("lopside.storage.sparse.GROUP_WORK", 1)
    rng = np.random.default_rng(4)
    A = matrix(500, 3, 0.6, 4)
    A = scipy.sparse.csr_array(scipy.sparse.vstack([A, scipy.sparse.csr_array((70, 3)), A[:1]]))
    Y = rng.standard_normal((3, 2))
    swept = Sparse(A, 3).sweep(None, Y, np.eye(2))
    np.testing.assert_allclose(swept.probe, A.T @ (A @ Y), rtol=0, atol=1e-10)
    np.testing.assert_allclose(swept.gram, (A @ Y).T @ (A @ Y), rtol=1e-12)
