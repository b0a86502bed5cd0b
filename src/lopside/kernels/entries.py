"""Work on observed entries, row by row: gradients, residuals, and the least-squares problem of each row.

Entries are compressed by rows (indptr, indices, values); `weights` is an array of as many, and with `weighted` = 0 not
looked at. Tables come from `kernels.dense.pack`: whole vectors, zeros behind. Rows are independent, so bits do not
depend on how they are shared out. With `fixed` = 1 the last column of Y's table, number `free`, belongs to a
coefficient that stays 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.kernels import observed
from lopside.kernels.compiled import compiled
from lopside.kernels.dense import pack, pitch
from lopside.kernels.llvm import VECTOR_BYTES
from lopside.kernels.systems import solve_lanes
from lopside.kernels.tiles import product

__all__ = ["conjugate_gradients", "errors", "gradient", "pack", "pitch", "solve"]

_VISIT = 64
"""Entries laid side by side at once."""


@compiled
def gradient(indptr: Any, indices: Any, values: Any, weights: Any, weighted: Any, start: Any, stop: Any, X: Any,
             Y: Any, G: Any, sums: Any) -> None:  # fmt: skip
    """G_i = Σ_k w_k(x_i·t_k − a_k) t_k and sums[i] = Σ_k w_k(x_i·t_k − a_k)² for rows start … stop−1 of the table G."""
    length = Y.shape[1]
    observed.gradient(indptr, indices, values, weights, sums[start:stop], X, Y, G, start, stop - start, start * length,
                      start * length, length * Y.itemsize // VECTOR_BYTES, weighted, 1, indices.size)  # fmt: skip


@compiled
def errors(indptr: Any, indices: Any, values: Any, weights: Any, weighted: Any, start: Any, stop: Any, X: Any, Y: Any,
           E: Any, sums: Any) -> None:  # fmt: skip
    """sums[i] = Σ_k w_k(x_i·t_k − a_k)² and, unless E is empty, E_k = w_k(a_k − x_i·t_k), for rows start … stop−1."""
    length = Y.shape[1]
    observed.errors(indptr, indices, values, weights, sums[start:stop], E, X, Y, start, stop - start, start * length,
                    length * Y.itemsize // VECTOR_BYTES, weighted, int(E.size > 0), indices.size)  # fmt: skip


@compiled
def solve(indptr: Any, indices: Any, values: Any, weights: Any, weighted: Any, start: Any, stop: Any, Y: Any, free: Any,
          fixed: Any, ridge: Any, damping: Any, X: Any, cutoff: Any, sums: Any) -> None:  # fmt: skip
    """Replace x_i by argmin_x Σ_k w_k(x·t_k + fixed·t_k[free] − a_k)² + ridge_i‖x‖² + damping‖x − x_i‖², by Cholesky.

    X is m × free. sums[i] becomes the least value less the term ‖x_i‖² of the damping, right where there is none.
    A pivot below `cutoff` times its diagonal entry leaves its coefficient at 0. Rows with few entries have a
    smaller system, with one unknown for each entry: x = Tᵀu, (TTᵀ + ridge_i/w)u = a, where there is no damping.
    """
    lanes = VECTOR_BYTES // Y.itemsize
    # By their number of entries, so that the rows that share the lanes of a vector have systems of about one size.
    order = start + np.argsort(indptr[start + 1 : stop + 1] - indptr[start:stop], kind="mergesort")
    done = 0
    while damping == 0 and done < order.size and _is_short(indptr, ridge, order[done], free):
        done += 1
    for head in range(0, done, lanes):
        _few(indptr, indices, values, weights, weighted, order[head : min(head + lanes, done)], Y, free, fixed, ridge,
             X, cutoff, sums)  # fmt: skip
    if done < order.size:
        _many(indptr, indices, values, weights, weighted, order[done:], Y, free, fixed, ridge, damping, X, cutoff, sums)


@compiled
def _is_short(indptr: Any, ridge: Any, i: Any, free: Any) -> Any:
    count = indptr[i + 1] - indptr[i]
    return count == 0 or (2 * count <= free and count <= _VISIT and ridge[i] > 0)


@compiled
def _few(indptr: Any, indices: Any, values: Any, weights: Any, weighted: Any, rows: Any, Y: Any, free: Any, fixed: Any,
         ridge: Any, X: Any, cutoff: Any, sums: Any) -> None:  # fmt: skip
    length = Y.shape[1]
    lanes = VECTOR_BYTES // Y.itemsize
    vectors, width = length // lanes, length + lanes
    size = 0
    for i in rows:
        size = max(size, indptr[i + 1] - indptr[i])
    across = (size + lanes - 1) // lanes * lanes
    B, T, S = np.empty((size, width), Y.dtype), np.zeros((free, across), Y.dtype), np.empty((size, across), Y.dtype)
    systems = np.zeros((size, size + 1, lanes), Y.dtype)
    limits, gained = np.zeros((size, lanes), Y.dtype), np.zeros(lanes, Y.dtype)
    for lane in range(rows.size):
        i = rows[lane]
        first, count = indptr[i], indptr[i + 1] - indptr[i]
        observed.fetch(indices, values, Y, B, first, count, vectors, free, fixed, width, indices.size)
        for e in range(count):
            for c in range(free):
                T[c, e] = B[e, c]
        S[:] = 0
        product(T, 0, across, 1, T, 0, across, free, S, 0, across, count, (count + lanes - 1) // lanes, 0)
        for e in range(count):
            for j in range(e + 1, count):
                systems[e, j, lane] = S[e, j]
            whole = S[e, e] + (ridge[i] / weights[first + e] if weighted else ridge[i])
            limits[e, lane] = cutoff * whole
            systems[e, e, lane] = whole
            systems[e, size, lane] = B[e, free]
        for e in range(count, size):
            systems[e, e, lane] = 1
    for lane in range(rows.size, lanes):
        for e in range(size):
            systems[e, e, lane] = 1
    solve_lanes(limits, gained, systems, size)
    u, x = np.empty(max(1, size), Y.dtype), np.empty(length, Y.dtype)
    for lane in range(rows.size):
        i = rows[lane]
        first, count = indptr[i], indptr[i + 1] - indptr[i]
        observed.fetch(indices, values, Y, B, first, count, vectors, free, fixed, width, indices.size)
        for e in range(count):
            u[e] = systems[e, size, lane]
        x[:] = 0
        product(u, 0, 1, 1, B, 0, width, count, x, 0, length, 1, vectors, 0)
        sums[i] = ridge[i] * np.float64(gained[lane])
        for c in range(free):
            X[i, c] = x[c]


@compiled
def _many(indptr: Any, indices: Any, values: Any, weights: Any, weighted: Any, rows: Any, Y: Any, free: Any, fixed: Any,
          ridge: Any, damping: Any, X: Any, cutoff: Any, sums: Any) -> None:  # fmt: skip
    length = Y.shape[1]
    lanes = VECTOR_BYTES // Y.itemsize
    vectors, width = length // lanes, length + lanes
    B, K = np.empty((_VISIT, width), Y.dtype), np.empty((_VISIT if weighted else 1, width), Y.dtype)
    S = np.empty((free + 1, length), Y.dtype)
    systems = np.zeros((free, free + 1, lanes), Y.dtype)
    limits = np.zeros((free, lanes), Y.dtype)
    gained, energies = np.zeros(lanes, Y.dtype), np.zeros(lanes)
    for head in range(0, rows.size, lanes):
        busy = min(lanes, rows.size - head)
        for lane in range(busy):
            i = rows[head + lane]
            S[:] = 0
            energies[lane] = 0.0
            for first in range(indptr[i], indptr[i + 1], _VISIT):
                count = min(_VISIT, indptr[i + 1] - first)
                observed.fetch(indices, values, Y, B, first, count, vectors, free, fixed, width, indices.size)
                left = B
                if weighted:
                    _weigh(weights, first, count, B, K)
                    left = K
                for e in range(count):
                    energies[lane] += np.float64(left[e, free]) * np.float64(B[e, free])
                _add(left, B, width, count, S, free, lanes, vectors)
            _place(S, free, ridge[i] + damping, damping, X[i], systems, limits, cutoff, lane)
        solve_lanes(limits, gained, systems, free)
        for lane in range(busy):
            i = rows[head + lane]
            sums[i] = energies[lane] - gained[lane]
            for c in range(free):
                X[i, c] = systems[c, free, lane]


@compiled
def _weigh(weights: Any, first: Any, count: Any, B: Any, K: Any) -> None:
    for e in range(count):
        w = weights[first + e]
        for c in range(B.shape[1]):
            K[e, c] = w * B[e, c]


@compiled
def _add(K: Any, B: Any, width: Any, count: Any, S: Any, free: Any, lanes: Any, vectors: Any) -> None:
    # S += KᵀB on and above the diagonal, by strips of rows as high as a vector is wide, and the row of the right side.
    length = vectors * lanes
    for v in range(vectors):
        top = v * lanes
        rows = min(lanes, free - top)
        if rows > 0:
            last = v == vectors - 1
            product(K, top, width, 1, B, top, width, count, S, top * length + top, length, rows + last, vectors - v, 0)
    if vectors > 1:
        product(K, free, width, 1, B, 0, width, count, S, free * length, length, 1, vectors - 1, 0)


@compiled
def _place(S: Any, free: Any, diagonal: Any, damping: Any, x: Any, systems: Any, limits: Any, cutoff: Any,
           lane: Any) -> None:  # fmt: skip
    # Put the system of a row into its lane. Elimination is blind to the scale of a row, so each pivot is measured by
    # the diagonal entry it comes from.
    for c in range(free):
        for j in range(c + 1, free):
            systems[c, j, lane] = S[c, j]
        whole = S[c, c] + diagonal
        limits[c, lane] = cutoff * whole
        systems[c, c, lane] = whole
        systems[c, free, lane] = S[free, c] + damping * x[c]


@compiled
def conjugate_gradients(indptr: Any, indices: Any, values: Any, weights: Any, weighted: Any, start: Any, stop: Any,
                        Y: Any, free: Any, fixed: Any, ridge: Any, damping: Any, X: Any,
                        steps: Any) -> None:  # fmt: skip
    """Improve x_i by a few steps of conjugate gradients on the problem of `solve`, from x_i on."""
    length = Y.shape[1]
    vectors = length * Y.itemsize // VECTOR_BYTES
    x, p, q, r = (np.zeros((1, length), Y.dtype), np.zeros((1, length), Y.dtype), np.zeros((1, length), Y.dtype),
                  np.zeros((1, length), Y.dtype))  # fmt: skip
    unused = np.empty(1)
    for i in range(start, stop):
        diagonal = Y.dtype.type(ridge[i] + damping)
        for c in range(free):
            x[0, c] = X[i, c]
        if fixed:
            x[0, free] = 1
        observed.gradient(indptr, indices, values, weights, unused, x, Y, r, i, 1, 0, 0, vectors, weighted, 1,
                          indices.size)  # fmt: skip
        size = 0.0
        for c in range(free):
            r[0, c] = -r[0, c] - ridge[i] * x[0, c]
            p[0, c] = r[0, c]
            size += np.float64(r[0, c]) ** 2
        least = size * 1e-28
        for _ in range(steps):
            if not size > least:
                break
            observed.gradient(indptr, indices, values, weights, unused, p, Y, q, i, 1, 0, 0, vectors, weighted, 0,
                              indices.size)  # fmt: skip
            curvature = 0.0
            for c in range(free):
                q[0, c] += diagonal * p[0, c]
                curvature += np.float64(p[0, c]) * np.float64(q[0, c])
            if not curvature > 0.0:
                break
            length_of_step = Y.dtype.type(size / curvature)
            before, size = size, 0.0
            for c in range(free):
                x[0, c] += length_of_step * p[0, c]
                r[0, c] -= length_of_step * q[0, c]
                size += np.float64(r[0, c]) ** 2
            momentum = Y.dtype.type(size / before)
            for c in range(free):
                p[0, c] = r[0, c] + momentum * p[0, c]
        for c in range(free):
            X[i, c] = x[0, c]
