"""A in memory as a SciPy CSR array."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from lopside import kernels
from lopside.arrays import BLOCK_BYTES, Array
from lopside.linalg import frobenius, gram
from lopside.storage.passing import fixed, writeable
from lopside.storage.protocol import EPSILON, Sweep, Widths, require_fit, require_sweep
from lopside.storage.spare import Spare
from lopside.threads import one_blas_thread, ordered_map, thread_count

GROUP_WORK = 1 << 19
"""Least entries times columns of a group of rows: about a millisecond, enough to hand to a thread."""

_MOST_GROUPS = 32
_MEETS = 32
"""Least entries per column of A in a group: clearing and adding its probe takes as long as about one of them."""

_SHARE = 1 / 3
"""All partial probes together take at most this share of A's bytes, if four of them do."""

_TRUSTED = 1e-6
"""‖E‖² above this share of Σ|XᵀX∘YᵀY| is taken from sums over the entries, whose rounding is some 1e-15 of that."""

_SAFE = (1e-120, 1e120)

_STRETCH = 1 << 20
"""Entries whose squares are summed at once."""


class Sparse:
    """A sparse matrix, read by groups of rows with about equally many entries.

    Each group sums its share of AᵀX apart; how many groups there are follows from A and the columns of X alone.

    Parameters
    ----------
    A : scipy.sparse.csr_array or csr_matrix, shape (m, n), float32 or float64
        Held, not copied: with sorted, unique, valid indices and finite values, as `lopside.sparse_arrays.as_csr`
        returns it.
    threads : int, optional
        See `lopside.threads.thread_count`.
    scale : ndarray, shape (m,), optional
        Stands for diag(scale)·A, which is never formed.
    spare : Spare, optional
        Where memory for the sums is had; its own by default.
    """

    reads_per_sweep = 1
    keeps_workspace = True
    epsilon = EPSILON

    def __init__(
        self, A: Any, threads: int | None = None, scale: Array | None = None, spare: Spare | None = None
    ) -> None:
        self.A = A
        self.shape: tuple[int, int] = A.shape
        self.dtype: np.dtype[Any] = A.dtype
        self.nbytes: int = A.data.nbytes + A.indices.nbytes + A.indptr.nbytes
        self.layout = f"CSR, {len(A.data)} entries, {A.dtype.name} with {A.indices.dtype.name} indices in memory"
        self._scale = np.zeros(0) if scale is None else np.asarray(scale, dtype=np.float64)
        self._threads = thread_count(threads)
        self._csr: tuple[Any, Any, Array] = fixed(A.indptr), fixed(A.indices), fixed(A.data)
        self._spare = spare or Spare()
        self._cuts: dict[int, list[slice]] = {}

    def _groups(self, d: int, kind: Any) -> list[slice]:
        entries, (m, n) = len(self.A.data), self.shape
        probe = n * d * np.dtype(kind).itemsize
        wanted = min(entries / (_MEETS * n), _SHARE * self.nbytes / probe, _MOST_GROUPS)
        groups = min(max(wanted, 4.0), (entries + m) * d / GROUP_WORK)
        # A power of two: equal groups then leave no core without one at the end.
        count = 1 << max(0, math.floor(math.log2(groups)))
        if count not in self._cuts:
            self._cuts[count] = self._cut(count)
        return self._cuts[count]

    def _cut(self, groups: int) -> list[slice]:
        # A row costs about as much as four entries beside its own.
        indptr, (m, _) = self.A.indptr, self.shape
        cost = np.arange(0, 4 * m + 1, 4) + indptr if groups > 1 else np.array([0, 1])
        cuts = np.searchsorted(cost, cost[-1] * np.arange(1, groups) / groups)
        edges = np.unique(np.concatenate([[0], cuts, [m]])).tolist()
        return [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A once, and again with `residual`; see `lopside.storage.Storage.sweep`."""
        kernel, (m, n), d, k = kernels.sparse_kernel(), self.shape, Y.shape[1], M.shape[1]
        require_sweep(self.shape, R, Y, M, N, residual=residual)
        kind = np.result_type(self.dtype, Y, M)
        MN = M if N is None else np.hstack([M, N])
        z, first = MN.shape[1], 0 if N is None else k
        padded = np.zeros((len(MN), kernel.pitch(z, kind.itemsize)), kind)
        padded[:, :z] = MN
        top = np.zeros((m, 0), kind) if R is None else writeable(R, kind)
        scale = writeable(self._scale, kind)
        out = np.empty((m, k), kind)

        def group(share: tuple[slice, Array]) -> Array:
            rows, P = share
            G = np.zeros((z, kernel.pitch(z, 8)))
            P[:] = 0
            kernel.sweep(
                *self._csr, rows.start, rows.stop, scale, top, n, d, table, padded, k, first, out, P, G, kernel.VISIT
            )
            return G

        groups = self._groups(max(d, z - first), kind)
        # The larger piece first: it finds what was kept of its size.
        with one_blas_thread, self._tables(len(groups), z - first, kind) as parts, self._tables(1, d, kind) as (table,):
            kernel.pack(Y, table)
            grams = ordered_map(group, list(zip(groups, parts, strict=True)), self._threads)
            probe = self._added(parts, z - first)
        G = sum(grams[1:], grams[0])[:, :z]
        missed = self.residual_norm(R, Y) ** 2 if residual and R is not None else None
        return Sweep(out, probe, G, missed)

    def _tables(self, count: int, d: int, kind: Any) -> AbstractContextManager[Array]:
        """Lend tables for n × d matrices, of any content."""
        return self._spare.lent(
            (count, kernels.sparse_kernel().length(self.shape[1], d, np.dtype(kind).itemsize)), kind
        )

    def _added(self, tables: Array, d: int) -> Array:
        n = self.shape[1]
        out = np.empty((n, d), tables[0].dtype)
        step = max(1024, -(-n // 32))
        pieces = [slice(a, min(a + step, n)) for a in range(0, n, step)]
        ordered_map(lambda rows: kernels.sparse_kernel().unpack(list(tables), rows, out), pieces, self._threads)
        return out

    def times(self, Y: Array) -> Array:
        """Return A Y, shape (m, d)."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        kernel, (m, n), d = kernels.sparse_kernel(), self.shape, Y.shape[1]
        kind = np.result_type(self.dtype, Y)
        out, scale = np.empty((m, d), kind), writeable(self._scale, kind)

        def group(rows: slice) -> None:
            kernel.times(*self._csr, rows.start, rows.stop, scale, n, d, table, out, kernel.VISIT)

        with self._tables(1, d, kind) as (table,):
            kernel.pack(Y, table)
            ordered_map(group, self._groups(d, kind), self._threads)
        return out

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        kernel, n, d = kernels.sparse_kernel(), self.shape[1], X.shape[1]
        kind = np.result_type(self.dtype, X)
        X, scale = writeable(X, kind), writeable(self._scale, kind)

        def group(share: tuple[slice, Array]) -> None:
            rows, P = share
            P[:] = 0
            kernel.transpose_times(*self._csr, rows.start, rows.stop, scale, n, X, P, kernel.VISIT)

        groups = self._groups(d, kind)
        with self._tables(len(groups), d, kind) as parts:
            ordered_map(group, list(zip(groups, parts, strict=True)), self._threads)
            return self._added(parts, d)

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F in float64, from one read of A where that is accurate, else entry by entry.

        ‖X Yᵀ − A‖² = ⟨XᵀX, YᵀY⟩ + Σ a(a − 2p) over the entries a of A and p of X Yᵀ at the same places.  What
        cancels costs digits: a result below 1e-6 of the terms of the first sum, in modulus, is thrown away, and all
        m·n entries are visited, by blocks.
        """
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        unit = _unit(self.norm())
        X, Y, scale = X.astype(np.float64) / unit, Y.astype(np.float64, copy=False), self._scale / unit
        if unit != 1.0 and not scale.size:
            scale = np.full(self.shape[0], 1.0 / unit)
        with one_blas_thread:
            terms = gram(X) * gram(Y)
            square = float(terms.sum()) + self._overlap(X, Y, scale)
            if square <= _TRUSTED * float(np.abs(terms).sum()):
                return self._dense_residual_norm(X, Y, scale) * unit
        return math.sqrt(square) * unit

    def _overlap(self, X: Array, Y: Array, scale: Array) -> float:
        kernel = kernels.sparse_kernel()
        X, Y = (_padded(F, kernel.pitch(F.shape[1], 8)) for F in (X, Y))

        def group(rows: slice) -> float:
            return kernel.overlap(*self._csr, rows.start, rows.stop, scale, X, Y)

        return math.fsum(ordered_map(group, self._groups(max(1, Y.shape[1]), np.float64), self._threads))

    def _dense_residual_norm(self, X: Array, Y: Array, scale: Array) -> float:
        indptr, indices, values = self._csr
        m, n = self.shape
        step = max(1, BLOCK_BYTES // (8 * n))

        def block(first: int) -> float:
            rows = slice(first, min(first + step, m))
            E = X[rows] @ Y.T
            part = slice(indptr[rows.start], indptr[rows.stop])
            count = np.diff(indptr[rows.start : rows.stop + 1])
            a = values[part] * np.repeat(scale[rows], count) if scale.size else values[part]
            E[np.repeat(np.arange(len(E)), count), indices[part]] -= a
            return frobenius(E)

        return frobenius(np.array([ordered_map(block, range(0, m, step), self._threads)]))

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes of a sweep, a partial sum for each group of rows; see `Storage.workspace`."""
        kind = np.dtype(f"f{widths.itemsize}")
        groups = len(self._groups(max(widths.columns, widths.probed), kind))
        d, l = (
            kind.itemsize * kernels.sparse_kernel().length(self.shape[1], width, kind.itemsize)
            for width in (widths.columns, widths.probed)
        )
        return {"packed factor": d, "partial sums": groups * l}

    def first_rows(self, count: int) -> Sparse:
        """Return the first rows of A as a storage."""
        return Sparse(self.A[:count], self._threads, self._scale[:count] if self._scale.size else None)

    def norm(self) -> float:
        """Return ‖A‖_F in float64."""
        values, stretches = self.A.data, range(0, len(self.A.data), _STRETCH)

        def stretch(first: int) -> float:
            part = slice(first, min(first + _STRETCH, len(values)))
            if not self._scale.size:
                return frobenius(values[None, part])
            rows = np.searchsorted(self.A.indptr, np.arange(part.start, part.stop), side="right") - 1
            return frobenius((values[part] * self._scale[rows])[None])

        return frobenius(np.array([ordered_map(stretch, stretches, self._threads)]))


def _unit(norm: float) -> float:
    # A power of two near the norm, where its square would leave the range of float64.
    return 1.0 if norm == 0.0 or _SAFE[0] < norm < _SAFE[1] else 2.0 ** math.floor(math.log2(norm))


def _padded(F: Array, width: int) -> Array:
    if F.shape[1] == width and F.flags.c_contiguous:
        return F
    padded = np.zeros((len(F), width))
    padded[:, : F.shape[1]] = F
    return padded
