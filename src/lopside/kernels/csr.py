"""The pass over the rows of a CSR matrix: what a row gathers from the table of Y, it scatters into the probe.

Tables are cut into stacks of columns, a few vectors wide; the entries visited at once are so few that they stay in
the second-level cache between both phases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.kernels.compiled import compiled
from lopside.kernels.dense import pitch
from lopside.kernels.gathers import LINE, WIDEST, gather, scatter
from lopside.kernels.gathers import overlap as overlaps
from lopside.kernels.llvm import VECTOR_BYTES
from lopside.kernels.tiles import product

__all__ = ["VISIT", "length", "overlap", "pack", "pitch", "sweep", "times", "transpose_times", "unpack"]

VISIT = 8192
"""Entries visited at once, about 100 kB."""

_ROWS = 256
"""Most rows visited at once."""


def length(n: int, d: int, itemsize: int) -> int:
    """Return how many numbers a table for an n × d matrix takes, in whole cache lines; it must start at one."""
    line = LINE // itemsize
    return -(-n * _width(d, VECTOR_BYTES // itemsize) // line) * line


def pack(Y: Array, table: Array) -> Array:
    """Return the table, now of Y (n × d): stacks of columns, each n rows of whole vectors with zeros behind."""
    n, d = Y.shape
    table[:] = 0
    for columns, stack in _stacks(table, n, d):
        stack[:, : columns.stop - columns.start] = Y[:, columns]
    return table


def unpack(tables: list[Array], rows: slice, out: Array) -> None:
    """Write these rows of the sum of all tables, added in order, into those of `out` (n × d)."""
    n, d = out.shape
    for stacks in zip(*(_stacks(table, n, d) for table in tables), strict=True):
        columns = stacks[0][0]
        total = stacks[0][1][rows]
        for _, stack in stacks[1:]:
            total = total + stack[rows]
        out[rows, columns] = total[:, : columns.stop - columns.start]


def _stacks(table: Array, n: int, d: int) -> Iterator[tuple[slice, Array]]:
    lanes = VECTOR_BYTES // table.itemsize
    width = _width(d, lanes)
    vectors = width // lanes
    count = max(1, -(-vectors // WIDEST))
    for c in range(count):
        a, b = (vectors * q // count * lanes for q in (c, c + 1))
        b = max(b, min(lanes, width))
        yield slice(a, min(b, d)), table[n * a : n * b].reshape(n, b - a)


def _width(d: int, lanes: int) -> int:
    """Return d rounded up to whole vectors, or to half of one."""
    return lanes // 2 if d <= lanes // 2 else -(-d // lanes) * lanes


_padded = compiled(_width)


@compiled
def sweep(indptr: Any, indices: Any, values: Any, start: Any, stop: Any, scale: Any, top: Any, n: Any, d: Any, Y: Any,
          MN: Any, k: Any, first: Any, out: Any, P: Any, G: Any, visit: Any) -> None:  # fmt: skip
    """Add the share of rows start … stop−1 to the table P and to G, and write these rows of `out`.

    With K = [top | s∘(A Y)] and Z = K·MN: out = Z[:, :k], G += ZᵀZ, P += Aᵀ(s∘Z[:, first:]), where s is `scale`
    (all ones if empty) and the table Y has n rows and d columns.  `visit` entries are visited at once.
    """
    depth, (z, zpitch) = top.shape[1], G.shape
    w = VECTOR_BYTES // Y.itemsize
    l, vectors = z - first, MN.shape[1] // w
    dpitch, lpitch = _padded(d, w), _padded(l, w)
    AY = np.empty((_ROWS, dpitch), Y.dtype)
    Z = np.empty((_ROWS, MN.shape[1]), Y.dtype)
    Z64 = np.zeros((_ROWS, zpitch), np.float64)
    L = np.zeros((_ROWS, lpitch), Y.dtype)
    while start < stop:
        count = _count(indptr, start, stop, visit)
        _times(indptr, indices, values, start, count, scale, n, Y, AY)
        Z[:count] = 0
        product(top, start * depth, 1, depth, MN, 0, MN.shape[1], depth, Z, 0, MN.shape[1], count, vectors, 0)
        product(AY, 0, 1, dpitch, MN, depth * MN.shape[1], MN.shape[1], d, Z, 0, MN.shape[1], count, vectors, 0)
        for i in range(count):
            s = scale[start + i] if scale.size else Y.dtype.type(1)
            for c in range(k):
                out[start + i, c] = Z[i, c]
            for c in range(l):
                L[i, c] = Z[i, first + c] * s
            for c in range(z):
                Z64[i, c] = Z[i, c]
        product(Z64, 0, zpitch, 1, Z64, 0, zpitch, count, G, 0, zpitch, z, zpitch * 8 // VECTOR_BYTES, 0)
        _transpose_times(indptr, indices, values, start, count, n, L, P)
        start += count


@compiled
def times(indptr: Any, indices: Any, values: Any, start: Any, stop: Any, scale: Any, n: Any, d: Any, Y: Any, out: Any,
          visit: Any) -> None:  # fmt: skip
    """Write rows start … stop−1 of s∘(A Y) into `out`, m × d."""
    w = VECTOR_BYTES // Y.itemsize
    AY = np.empty((_ROWS, _padded(d, w)), Y.dtype)
    while start < stop:
        count = _count(indptr, start, stop, visit)
        _times(indptr, indices, values, start, count, scale, n, Y, AY)
        for i in range(count):
            for c in range(d):
                out[start + i, c] = AY[i, c]
        start += count


@compiled
def transpose_times(indptr: Any, indices: Any, values: Any, start: Any, stop: Any, scale: Any, n: Any, X: Any, P: Any,
                    visit: Any) -> None:  # fmt: skip
    """Add the share of rows start … stop−1 of Aᵀ(s∘X) to the table P of n rows."""
    w = VECTOR_BYTES // P.itemsize
    d = X.shape[1]
    L = np.zeros((_ROWS, _padded(d, w)), P.dtype)
    while start < stop:
        count = _count(indptr, start, stop, visit)
        for i in range(count):
            s = scale[start + i] if scale.size else P.dtype.type(1)
            for c in range(d):
                L[i, c] = X[start + i, c] * s
        _transpose_times(indptr, indices, values, start, count, n, L, P)
        start += count


def overlap(indptr: Any, indices: Any, values: Any, start: int, stop: int, scale: Array, X: Array, Y: Array) -> float:
    """Return Σ a(a − 2p) over the entries a of s∘A in rows start … stop−1, with p the same entry of X Yᵀ.

    X and Y in float64, their rows padded to whole vectors by zeros.
    """
    sums = scale[start:stop].copy() if scale.size else np.ones(stop - start)
    _overlap(indptr, indices, values, start, X, Y, sums)
    return float(np.sum(sums))


@compiled
def _overlap(indptr: Any, indices: Any, values: Any, start: Any, X: Any, Y: Any, sums: Any) -> None:
    overlaps(indptr, indices, values, start, sums.size, X, Y, X.shape[1] * 8 // VECTOR_BYTES, sums)


@compiled
def _count(indptr: Any, start: Any, stop: Any, visit: Any) -> Any:
    # How many rows to visit: at least one.
    most = min(_ROWS, stop - start)
    count = 1
    while count < most and indptr[start + count + 1] - indptr[start] <= visit:
        count += 1
    return count


@compiled
def _times(indptr: Any, indices: Any, values: Any, start: Any, count: Any, scale: Any, n: Any, Y: Any, AY: Any) -> None:
    w = VECTOR_BYTES // Y.itemsize
    length = AY.shape[1]
    vectors = length // w
    stacks = max(1, (vectors + WIDEST - 1) // WIDEST)
    for c in range(stacks):
        a, b = vectors * c // stacks, vectors * (c + 1) // stacks
        gather(indptr, indices, values, start, count, Y, n * a * w, AY, a * w, length, b - a, indices.size)
    if scale.size:
        for i in range(count):
            for c in range(length):
                AY[i, c] *= scale[start + i]


@compiled
def _transpose_times(indptr: Any, indices: Any, values: Any, start: Any, count: Any, n: Any, L: Any, P: Any) -> None:
    w = VECTOR_BYTES // P.itemsize
    length = L.shape[1]
    vectors = length // w
    stacks = max(1, (vectors + WIDEST - 1) // WIDEST)
    for c in range(stacks):
        a, b = vectors * c // stacks, vectors * (c + 1) // stacks
        scatter(indptr, indices, values, start, count, L, a * w, length, P, n * a * w, b - a, indices.size)
