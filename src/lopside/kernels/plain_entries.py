"""The same functions as `kernels.entries` in NumPy: a few rows at once, LAPACK for each row's system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.kernels.plain import pitch

__all__ = ["conjugate_gradients", "errors", "gradient", "pack", "pitch", "solve"]

Indices = NDArray[np.integer]

_VISIT = 1 << 16
"""Entries whose rows of a table are laid side by side at once."""


def pack(Y: Array, columns: list[int] | None = None) -> Array:
    """Return Y, or these columns of it, C-ordered."""
    return np.ascontiguousarray(Y if columns is None else Y[:, columns])


def gradient(
    indptr: Indices, indices: Indices, values: Array, weights: Array, weighted: int, start: int, stop: int,
    X: Array, Y: Array, G: Array, sums: Array,
) -> None:  # fmt: skip
    """See `kernels.entries.gradient`."""
    G[start:stop] = 0
    for rows, part in _visits(indptr, start, stop):
        T, line = Y[indices[part]], _lines(indptr, rows)
        missed = np.einsum("ij,ij->i", X[rows][line], T) - values[part]
        pull = missed * (weights[part] if weighted else 1)
        sums[rows] = np.bincount(line, pull.astype(np.float64) * missed, rows.stop - rows.start)
        np.add.at(G[rows], line, pull[:, None] * T)


def errors(
    indptr: Indices, indices: Indices, values: Array, weights: Array, weighted: int, start: int, stop: int,
    X: Array, Y: Array, E: Array, sums: Array,
) -> None:  # fmt: skip
    """See `kernels.entries.errors`."""
    for rows, part in _visits(indptr, start, stop):
        line = _lines(indptr, rows)
        missed = values[part] - np.einsum("ij,ij->i", X[rows][line], Y[indices[part]])
        pull = missed * (weights[part] if weighted else 1)
        sums[rows] = np.bincount(line, pull.astype(np.float64) * missed, rows.stop - rows.start)
        if E.size:
            E[part] = pull


def solve(
    indptr: Indices, indices: Indices, values: Array, weights: Array, weighted: int, start: int, stop: int,
    Y: Array, free: int, fixed: int, ridge: Array, damping: float, X: Array, cutoff: float, sums: Array,
) -> None:  # fmt: skip
    """See `kernels.entries.solve`; a small eigenvalue takes the place of a small pivot."""
    for i in range(start, stop):
        T, a, w = _row(indptr, indices, values, weights, weighted, Y, free, fixed, i)
        left = T * w[:, None]
        G, b = (left.T @ T).astype(np.float64), (left.T @ a).astype(np.float64)
        G.flat[:: free + 1] += ridge[i] + damping
        b += damping * X[i]
        # Scaled to a diagonal of ones, because elimination does not see the scale of a row either.
        diagonal = np.diag(G)
        unit = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
        levels, V = np.linalg.eigh(G * unit * unit[:, None])
        good = levels > cutoff
        z = unit * (V @ ((V.T @ (b * unit)) * good / np.where(good, levels, 1.0)))
        sums[i] = float(np.sum(w * a * a, dtype=np.float64)) - float(b @ z)
        X[i] = z


def conjugate_gradients(
    indptr: Indices, indices: Indices, values: Array, weights: Array, weighted: int, start: int, stop: int,
    Y: Array, free: int, fixed: int, ridge: Array, damping: float, X: Array, steps: int,
) -> None:  # fmt: skip
    """See `kernels.entries.conjugate_gradients`."""
    for i in range(start, stop):
        T, a, w = _row(indptr, indices, values, weights, weighted, Y, free, fixed, i)
        x, diagonal = X[i].astype(np.float64), ridge[i] + damping
        r = T.T @ (w * (a - T @ x)) - ridge[i] * x
        p, size = r, float(r @ r)
        least = 1e-28 * size
        for _ in range(steps):
            q = T.T @ (w * (T @ p)) + diagonal * p
            curvature = float(p @ q)
            if not (size > least and curvature > 0.0):
                break
            x, r = x + size / curvature * p, r - size / curvature * q
            before, size = size, float(r @ r)
            p = r + size / before * p
        X[i] = x


def _row(
    indptr: Indices,
    indices: Indices,
    values: Array,
    weights: Array,
    weighted: int,
    Y: Array,
    free: int,
    fixed: int,
    i: int,
) -> tuple[Array, Array, Array]:
    part = slice(indptr[i], indptr[i + 1])
    T = Y[indices[part]]
    w: Any = weights[part] if weighted else np.ones(len(T), Y.dtype)
    return T[:, :free], values[part] - fixed * T[:, -1], w


def _visits(indptr: Indices, start: int, stop: int) -> Iterator[tuple[slice, slice]]:
    while start < stop:
        beyond = int(np.searchsorted(indptr, indptr[start] + _VISIT, side="right")) - 1
        end = min(stop, max(start + 1, beyond))
        yield slice(start, end), slice(int(indptr[start]), int(indptr[end]))
        start = end


def _lines(indptr: Indices, rows: slice) -> NDArray[np.intp]:
    return np.repeat(np.arange(rows.stop - rows.start), np.diff(indptr[rows.start : rows.stop + 1]))
