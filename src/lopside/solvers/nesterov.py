"""Gradient descent with momentum from an unbalanced start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lopside.arrays import as_positive
from lopside.errors import InputError
from lopside.linalg import squared_singular_values
from lopside.problems import Problem
from lopside.solvers.metric import Identity, relative_cutoff


class Momentum(NamedTuple):
    """What is carried from step to step."""

    point: Any
    step_size: float
    momentum: float


@dataclass(frozen=True)
class Nesterov:
    """X⁺ = X̃ − η∇_X f(X̃, Ỹ), X̃⁺ = X⁺ + β(X⁺ − X), and Y likewise, from X₀ = cAΦ with large c and Y₀ = 0 [XWZWT24].

    X then hardly moves and the problem is nearly quadratic in Y, with L = σ₁(X₀)² and μ = σ_r(X₀)²: to a given
    accuracy it takes on the order of κ steps where gradient descent takes κ². For matrices of rank ≤ d: where more is
    left over, the answer stays near the best one within the span of the random X₀, which is not the best of all.

    Parameters
    ----------
    step_size : number, text, step-size object or None
        η > 0 as in `GradientDescent`; None is 1/L, with L at least 2σ₁(A), the least curvature an answer can have.
    momentum : float or None
        β in [0, 1); None is (√L − √μ)/(√L + √μ), with r the numerical rank of X₀.
    restart : bool
        Drop the momentum whenever the loss has risen [OC15, function scheme], so that a poor μ does no harm.
    """

    step_size: Any = None
    momentum: float | None = None
    restart: bool = True
    order: ClassVar[None] = None

    def __post_init__(self) -> None:
        if self.momentum is not None and as_positive(self.momentum, "momentum", zero=True) >= 1.0:
            raise InputError(f"got momentum = {self.momentum}; expected 0 ≤ momentum < 1, or None to choose it")
        if not isinstance(self.restart, bool | np.bool_):
            raise InputError(f"got restart = {self.restart!r}; expected True or False")

    def begin(self, problem: Problem, point: Any, step_size: float | None) -> Momentum:
        """Return what is carried from the start on, η and β resolved."""
        curvature, least = _curvatures(problem, point)
        ratio = math.sqrt(least / curvature)
        momentum = (1.0 - ratio) / (1.0 + ratio) if self.momentum is None else float(self.momentum)
        return Momentum(point, 1.0 / curvature if step_size is None else step_size, momentum)

    def step(self, problem: Problem, memory: Momentum) -> Momentum:
        """Return it after one iteration; one read of A."""
        last, metric = memory.point, Identity(memory.step_size)
        point = problem.advance(last, metric, metric, order="simultaneous", momentum=memory.momentum)
        if self.restart and point.loss > last.loss:
            point = point.settled()
        return memory._replace(point=point)


def _curvatures(problem: Problem, point: Any) -> tuple[float, float]:
    """Return L and μ at a start; (1, 1) for a problem whose answer the start already is, zero."""
    squared = squared_singular_values(point.gram_x)
    known = squared > relative_cutoff(len(squared), 0.5 * float(np.finfo(point.X.dtype).eps)) * squared[0]
    largest = float(squared[0] + squared_singular_values(point.gram_y)[0])
    if largest < 2.0 * problem.norm:  # and only then can 2σ₁(A) be larger
        largest = max(largest, 2.0 * problem.sigma1())
    least = float(squared[known][-1]) if known.any() else largest
    return (largest, least) if largest > 0.0 else (1.0, 1.0)
