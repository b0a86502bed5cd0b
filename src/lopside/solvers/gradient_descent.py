"""Gradient descent: both factors move at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lopside.problems import Problem
from lopside.problems.protocol import Order
from lopside.solvers.metric import Identity
from lopside.solvers.protocol import Memory


@dataclass(frozen=True)
class GradientDescent:
    """X⁺ = X − η∇_X f(X, Y) and Y⁺ = Y − η∇_Y f(X, Y), with E = XYᵀ − A, ∇_X f = EY, ∇_Y f = EᵀX.

    It can settle only where η(σ₁(X)² + σ₁(Y)²) ≤ 2, hence never for η > 1/σ₁(A) [WCZT21].

    Parameters
    ----------
    step_size : number, text or step-size object
        η > 0: a number is η itself, in the unit of 1/σ₁(A); `"0.5/sigma1"` is that multiple of 1/σ₁(A); or a rule
        of `lopside.step_sizes`.
    """

    step_size: Any = "0.5/sigma1"
    order: ClassVar[Order] = "simultaneous"

    def begin(self, problem: Problem, point: Any, step_size: float) -> Memory:
        """Return what is carried from the start on."""
        return Memory(point, step_size)

    def step(self, problem: Problem, memory: Memory) -> Memory:
        """Return it after one simultaneous step; one read of A."""
        metric = Identity(memory.step_size)
        return Memory(problem.advance(memory.point, metric, metric, order=self.order), memory.step_size)
