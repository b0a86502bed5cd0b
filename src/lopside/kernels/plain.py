"""The same functions as `kernels.dense`, with NumPy and its BLAS; A is visited in larger pieces."""

from __future__ import annotations

import numpy as np

from lopside.arrays import Array

_PIECE_BYTES = 1 << 23
"""Measured best of 0.5 to 16 MiB with single-threaded BLAS."""


def pitch(n: int, itemsize: int) -> int:
    """Return n."""
    return n


def pack(Y: Array) -> Array:
    """Return Y."""
    return Y


pack_across = pack


def chunk_rows(n: int, columns: int, itemsize: int) -> int:
    """Return how many rows to visit at once."""
    return max(1, _PIECE_BYTES // (n * itemsize))


def sweep(
    A: Array, scale: Array, top: Array, Y: Array, wide: Array, MN: Array, k: int, first: int, chunk: int,
    out: Array, PT: Array, G: Array, residual: bool,
) -> float:  # fmt: skip
    """See `kernels.dense.sweep`."""
    missed, z, depth = 0.0, len(G), top.shape[1]
    M = MN[:, :z]
    for start in range(0, len(A), chunk):
        rows = slice(start, start + chunk)
        block, s = A[rows], scale[rows, None] if scale.size else np.ones((1, 1), Y.dtype)
        Z = top[rows].dot(M[:depth])
        Z += (s * block.dot(Y)).dot(M[depth:])
        out[rows] = Z[:, :k]
        PT += (s * Z[:, first:]).T.dot(block)
        Z = Z.astype(np.float64, copy=False)
        G[:, :z] += Z.T.dot(Z)
        if residual:
            missed += residual_square(block, scale[rows], top[rows], wide)
    return missed


def times(A: Array, scale: Array, Y: Array, chunk: int, out: Array) -> None:
    """See `kernels.dense.times`."""
    for start in range(0, len(A), chunk):
        rows = slice(start, start + chunk)
        np.dot(A[rows], Y, out=out[rows]) if A.dtype == Y.dtype else np.copyto(out[rows], A[rows] @ Y)
        if scale.size:
            out[rows] *= scale[rows, None]


def transpose_times(A: Array, X: Array, chunk: int, PT: Array) -> None:
    """See `kernels.dense.transpose_times`."""
    for start in range(0, len(A), chunk):
        PT += X[start : start + chunk].T.dot(A[start : start + chunk])


def residual_square(A: Array, scale: Array, X: Array, Y: Array) -> float:
    """See `kernels.dense.residual_square`."""
    total = 0.0
    chunk = max(1, _PIECE_BYTES // (8 * A.shape[1]))
    for start in range(0, len(A), chunk):
        rows = slice(start, start + chunk)
        E = X[rows] @ Y.T
        E -= A[rows] * scale[rows, None] if scale.size else A[rows]
        total += float(np.vdot(E, E))
    return total
