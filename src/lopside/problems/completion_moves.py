"""Half steps of a completion problem: by the gradient, or to the minimum over one factor, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.linalg import weighted_gram
from lopside.problems.completion_point import CompletionPoint
from lopside.problems.protocol import Metric, Order
from lopside.threads import one_blas_thread

_TRUST = {"float64": 1e-8, "float32": 1e-2}
"""Share of Σ w a² above which the least value of a row's problem, a difference, is right to 1e-7 (float32 1e-4)."""


def moved(
    problem: Any, point: CompletionPoint, x: Metric, y: Metric, *, order: Order, momentum: float
) -> CompletionPoint:
    """Return the point after both factors have moved; see `Completion.advance`."""
    with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
        if getattr(x, "exact", False) and getattr(y, "exact", False):
            point.forget()
        at = point if point.ahead is None else point.ahead
        X, _ = _half(problem, at, "x", x)
        between = CompletionPoint(problem, X, at.Y, at.layout) if order == "alternating" else at
        Y, square = _half(problem, between, "y", y)
        ahead = None
        if momentum:
            further_x, further_y = X + momentum * (X - point.X), Y + momentum * (Y - point.Y)
            ahead = CompletionPoint(problem, further_x, further_y, point.layout)
        return CompletionPoint(problem, X, Y, point.layout, ahead, square if order == "alternating" else None)


@dataclass(frozen=True, eq=False)
class _Side:
    """One factor, and a table of the other in coordinates in which the ridge is the same for all free columns."""

    factor: Array
    table: Array
    shared: int
    free: list[int]
    fixed: bool
    units: Array
    ridges: Array

    @classmethod
    def of(cls, problem: Any, point: CompletionPoint, side: str) -> _Side:
        left = side == "x"
        F, other = (point.X, point.Y) if left else (point.Y, point.X)
        free, still = point.layout.order(left=left)
        units = problem.penalty.units(point.layout, left=left).astype(F.dtype)
        table = problem.lines(side).table(other, free + still, units)
        return cls(F, table, point.layout.shared, free, bool(still), units, problem.ridges(side))


def _half(problem: Any, point: CompletionPoint, side: str, metric: Metric) -> tuple[Array, float | None]:
    """Return one factor moved, and Σ w(x_i·y_j − a)² after that where it comes with it."""
    here = _Side.of(problem, point, side)
    if getattr(metric, "exact", False):
        return _minimized(problem, here, side, metric)
    own, shares = problem.shares(side)
    gram = weighted_gram(here.table[:, : len(here.free)], shares)
    # A plain step has no unit of its own; a scaled one is taken where the ridge is the same for all columns.
    units = here.units if getattr(metric, "scaled", False) else 1.0
    new = here.factor.copy()
    new[:, here.free] -= metric.step(point.slope(side) * units, gram, own, here.ridges) * units
    return new, None


def _minimized(problem: Any, here: _Side, side: str, metric: Any) -> tuple[Array, float | None]:
    if here.factor[:, : here.shared].any() and not here.table[:, : here.shared].any():
        return here.factor, None  # from Y = 0 nothing is to be learned about X but to be 0 as well, a saddle
    problem.reads += 1
    what: dict[str, Any] = {"columns": here.free, "units": here.units, "fixed": here.fixed, "damping": metric.damping}
    lines = problem.lines(side)
    if metric.inner_steps is not None:
        return lines.improve(here.factor, here.table, here.ridges, **what, steps=metric.inner_steps), None
    new, squares = lines.solve(here.factor, here.table, here.ridges, **what)
    return new, None if metric.damping else _trusted(problem, math.fsum(squares))


def _trusted(problem: Any, square: float) -> float | None:
    """Return Σ w(x_i·y_j − a)² as a difference of larger sums, or None where it has lost too many digits."""
    return square if square > _TRUST[problem.dtype.name] * problem.norm**2 else None
