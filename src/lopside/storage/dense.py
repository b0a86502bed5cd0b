"""A in memory as one row-major NumPy array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lopside import kernels
from lopside.arrays import Array, row_blocks
from lopside.linalg import frobenius
from lopside.storage.passing import (
    Part,
    Pass,
    added,
    dense_times,
    dense_transpose_times,
    fixed,
    partial_sums,
    residual_square,
    result,
    workspace,
    writeable,
)
from lopside.storage.protocol import EPSILON, Sweep, Widths, require_fit
from lopside.storage.spare import Spare
from lopside.threads import one_blas_thread, ordered_map, thread_count

_GROUP_ROWS = 2048
"""Rows are summed in groups fixed by the shape alone; each group costs a partial sum of the size of the probe."""

_ALONE = 1 << 16
"""Entries that one thread has read before a second one has woken up."""

_SAFE = (1e-140, 1e140)


class Dense:
    """A dense matrix, read by rows that stay in cache between AY and AᵀX.

    Parameters
    ----------
    A : ndarray, shape (m, n), float32 or float64
        Held, not copied, if the entries of a row lie side by side.
    threads : int, optional
        See `lopside.threads.thread_count`.
    scale : ndarray, shape (m,), optional
        Stands for diag(scale)·A, which is never formed.
    spare : Spare, optional
        Where memory for sums and results is had; new memory by default.
    """

    reads_per_sweep = 1
    keeps_workspace = False
    epsilon = EPSILON

    def __init__(
        self, A: Array, threads: int | None = None, scale: Array | None = None, spare: Spare | None = None
    ) -> None:
        side_by_side = A.strides[1] == A.itemsize and A.strides[0] > 0
        self.A = A if side_by_side or A.shape[1] == 1 and A.flags.c_contiguous else np.ascontiguousarray(A)
        self.shape: tuple[int, int] = A.shape
        self.dtype: np.dtype[Any] = A.dtype
        self.nbytes = A.nbytes
        self.layout = f"dense, {A.dtype.name} in memory"
        self._scale = np.zeros(0) if scale is None else scale
        self._threads, self._spare = thread_count(threads), spare
        self._norm: float | None = None
        m = len(A)
        # A power of two, so that the usual numbers of threads share them evenly.
        groups = min(64, m, max(4, 1 << max(0, (m // _GROUP_ROWS).bit_length() - 1))) if A.size > _ALONE else 1
        cuts = [m * g // groups for g in range(groups + 1)]
        self._groups = [slice(a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A once; see `lopside.storage.Storage.sweep`."""
        whole = Pass(self.shape, self.dtype, self._scale, R, Y, M, N, residual=residual, spare=self._spare)

        def group(share: tuple[slice, Part]) -> Part:
            rows, part = share
            return whole.visit(self.A[rows], rows, part)

        shares = list(zip(self._groups, whole.parts(len(self._groups)), strict=True))
        with one_blas_thread:
            return whole.finish(ordered_map(group, shares, self._threads), self._threads)

    def times(self, Y: Array) -> Array:
        """Return A Y, shape (m, d)."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        out = result(self._spare, (self.shape[0], Y.shape[1]), np.result_type(self.dtype, Y))

        def group(rows: slice) -> None:
            dense_times(self.A[rows], self._share(scale, rows), packed, out[rows])

        with one_blas_thread:
            packed = kernels.dense_kernel().pack(Y.astype(out.dtype, copy=False))
            scale = writeable(self._scale, out.dtype)
            ordered_map(group, self._groups, self._threads)
        return out

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        kind = np.result_type(self.dtype, X)
        X = writeable(X, kind)
        if self._scale.size:
            X = X * self._scale.astype(kind)[:, None]

        sums = partial_sums(len(self._groups), X.shape[1], self.shape[1], kind)

        def group(share: tuple[slice, Array]) -> None:
            rows, PT = share
            dense_transpose_times(self.A[rows], X[rows], PT)

        with one_blas_thread:
            ordered_map(group, list(zip(self._groups, sums, strict=True)), self._threads)
            return added(sums, self.shape[1], self._threads, self._spare)

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        X, scale = writeable(X, np.float64), writeable(self._scale, np.float64)
        packed = kernels.dense_kernel().pack_across(Y.astype(np.float64, copy=False))

        def group(rows: slice) -> float:
            return residual_square(self.A[rows], self._share(scale, rows), X[rows], packed)

        with one_blas_thread:
            missed = math.sqrt(sum(ordered_map(group, self._groups, self._threads)))
            return missed if _SAFE[0] < missed < _SAFE[1] else self._careful_residual_norm(X, Y)

    def _careful_residual_norm(self, X: Array, Y: Array) -> float:
        # Squares of the entries would leave the range of float64.
        norms = []
        for rows in row_blocks(self.shape, 8):
            E = X[rows] @ Y.T
            E -= self.A[rows] * self._scale[rows, None] if self._scale.size else self.A[rows]
            norms.append(frobenius(E))
        return frobenius(np.array([norms]))

    def norm(self) -> float:
        """Return ‖A‖_F in float64; not finite where an entry is not."""
        if self._norm is None:
            m, n = self.shape
            self._norm = self.residual_norm(np.zeros((m, 0)), np.zeros((n, 0)))
        return self._norm

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes of a sweep, one partial sum for each group of rows; see `Storage.workspace`."""
        return workspace(self.shape[1], len(self._groups), widths)

    def first_rows(self, count: int) -> Dense:
        """Return the first rows of A as a storage."""
        return Dense(self.A[:count], self._threads, self._scale[:count] if self._scale.size else None)

    def operands(self, kind: Any) -> tuple[Array, Array]:
        """Return A and the scale (empty if there is none), for kernels whose sums are of this type."""
        return fixed(self.A), writeable(self._scale, kind)

    @staticmethod
    def _share(scale: Array, rows: slice) -> Array:
        return scale[rows] if scale.size else scale
