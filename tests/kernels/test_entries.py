"""Loops over observed entries: compiled and plain ones are the formula, for every size, type and number of entries."""

from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lopside import kernels
from lopside.kernels import entries, plain_entries
from lopside.storage.lines import Lines

KERNELS = {"compiled": entries, "plain": plain_entries}
SAME = ["dd", "ff"]  # types of the values and of the factors
TYPES = [*SAME, "fd"]  # a certificate takes float64 factors of float32 values

# Around every edge there is: vectors of 4 to 16 numbers, rows of up to 8 vectors in registers, 24 entries ahead,
# 64 entries side by side, rows of no entry.
ROWS, COLUMNS, RANKS = st.integers(1, 20), st.integers(1, 200), st.integers(1, 70)
CASE = {
    "m": ROWS, "n": COLUMNS, "d": RANKS, "density": st.sampled_from([0.0, 0.1, 0.5, 1.0]), "weighted": st.booleans(),
    "seed": st.integers(0, 999),
}  # fmt: skip
FULL = {"m": 18, "n": 150, "density": 1.0, "seed": 0}


class Kernels:
    """What lines are asked for, done by a given set of kernels; rows are replaced in place."""

    def __init__(self, lines, kernel):
        self.lines, self.kernel = lines, kernel

    def _do(self, name, *arguments, **options):
        with mock.patch.object(kernels, "entries_kernel", return_value=self.kernel):
            return getattr(self.lines, name)(*arguments, **options)

    def gradient(self, X, Y):
        return self._do("gradient", X, Y, range(X.shape[1]))

    def squares(self, *arguments):
        return self._do("squares", *arguments)

    def _replace(self, name, X, Y, ridge, **options):
        free = range(X.shape[1])
        units = np.ones(X.shape[1], X.dtype)
        table = self._do("table", Y, range(Y.shape[1]), units)
        return self._do(name, X, table, ridge, columns=free, units=units, **options)

    def solve(self, X, Y, ridge, **options):
        """Return the least values, less what damping adds."""
        X[:], squares = self._replace("solve", X, Y, ridge, **options)
        return squares + ridge * (X.astype(float) ** 2).sum(axis=1)

    def improve(self, X, Y, ridge, **options):
        X[:] = self._replace("improve", X, Y, ridge, **options)


class Case:
    """A table some entries of which are known, factors, and the same in float64 for the formulas."""

    def __init__(self, types, m, n, d, density, weighted, seed, index=np.int32):
        rng = np.random.default_rng(seed)
        values, self.kind = (np.dtype(kind) for kind in types)
        known = (rng.random((m, n)) < density) & (rng.random((m, 1)) < 0.8)
        A = rng.standard_normal((m, n)).astype(values)
        W = (known * (rng.uniform(0.5, 2.0, (m, n)) if weighted else 1.0)).astype(values)
        X, Y = ((rng.standard_normal((side, d)) / np.sqrt(d)).astype(self.kind) for side in (m, n))
        held = scipy.sparse.csr_array(known.astype(float))
        indptr, indices = held.indptr.astype(index), held.indices.astype(index)
        self.lines = Lines(indptr, indices, A[known], W[known] if weighted else None, n, 1)
        self.known, self.given, self.d = known, (X, Y), d
        self.A, self.W, self.X, self.Y = (B.astype(np.float64) for B in (A, W, X, Y))
        # Sums of some hundred products of numbers near 1, and of their squares.
        self.u = 50 * np.finfo(self.kind).eps * np.sqrt(d + n)

    @property
    def missed(self):
        return np.where(self.known, self.X @ self.Y.T - self.A, 0.0)

    def on(self, name):
        """The methods of the entries' lines, with these kernels."""
        return Kernels(self.lines, KERNELS[name])

    def minimized(self, ridge, damping, fixed):
        """Each row's minimizer and the least value of its sum, by LAPACK."""
        free = self.d - fixed
        X, T = self.X[:, :free].copy(), self.Y[:, :free]
        least = np.zeros(len(X))
        for i, w in enumerate(self.W):
            a = self.A[i] - (self.Y[:, -1] if fixed else 0.0)
            G = (T * w[:, None]).T @ T + (ridge[i] + damping) * np.eye(free)
            x = np.linalg.solve(G, T.T @ (w * a) + damping * X[i])
            least[i] = (w * (T @ x - a) ** 2).sum() + ridge[i] * x @ x + damping * ((x - X[i]) ** 2).sum()
            X[i] = x
        return X, least


