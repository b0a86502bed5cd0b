"""`Run` adds stopping and a trace to the loop; `solve` runs one to its end."""

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
from lopside.linalg import one_blas_thread
from lopside.loop import State, states
from lopside.solution import Solution
from lopside.solvers import AlternatingGradientDescent
from lopside.starts import Unbalanced
from lopside.step_sizes import resolve
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Certificate, Part
from lopside.trace import Trace

_log = logging.getLogger("lopside")


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
        self.solver = AlternatingGradientDescent() if solver is None else solver
        _require(self.solver, "solver", ("begin", "step", "step_size"), "lo.solvers.AlternatingGradientDescent()")
        self.stop = Stop(no_progress=1e-9) if stop is None else stop
        _require(self.stop, "stop", ("check", "asks_for_tolerance"), "lo.Stop(max_steps=100)")
        self.rank, self.start = _rank_and_start(problem, rank, start)
        handle = problem.metered()
        sigma1 = None if sigma1 is None else as_positive(sigma1, "sigma1")
        self.step_size = resolve(self.solver.step_size, handle, self.rank, sigma1)
        if isinstance(self.start, tuple):
            self.initial = self.start
        else:
            sigma1 = handle.sigma1() if sigma1 is None else sigma1
            rng = as_generator(rng)
            self.initial = self.start(handle, self.rank, step_size=self.step_size, sigma1=sigma1, rng=rng)
        point = handle.point(*self.initial)
        self.initial = point.X, point.Y
        self.trace = Trace(every=trace_every)
        self.certified: Part | None = None
        self._watch = Watch(self) if watch else None
        self.status = Status.RUNNING
        self.state = State(0, point, handle)
        self._states = states(handle, self.solver, point, self.step_size)
        self._seconds = 0.0
        origin = "given factors" if isinstance(self.start, tuple) else self.start
        _log.info("%s on %r from %s, rank %d, step size %g", self.solver, problem, origin, self.rank, self.step_size)

    def __iter__(self) -> Iterator[State]:
        began = time.perf_counter() - self._seconds
        while self.status is Status.RUNNING:
            self.state = self._next()
            self._seconds = time.perf_counter() - began
            self.trace.record(self.state, self._seconds)
            if self._watch and self.certified is None and self.state.step % self.trace.every == 0:
                self.certified = self._watch(self.state)
            status = self.stop.check(self.state, self.trace.loss, self._seconds)
            if status is not None:
                self.status = status
                _log.info("step %d: %s", self.state.step, status.value)
            yield self.state

    def _next(self) -> State:
        try:
            return next(self._states)
        except DivergedError as error:
            self.status = Status.DIVERGED
            error.solution = self.solution()
            raise

    def prove(self, solution: Solution) -> Certificate:
        """Return the certificate of a solution of this run, with the first step at which a watched run was certain."""
        certificate = certify(self.problem, solution)
        if self.certified is None or self.certified.step in (0, solution.steps):
            return certificate
        return replace(certificate, parts=(*certificate.parts, self.certified))

    def finish(self, *, throw: bool = True) -> Solution:
        """Run to the end and return the `Solution`; see `solve` for `throw` and the warning."""
        try:
            with one_blas_thread:
                for _ in self:
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


def _rank_and_start(problem: Any, rank: int | None, start: Any) -> tuple[int, Any]:
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
    start = Unbalanced(C=None) if start is None else start
    if not callable(start):
        raise AbilityError(
            f"got {type(start).__name__} as the start; expected a rule that can be called, or a pair (X, Y). "
            "Try lo.starts.Unbalanced()"
        )
    return as_rank(rank, problem.shape), start


def solve(
    problem: Any,
    solver: Any = None,
    *,
    rank: int | None = None,
    start: Any = None,
    stop: Stop | None = None,
    rng: int | np.random.Generator = 0,
    sigma1: float | None = None,
    throw: bool = True,
    trace_every: int = 100,
    watch: bool = False,
) -> Solution:
    """Find X (m × d) and Y (n × d) with A ≈ X Yᵀ, everything explicit.

    Parameters
    ----------
    problem : Problem
        `Full(A)`.
    solver : Solver, optional
        Default: `AlternatingGradientDescent("0.9/sigma1")`.
    rank : int
        d, 1 ≤ d ≤ min(m, n). May be left out if `start` is a pair (X, Y).
    start : Start or (X, Y), optional
        Default: `Unbalanced(C=None)`, the start of [WK23, Assumption 2] with C = 4 or as much more as the draw
        needs. It is drawn after the step size is resolved.
    stop : Stop, optional
        Default: `Stop(no_progress=1e-9)`, that is 5000 steps or the point where 50 of them no longer gain 1e-9.
    rng : int or numpy.random.Generator
        The same seed gives the same run, bit for bit, on any number of threads.
    sigma1 : float, optional
        σ₁(A) if it is known; otherwise estimated by a short power iteration.
    throw : bool
        With False, a run that diverges is returned (status DIVERGED, the last finite factors) instead of raised.
    trace_every : int
        The stride at which the trace holds gradient norms and singular values of the factors; see `Trace`.
    watch : bool
        Try the all-time theorem at that stride until it holds; the certificate then names the step from which on
        the run was certain to converge. Costs a search for the rank of A, and a read of A for each try.

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        For a rank, step size, start or generator that cannot be used.
    DivergedError
        When the iteration blows up; the error carries `solution`.

    Warns
    -----
    ConvergenceWarning
        When a tolerance was asked for and the run ended before reaching it.

    Examples
    --------
    >>> import numpy as np, lopside as lo
    >>> A = np.outer([1.0, 2.0, 2.0], [2.0, 1.0])
    >>> solution = lo.solve(lo.Full(A), rank=1, stop=lo.Stop(relative_error=1e-8))
    >>> solution.converged, bool(np.allclose(solution.matrix(), A))
    (True, True)
    """
    run = Run(
        problem,
        solver,
        rank=rank,
        start=start,
        stop=stop,
        rng=rng,
        sigma1=sigma1,
        trace_every=trace_every,
        watch=watch,
    )
    return run.finish(throw=throw)
