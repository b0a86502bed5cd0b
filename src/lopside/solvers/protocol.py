"""What the loop asks of a solver."""

from __future__ import annotations

from typing import Any, Protocol

from lopside.problems import Problem
from lopside.problems.protocol import Order


class Solver(Protocol):
    """A method: settings in, a pure step out; no tolerance, budget, seed or printing inside.

    What it carries from step to step is its own, but for `.point`: the `Point` reached.

    Attributes
    ----------
    step_size : number, text, step-size object or None
        Resolved once per run, before the start is drawn, because a start may depend on it. None where the method
        has none or finds it at the start.
    order : "alternating", "simultaneous" or None
        Which X the Y-step sees, if the steps are plain gradient steps: theorems ask for it. None for other methods.
    """

    @property
    def step_size(self) -> Any:
        """A number, a text, a step-size object or None."""
        ...

    @property
    def order(self) -> Order | None:
        """Which X the Y-step of a plain gradient method sees."""
        ...

    def begin(self, problem: Problem, point: Any, step_size: float | None) -> Any:
        """Return what is carried from the start on; `step_size` is resolved, > 0 or None."""
        ...

    def step(self, problem: Problem, memory: Any) -> Any:
        """Return it after one iteration."""
        ...
