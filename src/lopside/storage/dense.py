"""A in memory as one NumPy array, in either order, or a strided view of one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array, row_blocks
from lopside.linalg import frobenius, one_blas_thread, ordered_map, thread_count
from lopside.storage.protocol import Sweep

_GROUPS = 16
"""Partial sums kept apart; a constant, so that the order of additions never depends on the threads."""


class _Part(NamedTuple):
    probe: Array
    gram: Array
    residual2: float


class Dense:
    """A dense matrix, read by row blocks that stay in cache between AY and AᵀX.

    Parameters
    ----------
    A : ndarray, shape (m, n), float32 or float64
        Held, not copied.
    threads : int, optional
        See `lopside.linalg.thread_count`.
    """

    reads_per_sweep = 1

    def __init__(self, A: Array, threads: int | None = None) -> None:
        self.A = A
        self.shape: tuple[int, int] = A.shape
        self.dtype: np.dtype[Any] = A.dtype
        self._threads = thread_count(threads)
        blocks = row_blocks(self.shape, A.itemsize)
        groups = min(_GROUPS, len(blocks))
        cuts = [len(blocks) * g // groups for g in range(groups + 1)]
        self._groups = [blocks[a:b] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
        # A block whose rows are apart is copied compactly first: read in place, each of its columns touches another
        # page, three times slower. A whole column-major matrix goes to BLAS as it is.
        whole = len(blocks) == 1 and A.strides[0] == A.itemsize and A.strides[1] > 0
        self._direct = whole or (A.strides[1] == A.itemsize and A.strides[0] > 0)

    def _block(self, rows: slice) -> Array:
        block = self.A[rows]
        return block if self._direct else np.array(block, order="K")

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A once; see `lopside.storage.Storage.sweep`."""
        out = np.empty((self.shape[0], M.shape[1]), np.result_type(self.dtype, Y, M))

        def group(blocks: list[slice]) -> _Part:
            return _sum([self._visit(rows, R, Y, M, N, out, residual) for rows in blocks])

        with one_blas_thread:
            total = _sum(ordered_map(group, self._groups, self._threads))
        return Sweep(out, total.probe, total.gram, total.residual2 if residual else None)

    def _visit(
        self, rows: slice, R: Array | None, Y: Array, M: Array, N: Array | None, out: Array, residual: bool
    ) -> _Part:
        A = self._block(rows)
        AY = A.dot(Y)
        top = None if R is None else R[rows]
        KM = out[rows]
        _combine(top, AY, M, KM)
        if N is None:
            KN = both = KM
        else:
            KN = _combine(top, AY, N, np.empty((len(AY), N.shape[1]), out.dtype))
            both = np.hstack([KM, KN])
        both = both.astype(np.float64, copy=False)
        missed = _residual_norm(A, top, Y) ** 2 if residual and top is not None else 0.0
        return _Part(A.T.dot(KN), both.T.dot(both), missed)

    def times(self, Y: Array) -> Array:
        """Return A Y, shape (m, d)."""
        out = np.empty((self.shape[0], Y.shape[1]), np.result_type(self.dtype, Y))

        def group(blocks: list[slice]) -> None:
            for rows in blocks:
                np.matmul(self._block(rows), Y, out=out[rows])

        with one_blas_thread:
            ordered_map(group, self._groups, self._threads)
        return out

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X, shape (n, d)."""

        def group(blocks: list[slice]) -> Array:
            return sum(
                (self._block(rows).T @ X[rows] for rows in blocks[1:]),
                self._block(blocks[0]).T @ X[blocks[0]],
            )

        with one_blas_thread:
            parts = ordered_map(group, self._groups, self._threads)
        return sum(parts[1:], parts[0])

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""

        def group(blocks: list[slice]) -> list[float]:
            return [_residual_norm(self._block(rows), X[rows], Y) for rows in blocks]

        with one_blas_thread:
            parts = ordered_map(group, self._groups, self._threads)
        return frobenius(np.array([[norm for part in parts for norm in part]]))

    def norm(self) -> float:
        """Return ‖A‖_F in float64."""
        return frobenius(np.array([[frobenius(self.A[rows]) for blocks in self._groups for rows in blocks]]))


def _combine(top: Array | None, AY: Array, M: Array, out: Array) -> Array:
    # [R | AY] M without building K.
    if top is None:
        return np.dot(AY, M, out=out)
    p = top.shape[1]
    np.dot(top, M[:p], out=out)
    out += AY.dot(M[p:])
    return out


def _residual_norm(A: Array, X: Array, Y: Array) -> float:
    E = X.astype(np.float64, copy=False) @ Y.astype(np.float64, copy=False).T
    E -= A
    return frobenius(E)


def _sum(parts: list[_Part]) -> _Part:
    first = parts[0]
    if len(parts) == 1:
        return first
    return _Part(
        sum((p.probe for p in parts[1:]), first.probe),
        sum((p.gram for p in parts[1:]), first.gram),
        sum(p.residual2 for p in parts),
    )
