"""What a run takes where nothing is said: a method for a problem, a start for a method; and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import as_rank
from lopside.errors import AbilityError, InputError
from lopside.problems import Completion, Sensing
from lopside.solvers import (
    AlternatingGradientDescent,
    AlternatingLeastSquares,
    FrozenFactor,
    Nesterov,
    ScaledGradientDescent,
)
from lopside.starts import ColumnSpan, PowerSketch, Spectral, Start, Unbalanced

ABILITIES = ("begin", "step", "step_size", "order")
"""What a run needs of its solver."""


def require(part: Any, name: str, abilities: tuple[str, ...], example: str) -> None:
    """Raise for a part of a run that lacks what the run needs of it."""
    missing = [ability for ability in abilities if not hasattr(part, ability)]
    if missing:
        raise AbilityError(f"got {type(part).__name__} as the {name}, which lacks {', '.join(missing)}; try {example}")


_LARGE = 50.0
"""Nesterov's start must dwarf the answer: [XWZWT24] ask for a large c, and 10 to 1000 were seen to work."""


def default_solver(problem: Any) -> Any:
    """Return the method that is used unless told otherwise; see `solve`."""
    if isinstance(problem, Sensing):
        return ScaledGradientDescent(damping="loss")  # undamped it diverges where the rank is larger than needed
    return AlternatingLeastSquares() if isinstance(problem, Completion) else AlternatingGradientDescent()


def default_start(problem: Any, solver: Any) -> Start:
    """Return the start a method begins from unless told otherwise; see `solve`."""
    if isinstance(problem, Completion | Sensing):
        return Spectral()
    if solver.order is not None:
        return Unbalanced(C=None)
    if isinstance(solver, FrozenFactor):
        return PowerSketch()
    return ColumnSpan(_LARGE if isinstance(solver, Nesterov) else 1.0, right_scale=0.0, relative=True)


def gradient_step(solver: Any, step_size: float | None, sigma1: float) -> float:
    """Return the η that starts are scaled with: 1/σ₁(A), its natural unit, for a method without such a step."""
    if step_size is None or getattr(solver, "scale_free", False):
        return 1.0 / sigma1 if sigma1 > 0.0 else 1.0
    return step_size


def rank_and_start(problem: Any, solver: Any, rank: int | None, start: Any) -> tuple[int, Any]:
    """Return the rank, and a rule to start or a pair of factors."""
    if isinstance(start, tuple | list):
        if len(start) != 2 or len(getattr(start[0], "shape", None) or np.shape(start[0])) != 2:
            raise InputError("got a start that is a sequence but not a pair of matrices (X, Y)")
        columns = start[0].shape[1] if hasattr(start[0], "shape") else np.shape(start[0])[1]
        if rank is not None and as_rank(rank, problem.shape) != columns:
            raise InputError(f"got rank {rank} and a start with {columns} columns; leave one of them out")
        return columns, tuple(start)
    if rank is None:
        raise InputError(
            f"got no rank; expected an integer from 1 to {min(problem.shape)} (or start=(X, Y), whose columns say it)"
        )
    start = default_start(problem, solver) if start is None else start
    if not callable(start):
        raise AbilityError(
            f"got {type(start).__name__} as the start; expected a rule that can be called, or a pair (X, Y). "
            "Try lo.starts.Unbalanced()"
        )
    return as_rank(rank, problem.shape), start
