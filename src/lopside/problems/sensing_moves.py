"""Half steps of a sensing problem: by the gradient, or to the minimum over one factor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.linalg import UNIT_ROUNDOFF
from lopside.problems.protocol import Metric, Order
from lopside.problems.sensing_maps import linear_operator, product
from lopside.problems.sensing_point import SensingPoint
from lopside.threads import one_blas_thread

_SOLVED = {"float64": 1e-10, "float32": 1e-5}
"""Tolerance of LSQR for a half step, relative to the correction that it makes."""


def moved(problem: Any, point: SensingPoint, x: Metric, y: Metric, *, order: Order, momentum: float) -> SensingPoint:
    """Return the point after both factors have moved; see `Sensing.advance`."""
    with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
        at = point if point.ahead is None else point.ahead
        X = _half(problem, at, "x", x)
        Y = _half(problem, SensingPoint(problem, X, at.Y) if order == "alternating" else at, "y", y)
        ahead = None
        if momentum:
            ahead = SensingPoint(problem, X + momentum * (X - point.X), Y + momentum * (Y - point.Y))
        return SensingPoint(problem, X, Y, ahead)


def _half(problem: Any, point: SensingPoint, side: str, metric: Any) -> Array:
    F, gram = (point.X, point.gram_y) if side == "x" else (point.Y, point.gram_x)
    if getattr(metric, "exact", False):
        return _minimized(problem, point, side, metric)
    scales, ridges = np.ones(len(F)), np.full(len(F), problem.ridge / problem.scale)
    return F - metric.step(point.slope(side) / problem.scale, gram, scales, ridges).astype(F.dtype, copy=False)


def _minimized(problem: Any, point: SensingPoint, side: str, metric: Any) -> Array:
    """Return argmin of f over one factor, plus ½sλ‖· − X‖² where there is a damping λ.

    For X: the correction D = P Wᵀ has the least ‖𝒜(P(Y W)ᵀ) + r‖² + ‖√ω P Wᵀ + (ridge/√ω) X‖² with ω = ridge + sλ and
    W = (s YᵀY + ωI)^(−½): P is then as well conditioned as 𝒜 on matrices of low rank is near √s times an isometry.
    """
    from scipy.sparse.linalg import lsqr

    left = side == "x"
    F, other, gram = (point.X, point.Y, point.gram_y) if left else (point.Y, point.X, point.gram_x)
    if not other.any() or not np.isfinite(gram).all():
        return F  # from Y = 0 nothing is to be learned about X
    weight = problem.ridge + problem.scale * metric.damping
    root = math.sqrt(weight)
    W = _inverse_root(problem.scale * gram, weight, metric.precision).astype(F.dtype)
    table, k = other @ W, len(point.residual)

    def forward(p: Array) -> Array:
        P = p.astype(F.dtype, copy=False).reshape(F.shape)
        fitted = problem.measure(P, table) if left else problem.measure(table, P)
        return np.concatenate([fitted, root * (P @ W.T).ravel()]) if weight else fitted

    def back(v: Array) -> Array:
        M = problem.adjoint(v[:k])
        P = product(M if left else M.T, table)
        return (P + root * v[k:].reshape(F.shape) @ W if weight else P).ravel()

    target = -point.residual
    if weight:
        target = np.concatenate([target, -(problem.ridge / root) * F.ravel()])
    operator = linear_operator((len(target), F.size), forward, back, F.dtype)
    tolerance = _SOLVED[F.dtype.name]
    solved = lsqr(operator, target, atol=tolerance, btol=tolerance, iter_lim=metric.inner_steps)
    return F + solved[0].astype(F.dtype).reshape(F.shape) @ W.T


def _inverse_root(gram: Array, weight: float, precision: float) -> Array:
    """Return V diag((values + weight)^(−½)), 0 in directions that are rounding, as for `solvers.metric.Gram`."""
    values, V = np.linalg.eigh(gram)
    levels = np.maximum(values, 0.0) + weight
    kept = levels > len(gram) * max(16.0 * UNIT_ROUNDOFF, precision) * levels[-1]
    return V * np.sqrt(np.divide(1.0, levels, out=np.zeros(len(gram)), where=kept))
