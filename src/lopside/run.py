"""A run in progress: the loop with a start, a rule to stop and a trace."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lopside.arrays import as_generator, as_positive, as_rank
from lopside.certify import Watch, certify
from lopside.errors import AbilityError, ConvergenceWarning, DivergedError, InputError
from lopside.loop import State, Walk
from lopside.problems import Completion, Full, Sensing
from lopside.solution import Solution
from lopside.solvers import (
    AlternatingGradientDescent,
    AlternatingLeastSquares,
    FrozenFactor,
    Nesterov,
    ScaledGradientDescent,
)
from lopside.starts import ColumnSpan, PowerSketch, Spectral, Start, Unbalanced
from lopside.step_sizes import resolve
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Certificate, Part
from lopside.threads import one_blas_thread
from lopside.trace import Trace

_log = logging.getLogger("lopside")

_LONGEST = 500
"""Steps in one call at most: some milliseconds, so that clocks and Ctrl-C are heeded."""

_SQUARES = (1e-100, 1e100)
"""Norms of A between which a loss, a square, keeps all digits that a relative error needs."""


class Run:
    """One run in progress: an iterator of states that traces, stops, and knows its `Solution` at any moment.

    Parameters are those of `solve`. The step size is resolved first and the start drawn second, because a start
    may depend on the step (`Unbalanced` does).

    Examples
    --------
    >>> import lopside as lo
    >>> run = lo.Run(lo.Full([[2.0, 0.0], [0.0, 1.0]]), rank=1, stop=lo.Stop(max_steps=3))
    >>> [state.step for state in run]
    [0, 1, 2, 3]
    >>> run.solution().status
    <Status.MAX_STEPS: 'the budget of steps was used up'>
    """

    def __init__(
        self,
        problem: Any,
        solver: Any = None,
        *,
        rank: int | None = None,
        start: Any = None,
        stop: Stop | None = None,
        rng: int | np.random.Generator = 0,
        sigma1: float | None = None,
        trace_every: int = 100,
        watch: bool = False,
    ) -> None:
        _require(problem, "problem", ("advance", "point", "metered"), "lo.Full(A)")
        self.problem = problem
        self.solver = default_solver(problem) if solver is None else solver
        _require(self.solver, "solver", ("begin", "step", "step_size", "order"), "lo.solvers.AlternatingLeastSquares()")
        self.stop = Stop(no_progress=1e-9) if stop is None else stop
        _require(self.stop, "stop", ("check", "asks_for_tolerance"), "lo.Stop(max_steps=100)")
        if getattr(self.stop, "gap", None) is not None and getattr(problem, "ridge", 1.0) == 0.0:
            raise InputError(
                f"got Stop(gap={self.stop.gap:g}) with ridge = 0, without which no gap is proved; expected a ridge. "
                "Try another condition, or lo.choose_ridge"
            )
        self.rank, self.start = _rank_and_start(problem, self.solver, rank, start)
        handle = problem.metered()
        sigma1 = None if sigma1 is None else as_positive(sigma1, "sigma1")
        self.step_size = resolve(self.solver.step_size, handle, self.rank, sigma1)
        if isinstance(self.start, tuple):
            point = handle.point(*self.start)
        else:
            largest = handle.sigma1() if sigma1 is None else sigma1
            eta = _gradient_step(self.solver, self.step_size, largest)
            drawn = self.start(handle, self.rank, step_size=eta, sigma1=largest, rng=as_generator(rng))
            point = handle.point(*drawn)
            del drawn
        # The theorems about where a run began are about this problem; for others it would be memory for nothing.
        self.initial = (point.X, point.Y) if isinstance(problem, Full) else None
        self.trace = Trace(every=trace_every)
        self.certified: Part | None = None
        if watch and not isinstance(problem, Full):
            raise AbilityError(f"got watch=True with {type(problem).__name__}; the all-time theorem is about Full(A)")
        self._watch = Watch(self) if watch else None
        self.status = Status.RUNNING
        self.pause: int | None = None
        self._walk = Walk(handle, self.solver, point, self.step_size)
        self._seconds = self._began = 0.0
        origin = "given factors" if isinstance(self.start, tuple) else self.start
        _log.info("%s on %r from %s, rank %d, step size %s", self.solver, problem, origin, self.rank, self.step_size)

    @property
    def state(self) -> State:
        """Where the run stands."""
        return self._walk.state

    def __iter__(self) -> Iterator[State]:
        self._began = time.perf_counter() - self._seconds
        while self.status is Status.RUNNING:
            self._go_on()
            yield self.state

    def stretches(self) -> Iterator[State]:
        """Run on in stretches of up to 500 steps, and give the last state of each; the trace has the losses of all.

        A stretch ends at step `pause` at the latest, where that is still to come.
        """
        self._began = time.perf_counter() - self._seconds
        while self.status is Status.RUNNING:
            with one_blas_thread:
                self._go_on(at_once=True)
            yield self.state

    def _go_on(self, *, at_once: bool = False) -> None:
        """Take a step, or with `at_once` all steps up to the next that is looked at, and look at the last."""
        unseen = self._move(at_once=at_once) if self.trace.step else []
        self._seconds = time.perf_counter() - self._began
        if unseen:
            errors = (np.sqrt(2.0 * np.array(unseen)) / self.problem.norm).tolist()
            self.trace.extend(unseen, errors, seconds=self._seconds, passes=self.state.passes)
        self.trace.record(self.state, self._seconds)
        if self._watch and self.certified is None and self.state.step % self.trace.every == 0:
            self.certified = self._watch(self.state)
        status = self.stop.check(self.state, self.trace.loss, self._seconds)
        if status is not None:
            self.status = status
            _log.info("step %d: %s", self.state.step, status.value)

    def _move(self, *, at_once: bool) -> list[float]:
        """Move on and return the losses of the steps in between."""
        try:
            steps, low = self._stretch() if at_once else (1, 0.0)
            losses = self._walk.stretch(steps, low=low) if steps > 1 else []
            if not losses:
                self._walk.step()
        except DivergedError as error:
            self.status = Status.DIVERGED
            error.solution = self.solution()
            raise
        return losses[:-1]

    def _stretch(self) -> tuple[int, float]:
        """Return how many steps may be taken unseen and the loss that ends them: nothing else of them is needed."""
        norm, step, stop = self.problem.norm, self.state.step, self.stop
        if type(stop) is not Stop or stop.gap is not None or not _SQUARES[0] < norm < _SQUARES[1]:
            return 1, 0.0
        strides = [_LONGEST, self.trace.every - step % self.trace.every]
        if any(bound is not None for bound in (stop.excess, stop.gradient_norm, stop.no_progress)):
            strides.append(stop.every - step % stop.every)
        if stop.max_steps is not None:
            strides.append(stop.max_steps - step)
        if self.pause is not None and self.pause > step:
            strides.append(self.pause - step)
        # A little above the loss that ends the run, because that is decided from the error of the state itself.
        low = 0.0 if stop.relative_error is None else 0.5 * (1.0 + 1e-9) * (stop.relative_error * norm) ** 2
        return min(strides), low

    def prove(self, solution: Solution) -> Certificate:
        """Return the certificate of a solution of this run, with the first step at which a watched run was certain."""
        certificate = certify(self.problem, solution, gap=self.stop.gap or 0.0)
        if self.certified is None or self.certified.step in (0, solution.steps):
            return certificate
        return replace(certificate, parts=(*certificate.parts, self.certified))

    def finish(self, *, throw: bool = True) -> Solution:
        """Run to the end and return the `Solution`; see `solve` for `throw` and the warning."""
        try:
            for _ in self.stretches():
                pass
        except DivergedError:
            if throw:
                raise
        solution = self.solution()
        if self.stop.asks_for_tolerance and not solution.converged and self.status is not Status.DIVERGED:
            warnings.warn(
                f"{self.status.value} after {solution.steps} steps, at relative error {solution.relative_error:.3g}, "
                f"before the tolerance asked for ({self.stop}). Try more steps, a larger step size or a larger rank",
                ConvergenceWarning,
                stacklevel=3,
            )
        return solution

    def interrupt(self) -> Solution:
        """End the run here and return what there is."""
        self.status = Status.INTERRUPTED
        return self.solution()

    def solution(self) -> Solution:
        """Return the `Solution` at the current state."""
        return Solution.of(self, self._seconds)


def _require(part: Any, name: str, abilities: tuple[str, ...], example: str) -> None:
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


def _gradient_step(solver: Any, step_size: float | None, sigma1: float) -> float:
    """Return the η that starts are scaled with: 1/σ₁(A), its natural unit, for a method without such a step."""
    if step_size is None or getattr(solver, "scale_free", False):
        return 1.0 / sigma1 if sigma1 > 0.0 else 1.0
    return step_size


def _rank_and_start(problem: Any, solver: Any, rank: int | None, start: Any) -> tuple[int, Any]:
    if isinstance(start, tuple | list):
        if len(start) != 2 or np.ndim(start[0]) != 2:
            raise InputError("got a start that is a sequence but not a pair of matrices (X, Y)")
        columns = np.shape(start[0])[1]
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