def close(got, expected, tolerance):
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max(initial=0.0)))


@pytest.mark.parametrize("types", TYPES)
@example(**FULL, d=65, weighted=True)
@example(**FULL, d=140, weighted=False)
@settings(max_examples=60)
@given(**CASE)
def test_gradients_and_squares_are_the_formula(types, **case):
    case = Case(types, **case)
    missed = case.missed
    slope, squares = (case.W * missed) @ case.Y, (case.W * missed**2).sum(axis=1)
    for name in KERNELS:
        G, sums = case.on(name).gradient(*case.given)
        close(G, slope, case.u)
        close(sums, squares, case.u)
        assert G.dtype == case.kind
        assert sums.dtype == np.float64
        close(case.on(name).squares(*case.given), squares, case.u)


@pytest.mark.parametrize(("types", "kept"), [("dd", "d"), ("ff", "f"), ("fd", "f")])
@example(**FULL, d=65, weighted=True)
@example(**FULL, d=140, weighted=False)
@settings(max_examples=40)
@given(**CASE)
def test_residuals_entry_by_entry_are_the_formula(types, kept, **case):
    case = Case(types, **case)
    for name in KERNELS:
        E = np.full(case.lines.entries, np.nan, kept)
        sums = case.on(name).squares(*case.given, E)
        close(E, -(case.W * case.missed)[case.known], case.u + 4 * np.finfo(kept).eps)
        close(sums, (case.W * case.missed**2).sum(axis=1), case.u)


@pytest.mark.parametrize("types", SAME)
@example(**FULL, d=65, weighted=True, fixed=True, damping=0.0)
@example(**FULL, d=140, weighted=False, fixed=False, damping=0.0)
@settings(max_examples=40)
@given(**CASE, fixed=st.booleans(), damping=st.sampled_from([0.0, 0.7]))
def test_each_row_is_solved(types, fixed, damping, **case):
    case = Case(types, **(case | {"d": case["d"] + fixed}))
    ridge = np.random.default_rng(1).uniform(0.5, 2.0, len(case.X))
    expected, least = case.minimized(ridge, damping, fixed)
    for name in KERNELS:
        part = case.given[0][:, : case.d - fixed].copy()
        table = case.given[1]
        sums = case.on(name).solve(part, table, ridge, fixed=fixed, damping=damping)
        close(part, expected, 20 * case.u)
        if not damping:
            close(sums, least, 20 * case.u)


@pytest.mark.parametrize("types", SAME)
@example(**FULL, d=65, weighted=True, fixed=True, damping=0.0, steps=2)
@example(**FULL, d=140, weighted=False, fixed=False, damping=0.0, steps=2)
@settings(max_examples=40)
@given(**CASE, fixed=st.booleans(), damping=st.sampled_from([0.0, 0.7]), steps=st.sampled_from([1, 2, 30]))
def test_conjugate_gradients_row_by_row(types, fixed, damping, steps, **case):
    case = Case(types, **(case | {"d": case["d"] + fixed}))
    ridge = np.random.default_rng(1).uniform(1.0, 2.0, len(case.X))
    found = {}
    for name in KERNELS:
        part = case.given[0][:, : case.d - fixed].copy()
        case.on(name).improve(part, case.given[1], ridge, fixed=fixed, damping=damping, steps=steps)
        found[name] = part
    assert found["compiled"].dtype == case.kind
    if steps == 30:
        expected = case.minimized(ridge, damping, fixed)[0]
        for part in found.values():
            close(part, expected, 200 * case.u)
    elif steps == 1:
        # The steepest descent: its step is the best along the gradient.
        free = case.d - fixed
        T, X = case.Y[:, :free], case.X[:, :free]
        still = case.Y[:, -1] if fixed else 0.0
        r = (case.W * (case.A - X @ T.T - still)) @ T - ridge[:, None] * X
        curved = (case.W * (r @ T.T) ** 2).sum(axis=1) + (ridge + damping) * (r**2).sum(axis=1)
        length = np.divide((r**2).sum(axis=1), curved, out=np.zeros(len(r)), where=curved > 0)
        for part in found.values():
            close(part, X + length[:, None] * r, 20 * case.u)
    close(found["compiled"], found["plain"], 200 * case.u)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("kind", "smallest"), [("d", 1e-3), ("d", 1e-14), ("f", 1e-2), ("f", 1e-6)])
