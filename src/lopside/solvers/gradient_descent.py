"""Gradient descent: both factors at once, or X first and then Y at the new X."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from lopside.problems import Problem
from lopside.problems.protocol import Order
from lopside.solvers.first_order import FirstOrder, Memory
from lopside.solvers.metric import Identity


class Plain(FirstOrder):
    """Plain gradient steps of length η, which the convergence theorems are about."""

    step_size: Any
    order: ClassVar[Order]

    def metric(self, point: Any, step_size: Any) -> Identity:
        """Return the plain step of length η."""
        return Identity(step_size)

    def step(self, problem: Problem, memory: Memory) -> Memory:
        """Return it after one iteration; one read of A."""
        moved, losses = self.stretch(problem, memory, 1, low=-math.inf, high=math.inf)
        return moved if losses else super().step(problem, memory)

    def stretch(
        self, problem: Problem, memory: Memory, steps: int, *, low: float, high: float
    ) -> tuple[Memory, list[float]]:
        """Return what is carried after up to `steps` steps in one call, and the loss after each of them.

        It ends after the first step whose loss is at most `low`, short of one whose loss is not at most `high`, and
        takes none where the problem cannot.
        """
        ability = getattr(problem, "stretch", None)
        if ability is None:
            return memory, []
        point, losses = ability(memory.point, memory.step_size, order=self.order, steps=steps, low=low, high=high)
        return memory._replace(point=point), losses


@dataclass(frozen=True)
class GradientDescent(Plain):
    """X⁺ = X − η∇_X f(X, Y) and Y⁺ = Y − η∇_Y f(X, Y), with E = XYᵀ − A, ∇_X f = EY, ∇_Y f = EᵀX.

    It can settle only where η(σ₁(X)² + σ₁(Y)²) ≤ 2, hence never for η > 1/σ₁(A) [WCZT21].

    Parameters
    ----------
    step_size : number, text or step-size object
        η > 0: a number is η itself, in the unit of 1/σ₁(A); `"0.5/sigma1"` is that multiple of 1/σ₁(A); or a rule
        of `lopside.step_sizes`.
    """

    step_size: Any = "0.5/sigma1"
    moves: ClassVar[Order] = "simultaneous"
    order: ClassVar[Order] = "simultaneous"


@dataclass(frozen=True)
class AlternatingGradientDescent(Plain):
    """X⁺ = X − η∇_X f(X, Y), then Y⁺ = Y − η∇_Y f(X⁺, Y) [WK23, Assumption 1].

    With E = XYᵀ − A, ∇_X f = EY and ∇_Y f = EᵀX. The method the certificates of `lopside.theory` are about;
    unlike simultaneous descent it still converges at η = 1/σ₁(A), and fastest there.

    Parameters
    ----------
    step_size : number, text or step-size object
        η > 0: a number is η itself, in the unit of 1/σ₁(A); `"0.9/sigma1"` is that multiple of 1/σ₁(A); or a rule
        of `lopside.step_sizes`.
    """

    step_size: Any = "0.9/sigma1"
    moves: ClassVar[Order] = "alternating"
    order: ClassVar[Order] = "alternating"
