"""Entries line by line: sums, turning, sharing out; the same numbers however the work is cut."""

import math

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lopside.storage import lines as module
from lopside.storage import stretches
from lopside.storage.lines import Lines


def table(seed, m=9, n=7, density=0.4, weighted=True, kind=np.float64):
    """Dense values and weights, of some lines nothing."""
    rng = np.random.default_rng(seed)
    known = (rng.random((m, n)) < density) & (rng.random((m, 1)) < 0.8)
    known[rng.integers(m), rng.integers(n)] = True
    W = np.where(known, rng.uniform(0.5, 2.0, (m, n)) if weighted else 1.0, 0.0).astype(kind)
    return rng.standard_normal((m, n)).astype(kind), W


def lines_of(A, W, weighted=True, threads=1, index=np.int32):
    known = W > 0
    held = scipy.sparse.csr_array(known.astype(float))
    return Lines(
        held.indptr.astype(index), held.indices.astype(index), A[known], W[known] if weighted else None, A.shape[1],
        threads,
    )  # fmt: skip


@given(m=st.integers(1, 9), n=st.integers(1, 9), density=st.floats(0, 1), seed=st.integers(0, 999),
       weighted=st.booleans(), stretch=st.sampled_from([1, 2, 3, 7, 1 << 20]), kind=st.sampled_from("df"))  # fmt: skip
def test_sums_over_lines_however_the_entries_are_cut(m, n, density, seed, weighted, stretch, kind):
    A, W = table(seed, m, n, density, weighted, kind)
    lines = lines_of(A, W, weighted)
    exact, weights = A.astype(float), W.astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "_STRETCH", stretch)
        assert lines.entries == (W > 0).sum()
        np.testing.assert_array_equal(lines.counts(), (W > 0).sum(axis=1))
        np.testing.assert_array_equal(lines.across(), (W > 0).sum(axis=0))
        np.testing.assert_allclose(lines.totals(), weights.sum(axis=1), rtol=1e-14)
        np.testing.assert_allclose(lines.turned().totals(), weights.sum(axis=0), rtol=1e-14)
        assert lines.norm() == pytest.approx(math.sqrt((weights * exact**2).sum()), rel=1e-14)
        doubled, cubed = lines.stretched(
            lambda part, line: [np.bincount(line, power * lines.values[part].astype(float)) for power in (2, 3)]
        )
        for got, power in ((doubled, 2), (cubed, 3)):
            np.testing.assert_allclose(got, power * (exact * (W > 0)).sum(axis=1), rtol=1e-13, atol=1e-14)
        for start in range(lines.entries):
            first, line = lines.lines_of(slice(start, min(start + stretch, lines.entries)))
            rows = np.repeat(np.arange(m), lines.counts())[start : start + stretch]
            np.testing.assert_array_equal(first + line, rows)


@pytest.mark.parametrize("weighted", [True, False])
def test_turned_lines_are_those_of_the_transpose(weighted):
    A, W = table(1, weighted=weighted)
    turned = lines_of(A, W, weighted, threads=3).turned()
    straight = lines_of(A.T.copy(), W.T.copy(), weighted)
    assert turned.shape == straight.shape == A.shape[::-1]
    assert turned.threads == 3
    for name in ("indptr", "indices", "values"):
        np.testing.assert_array_equal(getattr(turned, name), getattr(straight, name))
    if weighted:
        np.testing.assert_array_equal(turned.weights, straight.weights)
    else:
        assert turned.weights is None
    assert turned.matrix().shape == turned.shape


def test_the_sparse_matrix_of_the_entries_or_of_other_numbers_there():
    A, W = table(2)
    lines = lines_of(A, W)
    Y = np.random.default_rng(0).standard_normal((A.shape[1], 3))
    np.testing.assert_allclose(lines.matrix().times(Y), (A * (W > 0)) @ Y, atol=1e-14)
    np.testing.assert_allclose(lines.matrix(lines.weights).times(Y), W @ Y, atol=1e-14)


def test_bytes_are_those_of_the_arrays():
    A, W = table(3)
    k, m = int((W > 0).sum()), len(A)
    assert lines_of(A, W).nbytes == 4 * (m + 1) + (4 + 8 + 8) * k
    assert lines_of(A, W, weighted=False).nbytes == 4 * (m + 1) + (4 + 8) * k


