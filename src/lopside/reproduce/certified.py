"""Runs of `lopside.Run` with the all-time theorem watching: when convergence becomes certain."""

from __future__ import annotations

import math
from typing import NamedTuple

from lopside.arrays import Array
from lopside.certify import Watch
from lopside.problems import Full
from lopside.reproduce.batch import grid
from lopside.run import Run
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Part


class CertifiedRun(NamedTuple):
    """A run of `lopside.Run` and what was proved on the way.

    Attributes
    ----------
    steps, relative_errors : list
        At the steps of `grid` and at the last one.
    history : list
        The relative error after every step.
    b : float
        ησ_r(X₀)² of the drawn start.
    part : Part or None
        The all-time theorem at the first step of `grid` where it held.
    norm : float
        ‖A‖_F.
    """

    steps: list[int]
    relative_errors: list[float]
    history: list[float]
    b: float
    part: Part | None
    norm: float

    def line(self) -> tuple[list[int], list[float]]:
        """Return the steps from the first certified one on, and the certified relative errors there."""
        bound = self.part.bound if self.part else None
        if self.part is None or bound is None:
            return [], []
        steps = [step for step in self.steps if step >= self.part.step]
        return steps, [math.sqrt(2.0 * bound.loss_at(step - self.part.step)) / self.norm for step in steps]

    @property
    def first(self) -> float:
        """The first step of `grid` at which convergence was certain; NaN if it never was."""
        return float(self.part.step) if self.part else math.nan

    def reached(self, relative_error: float) -> float:
        """Return the first step at which the relative error was at most this, or NaN."""
        return next((float(step) for step, error in enumerate(self.history) if error <= relative_error), math.nan)

    def announced(self, relative_error: float) -> float:
        """Return the step by which the error was certain to be reached, as known when it became so; or NaN."""
        more = self.part.steps_to(0.5 * (relative_error * self.norm) ** 2) if self.part else None
        return math.nan if self.part is None or more is None else float(self.part.step + more)


def certified_run(
    A: Array, solver: object, start: object, *, rank: int, r: int, seed: int, max_steps: int, floor: float
) -> CertifiedRun:
    """Run a solver with σ₁(A) = 1 known, until the relative error is at most `floor` or `max_steps`.

    Parameters
    ----------
    A : ndarray, shape (m, n), of rank r
    solver, start : as for `lopside.solve`
    rank, r : int
        Columns kept, and the rank of A.
    seed : int
    max_steps : int
    floor : float
    """
    problem = Full(A)
    stop = Stop(max_steps=max_steps, relative_error=floor)
    run = Run(problem, solver, rank=rank, start=start, stop=stop, rng=seed, sigma1=1.0, trace_every=max_steps + 1)
    watch, kept = Watch(run), set(grid(max_steps))
    steps: list[int] = []
    errors: list[float] = []
    part = None
    for state in run:
        if state.step in kept or run.status is not Status.RUNNING:
            steps.append(state.step)
            errors.append(state.relative_error)
            part = part or watch(state)
    b = run.step_size * run.trace.details[0].singular_values_x[r - 1] ** 2
    return CertifiedRun(steps, errors, run.trace.relative_error, float(b), part, problem.norm)
