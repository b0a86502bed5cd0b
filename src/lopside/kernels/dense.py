"""The pass over a block of rows of a dense matrix: A·Y and Aᵀ·(K N) while the rows are in cache.

A is rows × n, row-major.  Y comes packed by `pack`, n × pitch; for the residual by `pack_across`.  `PT` collects the
probe, transposed, l × pitch with n rounded up to whole vectors.  Everything but A has the type of the sums, K and Gram
matrices excepted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.kernels.compiled import compiled
from lopside.kernels.llvm import VECTOR_BYTES
from lopside.kernels.tiles import PANEL, SQUARES, TILE, product, rows_product, squares

_DEPTH = 64
"""Columns of A visited at once: the rows of Y that meet them stay in the first-level cache."""

_PICKED = 4096
"""Rows whose columns are picked at once: NumPy copies them first."""

STRETCH = 32
"""Vectors of a row of the residual formed at once."""

ROWS = 24
"""Rows of A visited at once: whole tiles of any width, and few enough to be in cache when they are read again."""


def pitch(n: int, itemsize: int) -> int:
    """Return n rounded up to whole vectors."""
    lanes = VECTOR_BYTES // itemsize
    return -(-n // lanes) * lanes


def pack(Y: Array, columns: list[int] | None = None) -> Array:
    """Return Y (n × d), or these columns of it, with columns of zeros up to whole vectors."""
    n, d = len(Y), Y.shape[1] if columns is None else len(columns)
    packed = np.zeros((n, pitch(d, Y.itemsize)), Y.dtype)
    if columns is None:
        packed[:, :d] = Y
    else:
        for start in range(0, n, _PICKED):
            packed[start : start + _PICKED, :d] = Y[start : start + _PICKED, columns]
    return packed


def pack_across(Y: Array) -> Array:
    """Return Yᵀ as blocks × d × width, zeros behind: block b holds, transposed, the rows of Y from b·width on."""
    n, d = Y.shape
    width = STRETCH * VECTOR_BYTES // Y.itemsize
    blocks = -(-n // width)
    packed = np.zeros((blocks, d, width), Y.dtype)
    whole = n // width
    packed[:whole] = Y[: whole * width].reshape(whole, width, d).transpose(0, 2, 1)
    if whole < blocks:
        packed[whole, :, : n - whole * width] = Y[whole * width :].T
    return packed


def chunk_rows(n: int, columns: int, itemsize: int) -> int:
    """Return how many rows to visit at once: more where walking through all of Y and the probe costs more."""
    return ROWS * (1 if columns <= 16 else 2 if columns <= 40 else 4)


@compiled
def sweep(A: Any, scale: Any, top: Any, Y: Any, wide: Any, MN: Any, k: Any, first: Any, chunk: Any,
          out: Any, PT: Any, G: Any, residual: Any) -> Any:  # fmt: skip
    """Add this block's share to PT and G, write its rows of `out`, and return its share of the residual.

    With K = [top | s∘(A Y)] and Z = K·MN: out = Z[:, :k], G += ZᵀZ, PT += (Aᵀ(s∘Z[:, first:]))ᵀ, where s is `scale`
    (all ones if empty).  `wide` is Y packed across in float64, for the residual ‖top Yᵀ − s∘A‖².
    """
    rows = len(A)
    dpitch, depth = Y.shape[1], top.shape[1]
    d = MN.shape[0] - depth
    z, zpitch = G.shape
    l = z - first
    w = VECTOR_BYTES // Y.itemsize
    zp = MN.shape[1]
    vectors = zp // w
    edge = np.zeros(chunk * w, A.dtype)
    AY = np.empty((chunk, dpitch), Y.dtype)
    Z = np.empty((chunk, zp), Y.dtype)
    L = np.empty((chunk if scale.size else 0, l), Y.dtype)
    missed = 0.0
    for start in range(0, rows, chunk):
        count = min(chunk, rows - start)
        block = A[start:]
        _times(block, count, Y, AY)
        if scale.size:
            for i in range(count):
                for c in range(d):
                    AY[i, c] *= scale[start + i]
        Z[:] = 0
        product(top, start * depth, 1, depth, MN, 0, zp, depth, Z, 0, zp, count, vectors, 0)
        product(AY, 0, 1, dpitch, MN, depth * zp, zp, d, Z, 0, zp, count, vectors, 0)
        for i in range(count):
            for c in range(k):
                out[start + i, c] = Z[i, c]
        product(Z, 0, zp, 1, Z, 0, zp, count, G, 0, zpitch, z, zpitch * 8 // VECTOR_BYTES, 0)
        if scale.size:
            for i in range(count):
                for c in range(l):
                    L[i, c] = Z[i, first + c] * scale[start + i]
            _add_probe(L, 0, l, block, edge, count, PT)
        else:
            _add_probe(Z, first, zp, block, edge, count, PT)
        if residual:
            missed += _residual(block, count, top[start:], wide, scale[start:])
    return missed


@compiled
def times(A: Any, scale: Any, Y: Any, chunk: Any, out: Any) -> None:
    """Write s∘(A Y) into `out`, rows × d."""
    AY = np.empty((chunk, Y.shape[1]), Y.dtype)
    for start in range(0, len(A), chunk):
        count = min(chunk, len(A) - start)
        _times(A[start:], count, Y, AY)
        for i in range(count):
            s = scale[start + i] if scale.size else Y.dtype.type(1)
            for c in range(out.shape[1]):
                out[start + i, c] = s * AY[i, c]


@compiled
def transpose_times(A: Any, X: Any, chunk: Any, PT: Any) -> None:
    """Add (AᵀX)ᵀ to `PT`."""
    k = X.shape[1]
    edge = np.zeros(chunk * (VECTOR_BYTES // PT.itemsize), A.dtype)
    for start in range(0, len(A), chunk):
        _add_probe(X, start * k, k, A[start:], edge, min(chunk, len(A) - start), PT)


@compiled
def _add_probe(K: Any, first: Any, ldk: Any, A: Any, edge: Any, count: Any, PT: Any) -> None:
    # PT += KᵀA for `count` rows; row i of K begins at first + i·ldk.
    n, (l, pitch) = A.shape[1], PT.shape
    w = VECTOR_BYTES // PT.itemsize
    whole = n // w
    product(K, first, ldk, 1, A, 0, A.strides[0] // A.itemsize, count, PT, 0, pitch, l, whole, PANEL * w)
    if whole * w < n:
        _fill_edge(A, count, whole * w, edge, w)
        product(K, first, ldk, 1, edge, 0, w, count, PT, whole * w, pitch, l, 1, 0)


@compiled
def residual_square(A: Any, scale: Any, X: Any, Y: Any) -> Any:
    """Return ‖X Yᵀ − s∘A‖²; X, and Y packed across, in float64."""
    return _residual(A, A.shape[0], X, Y, scale)


@compiled
def _residual(A: Any, count: Any, X: Any, Y: Any, scale: Any) -> Any:
    blocks, d, width = Y.shape
    n, lda = A.shape[1], A.strides[0] // A.itemsize
    w = VECTOR_BYTES // 8
    step = SQUARES * w
    E = np.zeros((TILE, width), np.float64)
    one, part, total = np.ones(1, np.float64), np.zeros(step, np.float64), 0.0
    for i in range(0, count, TILE):
        height = min(TILE, count - i)
        block = 0.0
        for b in range(blocks):
            # One sum over millions of squares would be off by a thousand roundings; certificates count on a few.
            part[:] = 0.0
            j = b * width
            stop = min(width, n - j)
            whole = stop // step * step
            if d:  # otherwise E stays zero
                E[:] = 0
                product(X, i * d, 1, d, Y, b * d * width, width, d, E, 0, width, height, (stop + w - 1) // w, 0)
            for r in range(height):
                if scale.size:
                    one[0] = scale[i + r]
                squares(one, 0, A, (i + r) * lda + j, E, r * width, whole // w, part, 0)
                for c in range(whole, stop):
                    e = E[r, c] - one[0] * A[i + r, j + c]
                    part[c - whole] += e * e
            half = step // 2
            while half > 0:
                for q in range(half):
                    part[q] += part[q + half]
                half //= 2
            block += part[0]
        total += block
    return total


@compiled
def _fill_edge(A: Any, count: Any, first: Any, edge: Any, w: Any) -> None:
    # The columns that do not fill a vector, with zeros behind: reading past the end of a row may leave the array.
    for i in range(count):
        for j in range(A.shape[1] - first):
            edge[i * w + j] = A[i, first + j]


@compiled
def _times(A: Any, count: Any, Y: Any, AY: Any) -> None:
    n, pitch = Y.shape
    lda = A.strides[0] // A.itemsize
    AY[:count] = 0
    for j in range(0, n, _DEPTH):
        rows_product(A, j, lda, Y, j * pitch, pitch, min(_DEPTH, n - j), AY, 0, pitch, count,
                     pitch * Y.itemsize // VECTOR_BYTES)  # fmt: skip