def work(lines, d=5, kind=np.float64):
    """Everything there is to be done, as bytes."""
    rng = np.random.default_rng(4)
    (m, n), ridge = lines.shape, np.full(lines.shape[0], 0.1)
    X, Y = rng.standard_normal((m, d)).astype(kind), rng.standard_normal((n, d + 1)).astype(kind)
    E = np.empty(lines.entries, kind)
    columns, units = list(range(d)), np.linspace(0.5, 2.0, d).astype(kind)
    found = [*lines.gradient(X, Y[:, :d], columns[::-1]), lines.squares(X, Y[:, :d], E), E]
    for damping, fixed in ((0.0, True), (0.2, False)):
        table = lines.table(Y, range(d + fixed), units)
        what = {"columns": columns, "units": units, "fixed": fixed, "damping": damping}
        found += [*lines.solve(X, table, ridge, **what), lines.improve(X, table, ridge, **what, steps=2)]
    return [array.tobytes() for array in found]


@pytest.mark.parametrize("kernels", ["compiled", "numpy"])
def test_rows_are_solved_for_in_some_columns_and_in_units_of_their_own(monkeypatch, kernels):
    monkeypatch.setenv("LOPSIDE_KERNELS", kernels)
    A, W = table(7, 12, 30, 0.6)
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((12, 4)), rng.standard_normal((30, 4))
    free, still, units, ridge = [2, 0], 3, np.array([1.5, 0.25]), rng.random(12) + 0.1
    lines = lines_of(A, W)
    picked = {"columns": free, "units": units, "fixed": True}
    new, squares = lines.solve(X, lines.table(Y, [*free, still], units), ridge, **picked)
    expected = X.copy()
    for i, w in enumerate(W):
        # In units: x = u·z, with the ridge on z, and the column that stays on the other side.
        T = Y[:, free] * units
        z = np.linalg.solve(T.T @ (w[:, None] * T) + ridge[i] * np.eye(2), T.T @ (w * (A[i] - Y[:, still])))
        expected[i, free] = z * units
        assert squares[i] == pytest.approx((w * (T @ z + Y[:, still] - A[i]) ** 2).sum(), rel=1e-9)
    np.testing.assert_allclose(new, expected, rtol=1e-9, atol=1e-12)
    after = lines.improve(X, lines.table(Y, [*free, still], units), ridge, **picked, damping=0.0, steps=2)
    np.testing.assert_allclose(after, expected, rtol=1e-6, atol=1e-9)  # two unknowns: two steps of conjugate gradients
    slope, _ = lines.gradient(X, Y, free)
    np.testing.assert_allclose(slope, ((W * (X @ Y.T - A)) @ Y)[:, free], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [True, False])
def test_same_bits_on_any_number_of_threads(kind, weighted):
    for d, density in ((5, 0.5), (24, 0.15)):  # rows of many entries, and of few
        A, W = table(5, 1500, 80, density, weighted, kind)
        once = work(lines_of(A, W, weighted), d, kind)
        assert len(lines_of(A, W, weighted)._shares(d)) > 2
        for threads in (2, 3, 5):
            assert work(lines_of(A, W, weighted, threads), d, kind) == once


@pytest.mark.parametrize("kernels", ["compiled", "numpy"])
@pytest.mark.parametrize("d", [5, 24])
def test_same_bits_however_the_lines_are_shared_out(monkeypatch, kernels, d):
    monkeypatch.setenv("LOPSIDE_KERNELS", kernels)
    A, W = table(6, 50, 20, 0.5)
    monkeypatch.setattr(module, "_WORK", 1 << 40)
    whole = lines_of(A, W)
    assert len(whole._shares(d)) == 1
    expected = work(whole, d)
    for size in (1, 100, 1000):
        monkeypatch.setattr(module, "_WORK", size)
        parts = lines_of(A, W, threads=2)
        assert len(parts._shares(d)) > 1
        assert work(parts, d) == expected


@given(m=st.integers(1, 200), seed=st.integers(0, 99), work=st.integers(1, 10**6))
def test_shares_are_all_lines_once(m, seed, work):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 3, m) * rng.integers(0, 2, m) * rng.integers(1, 100, m)
    counts[rng.integers(m)] += 1
    indptr = np.r_[0, np.cumsum(counts)]
    entries = int(indptr[-1])
    lines = Lines(indptr, np.zeros(entries, int), np.zeros(entries), None, 1, 1)
    shares = lines._shares(work)
    assert [0, *[share.stop for share in shares]] == [*[share.start for share in shares], m]
    assert all(share.start < share.stop for share in shares)
    assert lines._shares(work) is shares
