"""When to stop, and the sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from lopside.arrays import as_positive
from lopside.errors import AbilityError, InputError
from lopside.problems import Completion, Full, Sensing
from lopside.theory.completion_gap import completion_gap
from lopside.theory.eckart_young import measured_gap
from lopside.theory.search import Verdict
from lopside.theory.sensing_gap import sensing_gap


class Status(Enum):
    """How a run ended; the value is the sentence for people."""

    RUNNING = "the run has not ended"
    RELATIVE_ERROR = "the relative error asked for was reached"
    GAP = "the loss is proved to be within the gap asked for of the least possible one"
    EXCESS = "the error is proved to be within the excess asked for of the least possible one"
    ROUNDING = "the error is at the rounding level of the matrix"
    GRADIENT = "the gradient norm asked for was reached"
    NO_PROGRESS = "the loss stopped falling"
    PRECISION = "the arithmetic cannot prove more"
    MAX_STEPS = "the budget of steps was used up"
    SECONDS = "the time budget was used up"
    INTERRUPTED = "the run was interrupted"
    DIVERGED = "the iteration diverged"

    @property
    def converged(self) -> bool:
        """Whether a tolerance that says something about the answer was met (no progress says nothing)."""
        return self in (Status.RELATIVE_ERROR, Status.GAP, Status.EXCESS, Status.ROUNDING, Status.GRADIENT)


@dataclass(frozen=True)
class Stop:
    """Stop at the first of several conditions; those left as None never stop a run.

    Parameters
    ----------
    max_steps : int, optional
        Steps taken, ≥ 0.
    relative_error : float, optional
        ‖X Yᵀ − A‖_F/‖A‖_F ≤ this, not squared: "relative squared error 1e-10" is 1e-5.
    gap : float, optional
        F − D ≤ this · F is proved, D a lower bound on the least loss: at this rank for `Full` (the Eckart–Young gap),
        at every rank for `Completion` and `Sensing` (the duality gap, which needs a ridge). Tried when a step
        lowers the loss by less than that, after 1, 2, 3 … and then ever more steps.
    excess : float, optional
        ‖X Yᵀ − A‖_F ≤ (1 + this)·‖A_d − A‖_F is proved, A_d the best of the rank, or ‖X Yᵀ − A‖_F ≤ 100 ε ‖A‖_F with
        ε of the precision of A: the one condition that knows how good the answer could be. `BlockKrylov` is asked
        after each step; other methods every `every` steps, which costs as much as a certificate each time.
    gradient_norm : float, optional
        √(‖∇_X f‖_F² + ‖∇_Y f‖_F²) ≤ this · ‖A‖_F^{3/2}, tested every `every` steps: a pure number that does not
        change when A is rescaled. Each test reads A once.
    no_progress : float, optional
        Over the last `every` steps the loss fell by less than this share of itself. Says that the run is slow,
        not that it is done.
    seconds : float, optional
        Wall clock, from the start of the iteration.
    every : int
        The stride of the conditions that look back or read A.

    Raises
    ------
    InputError
        For a negative or NaN bound, or if nothing could ever stop the run.
    """

    max_steps: int | None = 5000
    relative_error: float | None = None
    gap: float | None = None
    excess: float | None = None
    gradient_norm: float | None = None
    no_progress: float | None = None
    seconds: float | None = None
    every: int = 50

    def __post_init__(self) -> None:
        bounds = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "every"}
        if all(bound is None for bound in bounds.values()):
            raise InputError("got Stop with every condition None; expected at least one. Try max_steps=5000")
        for name, bound in bounds.items():
            if bound is not None:
                as_positive(bound, name, zero=True)
        as_positive(self.every, "every")
        for name in ("max_steps", "every"):
            value = getattr(self, name)
            if value is not None and value != int(value):
                raise InputError(f"got {name} = {value!r}; expected an integer")

    @property
    def asks_for_tolerance(self) -> bool:
        """Whether a tolerance was asked for that the run may fail to reach."""
        return any(bound is not None for bound in (self.relative_error, self.gap, self.excess, self.gradient_norm))

    def check(self, state: Any, losses: Sequence[float], seconds: float) -> Status | None:
        """Return the status that ends the run here, or None.

        Parameters
        ----------
        state : State
            The current state of the loop.
        losses : sequence of float
            The loss after each step so far; the last entry is the current one.
        seconds : float
            Time since the start of the iteration.
        """
        if self.relative_error is not None and state.relative_error <= self.relative_error:
            return Status.RELATIVE_ERROR
        if self.gap is not None and _due(state.step, losses, self.gap) and _relative_gap(state, self.gap) <= self.gap:
            return Status.GAP
        if self.excess is not None and (status := _within_excess(state, self.excess, self.every)):
            return status
        if state.step % self.every == 0 and (status := self._look_back(state, losses)):
            return status
        if self.max_steps is not None and state.step >= self.max_steps:
            return Status.MAX_STEPS
        if self.seconds is not None and seconds >= self.seconds:
            return Status.SECONDS
        return None

    def _look_back(self, state: Any, losses: Sequence[float]) -> Status | None:
        if self.gradient_norm is not None and state.scaled_gradient_norm <= self.gradient_norm:
            return Status.GRADIENT
        if self.no_progress is not None and len(losses) > self.every:
            before, now = losses[-1 - self.every], losses[-1]
            if now >= (1.0 - self.no_progress) * before:
                return Status.NO_PROGRESS
        return None


def _due(step: int, losses: Sequence[float], gap: float) -> bool:
    """Whether to try a proof: where a step still gains more than the gap, the gap is larger."""
    if step == 0 or losses[-2] - losses[-1] > gap * losses[-1]:
        return False
    return step < 8 or int(math.log(step, _STRIDE)) > int(math.log(step - 1, _STRIDE))


_STRIDE = 1.15
"""From one try to the next the steps grow by this factor."""


def _relative_gap(state: Any, target: float) -> float:
    point, problem = state.point, state.point.problem
    rng = np.random.default_rng((_SEED, state.step))
    if isinstance(problem, Sensing):
        return sensing_gap(problem, point.X, point.Y, rng, target=target, deciding=True).gap.relative
    if isinstance(problem, Completion):
        return completion_gap(problem, point.X, point.Y, rng, target=target, deciding=True).gap.relative
    _require_full(problem, "gap")
    X, Y = point.X.astype(np.float64), point.Y.astype(np.float64)
    loss = state.loss
    return measured_gap(problem, X, Y, rng).gap / loss if loss > 0.0 else 0.0


def _require_full(problem: Any, name: str) -> None:
    if not isinstance(problem, Full):
        others = ", Completion or Sensing" if name == "gap" else ""
        raise AbilityError(
            f"got Stop({name}=...) with {type(problem).__name__}, for which nothing of the kind is proved; expected "
            f"Full(A){others}. Try Stop(gradient_norm=1e-6) or Stop(relative_error=...)"
        )


def _within_excess(state: Any, excess: float, every: int) -> Status | None:
    point, problem = state.point, state.point.problem
    _require_full(problem, "excess")
    if hasattr(point, "verdict"):  # a search for singular vectors knows how far it is
        verdict = point.verdict(excess)
        if verdict is Verdict.SEARCHING:
            return None
        if verdict is Verdict.PROVED:
            return Status.EXCESS
    elif state.step % every:
        return None
    elif (
        measured_gap(
            problem,
            point.X.astype(np.float64),
            point.Y.astype(np.float64),
            np.random.default_rng((_SEED, state.step)),
            target=excess,
        ).excess
        <= excess
    ):
        return Status.EXCESS
    if state.relative_error <= rounding_level(problem.dtype):
        return Status.ROUNDING
    return Status.PRECISION if hasattr(point, "verdict") else None


_SEED = 0x6A9
"""Of the probes that decide when to stop; the certificate of the solution draws its own."""


def rounding_level(dtype: Any) -> float:
    """Return 100 ε for a floating-point type: relative errors below are as good as none."""
    return 100.0 * float(np.finfo(dtype).eps)