@pytest.mark.parametrize("ridge", [1.0, 1e-2])
@pytest.mark.parametrize("count", [3, 6, 40])
def test_weights_of_very_different_size(name, kind, smallest, ridge, count):
    # An entry that hardly counts must not make others look like rounding, whichever system is solved.
    rng = np.random.default_rng(count)
    d, w = 14, np.geomspace(smallest, 1.0, count)
    T, a = (rng.standard_normal((count, d)) / 14).astype(kind), rng.standard_normal(count).astype(kind)
    w = w.astype(kind)
    lines = Lines(np.array([0, count], np.int32), np.arange(count, dtype=np.int32), a, w, count, 1)
    x = np.zeros((1, d), kind)
    least = Kernels(lines, KERNELS[name]).solve(x, T, np.array([ridge]), fixed=False, damping=0.0)
    T, a, w = (B.astype(float) for B in (T, a, w))
    expected = np.linalg.solve((T * w[:, None]).T @ T + ridge * np.eye(d), T.T @ (w * a))
    np.testing.assert_allclose(x[0], expected, rtol=0, atol=1e4 * np.finfo(kind).eps * np.abs(expected).max())
    exact = w @ (T @ expected - a) ** 2 + ridge * expected @ expected
    assert least[0] == pytest.approx(exact, rel=1e4 * float(np.finfo(kind).eps))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("kind", "smallest"), [("d", 1e-12), ("f", 1e-6)])
def test_columns_of_very_different_size(name, kind, smallest):
    # A small column takes a large coefficient; it is no rounding of the others.
    rng = np.random.default_rng(0)
    d, count = 5, 40
    sizes, T = np.geomspace(smallest, 1.0, d).astype(kind), rng.standard_normal((count, d)).astype(kind)
    a = rng.standard_normal(count).astype(kind)
    lines, x = (
        Lines(np.array([0, count], np.int32), np.arange(count, dtype=np.int32), a, None, count, 1),
        np.zeros((1, d), kind),
    )
    Kernels(lines, KERNELS[name]).solve(x, T * sizes, np.zeros(1), fixed=False, damping=0.0)
    expected = np.linalg.lstsq(T.astype(float), a.astype(float))[0]
    np.testing.assert_allclose(x[0] * sizes.astype(float), expected, rtol=0, atol=100 * np.finfo(kind).eps)


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=40)
@given(m=ROWS, n=st.integers(1, 60), d=st.integers(1, 40), density=st.sampled_from([0.1, 0.3, 1.0]),
       weighted=st.booleans(), fixed=st.booleans(), ridge=st.sampled_from([1e-9, 1e-4]),
       seed=st.integers(0, 999))  # fmt: skip
def test_small_ridges_leave_no_slope(name, m, n, d, density, weighted, fixed, ridge, seed):
    # Where the answer itself is ill conditioned, what holds is that its equations do.
    case = Case("dd", m, n, d + fixed, density, weighted, seed)
    part, level = case.given[0][:, :d].copy(), np.random.default_rng(seed).uniform(1.0, 2.0, m) * ridge
    sums = case.on(name).solve(part, case.given[1], level, fixed=fixed, damping=0.0)
    T = case.Y[:, :d]
    for i, w in enumerate(case.W):
        a = case.A[i] - (case.Y[:, -1] if fixed else 0.0)
        G, b = (T * w[:, None]).T @ T + level[i] * np.eye(d), T.T @ (w * a)
        size = np.linalg.norm(G, 2) * np.linalg.norm(part[i]) + np.linalg.norm(b)
        assert np.linalg.norm(G @ part[i] - b) <= 1e-13 * size
        least = w @ (T @ part[i] - a) ** 2 + level[i] * part[i] @ part[i]
        assert sums[i] == pytest.approx(least, rel=1e-6, abs=1e-12 * float(w @ a**2))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("weighted", [True, False])
