"""The same functions as `kernels.csr`, with SciPy's products; rows are not visited in pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.kernels.plain import pitch

__all__ = ["VISIT", "length", "overlap", "pack", "pitch", "sweep", "times", "transpose_times", "unpack"]

Indices = NDArray[np.integer]

VISIT = 1 << 18
"""Entries of which products with factors are held at once, in `overlap`."""


def length(n: int, d: int, itemsize: int) -> int:
    """Return n·d."""
    return n * d


def pack(Y: Array, table: Array) -> Array:
    """Return the table, now of Y (n × d): its rows one after the other."""
    table[:] = Y.ravel()
    return table


def unpack(tables: list[Array], rows: slice, out: Array) -> None:
    """Write these rows of the sum of all tables, added in order, into those of `out` (n × d)."""
    total, *others = (table.reshape(out.shape)[rows] for table in tables)
    for other in others:
        total = total + other
    out[rows] = total


def sweep(
    indptr: Indices, indices: Indices, values: Array, start: int, stop: int, scale: Array, top: Array, n: int, d: int,
    Y: Array, MN: Array, k: int, first: int, out: Array, P: Array, G: Array, visit: int,
) -> None:  # fmt: skip
    """See `kernels.csr.sweep`."""
    A, rows, depth, z = _rows(indptr, indices, values, start, stop, n), slice(start, stop), top.shape[1], len(G)
    s = scale[rows, None] if scale.size else np.ones((1, 1), Y.dtype)
    Z = top[rows].dot(MN[:depth, :z])
    Z += (s * (A @ Y.reshape(n, d))).dot(MN[depth:, :z])
    out[rows] = Z[:, :k]
    P += (A.T @ (s * Z[:, first:])).ravel()
    Z = Z.astype(np.float64, copy=False)
    G[:, :z] += Z.T.dot(Z)


def times(
    indptr: Indices, indices: Indices, values: Array, start: int, stop: int, scale: Array, n: int, d: int, Y: Array,
    out: Array, visit: int,
) -> None:  # fmt: skip
    """See `kernels.csr.times`."""
    product = _rows(indptr, indices, values, start, stop, n) @ Y.reshape(n, d)
    out[start:stop] = product * scale[start:stop, None] if scale.size else product


def transpose_times(
    indptr: Indices, indices: Indices, values: Array, start: int, stop: int, scale: Array, n: int, X: Array, P: Array,
    visit: int,
) -> None:  # fmt: skip
    """See `kernels.csr.transpose_times`."""
    X = X[start:stop] * scale[start:stop, None] if scale.size else X[start:stop]
    P += (_rows(indptr, indices, values, start, stop, n).T @ X).ravel()


def overlap(
    indptr: Indices, indices: Indices, values: Array, start: int, stop: int, scale: Array, X: Array, Y: Array
) -> float:
    """See `kernels.csr.overlap`."""
    total = 0.0
    for begin in range(int(indptr[start]), int(indptr[stop]), VISIT):
        part = slice(begin, min(begin + VISIT, int(indptr[stop])))
        rows = np.searchsorted(indptr, np.arange(part.start, part.stop), side="right") - 1
        a = values[part] * scale[rows] if scale.size else values[part].astype(np.float64, copy=False)
        p = np.einsum("ij,ij->i", X[rows], Y[indices[part]])
        total += float(np.sum(a * (a - 2.0 * p)))
    return total


def _rows(indptr: Indices, indices: Indices, values: Array, start: int, stop: int, n: int) -> Any:
    from scipy.sparse import csr_array

    part = slice(indptr[start], indptr[stop])
    pointers = indptr[start : stop + 1] - indptr[start]
    return csr_array((values[part], indices[part], pointers), shape=(stop - start, n), copy=False)
