"""Whole stretches of gradient descent on a small matrix in one call: no Python between the steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.kernels.compiled import compiled
from lopside.kernels.dense import residual_square, sweep
from lopside.kernels.tiles import VECTOR_BYTES, dots, fold, product


@compiled
def descend(A: Any, scale: Any, X: Any, Y: Any, PT: Any, Gx: Any, Gy: Any, step_size: Any, alternating: Any,
            known: Any, trust: Any, low: Any, high: Any, chunk: Any, losses: Any) -> Any:  # fmt: skip
    """Take up to len(losses) steps of size η and return how many, where they are, and how many residuals they took.

    X⁺ = X(I − ηYᵀY) + η(A Y), then Y⁺ = Y(I − ηĜ) + η AᵀX̂ with X̂ = X⁺ if `alternating` and X̂ = X if not, Ĝ = X̂ᵀX̂.
    The loss is ½(‖A‖² − 2⟨AᵀX, Y⟩ + ⟨XᵀX, YᵀY⟩) while it exceeds `trust` times the larger of ‖A‖² (`known`) and
    ‖XYᵀ‖², else from the residual.  It ends after a step whose loss is at most `low`, and short of one whose loss is
    not at most `high`.

    Parameters
    ----------
    X, Y, PT, Gx, Gy
        Pairs along the first axis: the state at 0, room for the next at 1. Y as `dense.pack` packs it, PT = (AᵀX)ᵀ.

    Returns
    -------
    taken, place, residuals : int
        `place`, 0 or 1, says where in the pairs the state is.
    """
    d = X.shape[2]
    blocks, width = Y.shape[1], Y.shape[3]
    pitch = PT.shape[2]
    w = VECTOR_BYTES // X.itemsize
    dpitch = (d + w - 1) // w * w
    MN = np.zeros((2 * d, dpitch), X.dtype)
    K = np.empty((d, d), X.dtype)
    G = np.zeros((d, Gx.shape[2]), np.float64)
    Y64 = np.empty((d, width), np.float64)
    sums = np.empty(d * d * (VECTOR_BYTES // 8), np.float64)
    crossed = np.empty_like(sums)
    flat = np.empty(d * d, np.float64)
    w64 = VECTOR_BYTES // 8
    if A.shape[1] < pitch:  # whole vectors, so that no row has an end to be treated apart
        padded = np.zeros((len(A), pitch), A.dtype)
        padded[:, : A.shape[1]] = A
    else:
        padded = A.copy()
    wide = np.empty((blocks, d, width), np.float64)
    residuals = 0
    at = 0
    for step in range(len(losses)):
        to = 1 - at
        for i in range(d):
            for c in range(d):
                MN[i, c] = -step_size * Gy[at, i, c]
            MN[i, i] += 1
            MN[d + i, i] = step_size
        G[:] = 0
        PT[to] = 0
        sweep(padded, scale, X[at], Y[at], wide, MN, d, 0, chunk, False, X[to], PT[to], G, False)
        Gx[to] = G
        seen = to if alternating else at
        for i in range(d):
            for c in range(d):
                K[i, c] = -step_size * Gx[seen, i, c]
            K[i, i] += 1
        sums[:] = 0
        crossed[:] = 0
        for b in range(blocks):
            first = b * width
            stop = min(width, pitch - first)
            for c in range(d):
                for j in range(stop):
                    Y[to, b, c, j] = step_size * PT[seen, c, first + j]
            product(K, 0, d, 1, Y, (at * blocks + b) * d * width, width, d, Y, (to * blocks + b) * d * width, width,
                    d, (stop + w - 1) // w, 0)  # fmt: skip
            for c in range(d):
                for j in range(width):
                    Y64[c, j] = Y[to, b, c, j]
            vectors = (stop + w64 - 1) // w64
            dots(Y64, 0, width, Y64, 0, width, vectors, sums, 0, d, d, 0)
            dots(PT, to * d * pitch + first, pitch, Y64, 0, width, vectors, crossed, 0, d, d, 0)
        fold(crossed, 0, d * d, flat, 0)
        inner = 0.0
        for i in range(d):
            inner += flat[i * d + i]
        fold(sums, 0, d * d, flat, 0)
        fitted = 0.0
        for i in range(d):
            for c in range(d):
                Gy[to, i, c] = flat[i * d + c]
                fitted += flat[i * d + c] * Gx[to, i, c]
        loss = 0.5 * (known - 2.0 * inner + fitted)
        if loss <= trust * max(known, fitted):
            wide[:] = Y[to]
            loss = 0.5 * residual_square(padded, scale, X[to].astype(np.float64), wide)
            residuals += 1
        if not loss <= high:
            return step, at, residuals
        losses[step] = loss
        at = to
        if loss <= low:
            return step + 1, at, residuals
    return len(losses), at, residuals