def test_indices_of_64_bits(name, weighted):
    case = Case("dd", 7, 90, 5, 0.9, weighted, 3, np.int64)
    narrow = Case("dd", 7, 90, 5, 0.9, weighted, 3)
    ridge = np.ones(7)

    def work(lines):
        best, better = case.given[0].copy(), case.given[0].copy()
        sums = lines.solve(best, case.given[1], ridge, fixed=False, damping=0.0)
        lines.improve(better, case.given[1], ridge, fixed=False, damping=0.0, steps=2)
        return [*lines.gradient(*case.given), lines.squares(*case.given), best, better, sums]

    for got, expected in zip(work(case.on(name)), work(narrow.on(name)), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("count", [1, 2])
def test_weights_of_a_single_entry_count(name, count):
    rng = np.random.default_rng(count)
    a, w = rng.standard_normal(count), rng.uniform(2.0, 3.0, count)
    lines = Lines(np.array([0, count], np.int32), np.arange(count, dtype=np.int32), a, w, count, 1)
    X, Y, ridge = np.array([[0.5]]), rng.standard_normal((count, 1)), np.array([0.3])
    missed = Y[:, 0] * 0.5 - a

    def work(lines):
        best, better, E = X.copy(), X.copy(), np.empty(count)
        squares = lines.squares(X, Y, E)
        least = lines.solve(best, Y, ridge, fixed=False, damping=0.0)
        lines.improve(better, Y, ridge, fixed=False, damping=0.0, steps=5)
        return *lines.gradient(X, Y), squares, E, best, better, least

    G, sums, squares, E, best, better, least = work(Kernels(lines, KERNELS[name]))
    x = (w * a) @ Y[:, 0] / (w @ Y[:, 0] ** 2 + 0.3)
    assert G[0, 0] == pytest.approx((w * missed) @ Y[:, 0], rel=1e-13)
    assert sums[0] == squares[0] == pytest.approx(w @ missed**2, rel=1e-13)
    np.testing.assert_allclose(E, -w * missed, rtol=1e-13)
    assert best[0, 0] == pytest.approx(x, rel=1e-13)
    assert better[0, 0] == pytest.approx(x, rel=1e-12)
    assert least[0] == pytest.approx(w @ (Y[:, 0] * x - a) ** 2 + 0.3 * x * x, rel=1e-12)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("kind", "df")
@pytest.mark.parametrize("fixed", [False, True])
@settings(max_examples=40)
@given(m=ROWS, n=st.integers(1, 12), d=st.integers(1, 20), seed=st.integers(0, 999),
       damage=st.sampled_from(["few", "copies", "zeros"]))  # fmt: skip
def test_singular_systems_have_a_finite_answer_that_fits(name, kind, fixed, m, n, d, seed, damage):
    # Without a ridge, with fewer entries than unknowns or columns that depend on each other.
    case = Case(kind * 2, m, n, d + fixed, 0.5, True, seed)
    T = case.given[1]
    if damage == "copies":
        T[:, :d] = T[:, :1]
    elif damage == "zeros":
        T[:, : max(1, d // 2)] = 0
    part = case.given[0][:, :d].copy()
    sums = case.on(name).solve(part, T, np.zeros(m), fixed=fixed, damping=0.0)
    assert np.isfinite(part).all()
    assert np.isfinite(sums).all()
    assert not part[~case.known.any(axis=1)].any()
    # As good a fit as LAPACK's without the directions whose squares are near rounding.
    T, level = T.astype(float), np.sqrt(d * float(np.finfo(kind).eps))
    for i, w in enumerate(case.W):
        root, a = np.sqrt(w), case.A[i] - (T[:, -1] if fixed else 0.0)
        best = np.linalg.lstsq(root[:, None] * T[:, :d], root * a, rcond=30 * level)[0]
        missed, least = (np.linalg.norm(root * (T[:, :d] @ x - a)) for x in (part[i], best))
        assert missed <= least + 100 * level * np.linalg.norm(root * a)


@pytest.mark.parametrize("kind", "df")
@pytest.mark.parametrize("visit", [1, 5, 70])
def test_the_plain_ones_visit_a_few_rows_at_a_time(monkeypatch, kind, visit):
    monkeypatch.setattr(plain_entries, "_VISIT", visit)
    case = Case(kind * 2, 19, 30, 4, 0.5, True, 8)
    G, sums = case.on("plain").gradient(*case.given)
    E = np.empty(case.lines.entries, kind)
    squares = case.on("plain").squares(*case.given, E)
    close(G, (case.W * case.missed) @ case.Y, case.u)
    for found in (sums, squares):
        close(found, (case.W * case.missed**2).sum(axis=1), case.u)
    close(E, -(case.W * case.missed)[case.known], case.u)


@pytest.mark.parametrize(("setting", "expected"), [("numpy", plain_entries), ("", entries)])
def test_which_kernels_are_taken(monkeypatch, setting, expected):
    monkeypatch.setenv("LOPSIDE_KERNELS", setting)
    assert kernels.entries_kernel() is expected
