"""Gradient descent on X alone, with Y as the start made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lopside.errors import InputError
from lopside.linalg import squared_singular_values
from lopside.problems import Problem
from lopside.solvers.metric import Identity, Still


class Progress(NamedTuple):
    """What is carried from step to step."""

    point: Any
    step_size: float
    taken: int


@dataclass(frozen=True)
class FrozenFactor:
    """X⁺ = X − γ(X Y₀ᵀ − A)Y₀ with γ = 1/σ₁(Y₀)²: a strongly convex problem, solved at a rate known at once [PSM25].

    What can still be fitted falls by at least (1 − κ⁻²(Y₀))² in squared error a step, with momentum on the order of
    κ⁻¹(Y₀). What is left then is what Y₀ = (AᵀA)^a AᵀΦ misses: see `starts.PowerSketch`. A teaching method: on a
    known matrix one half step of `AlternatingLeastSquares` gets there at once.

    Parameters
    ----------
    accelerate : bool
        Use momentum k/(k + 3) after step k.
    """

    accelerate: bool = False
    step_size: ClassVar[None] = None
    order: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.accelerate, bool | np.bool_):
            raise InputError(f"got accelerate = {self.accelerate!r}; expected True or False")

    def begin(self, problem: Problem, point: Any, step_size: float | None) -> Progress:
        """Return what is carried from the start on."""
        largest = float(squared_singular_values(point.gram_y)[0])
        if largest == 0.0 < problem.norm:
            raise InputError("got a start with Y₀ = 0, which is never left if Y is frozen; try starts.PowerSketch()")
        return Progress(point, 1.0 / largest if largest > 0.0 else 1.0, 0)

    def step(self, problem: Problem, memory: Progress) -> Progress:
        """Return it after one iteration; one read of A."""
        taken = memory.taken + 1
        momentum = taken / (taken + 3.0) if self.accelerate else 0.0
        x, y = Identity(memory.step_size), Still()
        point = problem.advance(memory.point, x, y, order="simultaneous", momentum=momentum)
        return memory._replace(point=point, taken=taken)
