"""Whole stretches of gradient descent on a small matrix in one call: no Python between the steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.kernels.compiled import compiled
from lopside.kernels.dense import STRETCH, residual_square, sweep
from lopside.kernels.llvm import VECTOR_BYTES
from lopside.kernels.tiles import product, rows_product


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
    d, (n, dpitch), pitch = X.shape[2], Y.shape[1:], PT.shape[2]
    w, w64 = VECTOR_BYTES // X.itemsize, VECTOR_BYTES // 8
    MN = np.zeros((2 * d, dpitch), X.dtype)
    K = np.zeros((d, dpitch), X.dtype)
    G = np.zeros((d, Gx.shape[2]), np.float64)
    crossed = np.zeros_like(G)
    width = STRETCH * w64
    across = np.zeros(((n + width - 1) // width, d, width), np.float64)
    if A.shape[1] < pitch:  # whole vectors, so that no row has an end to be treated apart
        padded = np.zeros((len(A), pitch), A.dtype)
        padded[:, : A.shape[1]] = A
    else:
        padded = A.copy()
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
        sweep(padded, scale, X[at], Y[at], across, MN, d, 0, chunk, X[to], PT[to], G, False)
        Gx[to] = G
        seen = to if alternating else at
        for i in range(d):
            for c in range(d):
                K[i, c] = -step_size * Gx[seen, i, c]
            K[i, i] += 1
        for j in range(n):
            for c in range(d):
                Y[to, j, c] = step_size * PT[seen, c, j]
        rows_product(Y, at * n * dpitch, dpitch, K, 0, dpitch, d, Y, to * n * dpitch, dpitch, n, dpitch // w)
        here, gpitch = to * n * dpitch, Gy.shape[2]
        Gy[to] = 0
        product(Y, here, dpitch, 1, Y, here, dpitch, n, Gy, to * d * gpitch, gpitch, d, gpitch // w64, 0)
        crossed[:] = 0
        rows_product(PT, to * d * pitch, pitch, Y, here, dpitch, n, crossed, 0, gpitch, d, gpitch // w64)
        inner = fitted = 0.0
        for i in range(d):
            inner += crossed[i, i]
            for c in range(d):
                fitted += Gy[to, i, c] * Gx[to, i, c]
        loss = 0.5 * (known - 2.0 * inner + fitted)
        if loss <= trust * max(known, fitted):
            for j in range(n):
                for c in range(d):
                    across[j // width, c, j % width] = Y[to, j, c]
            loss = 0.5 * residual_square(padded, scale, X[to].astype(np.float64), across)
            residuals += 1
        if not loss <= high:
            return step, at, residuals
        losses[step] = loss
        at = to
        if loss <= low:
            return step + 1, at, residuals
    return len(losses), at, residuals
