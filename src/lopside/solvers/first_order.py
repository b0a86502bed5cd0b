"""What the first-order methods share: one `advance` of the problem a step, by one d × d rule for both factors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from lopside.problems import Metric, Problem
from lopside.problems.protocol import Order


class Memory(NamedTuple):
    """All a first-order solver carries from step to step; η is None where a method has none."""

    point: Any
    step_size: float | None


class FirstOrder(ABC):
    """X⁺ = X B + (A Y) C with (B, C) = metric(YᵀY), and Y⁺ likewise with metric(X̂ᵀX̂).

    Attributes
    ----------
    moves : "alternating" or "simultaneous"
        Whether Y's half step sees X⁺ or X.
    scale_free : bool
        Whether the step size is a pure number rather than one in the unit of 1/σ₁(A).
    """

    moves: ClassVar[Order]
    scale_free: ClassVar[bool] = False

    @abstractmethod
    def metric(self, point: Any, step_size: Any) -> Metric:
        """Return the rule for the step from a point."""

    def begin(self, problem: Problem, point: Any, step_size: float | None) -> Memory:
        """Return what is carried from the start on."""
        return Memory(point, step_size)

    def step(self, problem: Problem, memory: Memory) -> Memory:
        """Return it after one iteration; one read of A."""
        metric = self.metric(memory.point, memory.step_size)
        return Memory(problem.advance(memory.point, metric, metric, order=self.moves), memory.step_size)
