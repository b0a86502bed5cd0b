"""What the loop asks of a solver."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from lopside.problems import Problem
from lopside.problems.protocol import Order


class Memory(NamedTuple):
    """All a first-order solver carries from step to step."""

    point: Any
    step_size: float


class Solver(Protocol):
    """A method: settings in, a pure step out; no tolerance, budget, seed or printing inside.

    Attributes
    ----------
    step_size : number, text or step-size object
        Resolved once per run, before the start is drawn, because a start may depend on it.
    order : "alternating" or "simultaneous"
        Which X the Y-step sees; theorems ask for it.
    """

    @property
    def step_size(self) -> Any:
        """A number, a text or a step-size object."""
        ...

    @property
    def order(self) -> Order:
        """Which X the Y-step sees."""
        ...

    def begin(self, problem: Problem, point: Any, step_size: float) -> Memory:
        """Return what is carried from the start on; `step_size` is the resolved number η > 0."""
        ...

    def step(self, problem: Problem, memory: Memory) -> Memory:
        """Return it after one iteration."""
        ...
