"""The loop: `iterate` is a generator of states, `Run` adds stopping and a trace, `solve` runs it to the end."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from lopside.arrays import Array, as_generator, as_positive, as_rank
from lopside.certify import certify
from lopside.errors import AbilityError, ConvergenceWarning, DivergedError, InputError
from lopside.linalg import one_blas_thread
from lopside.problems import Full
from lopside.solution import Solution, Trace
from lopside.solvers import AlternatingGradientDescent
from lopside.starts import Unbalanced
from lopside.step_sizes import resolve
from lopside.stopping import Status, Stop

_EXPLODED = 1e12
"""A loss this many times above both the first one and ½‖A‖² is called diverged: no method here recovers."""


class State:
    """Where the loop stands: `step` is 0 at the start and k after k iterations.

    Attributes
    ----------
    X, Y : ndarray, shapes (m, d) and (n, d)
        Read-only; a new pair every step.
    loss : float
        f = ½‖X Yᵀ − A‖_F²; computed when first read.
    relative_error : float
        ‖X Yᵀ − A‖_F/‖A‖_F, not squared.
    passes : int
        How often A has been read by the run so far.
    point : Point
        What the problem knows at (X, Y).
    """

    __slots__ = ("_problem", "point", "step")

    def __init__(self, step: int, point: Any, problem: Any) -> None:
        self.step = step
        self.point = point
        self._problem = problem

    @property
    def X(self) -> Array:
        """The left factor, m × d."""
        return _read_only(self.point.X)

    @property
    def Y(self) -> Array:
        """The right factor, n × d."""
        return _read_only(self.point.Y)

    @property
    def loss(self) -> float:
        """F = ½‖X Yᵀ − A‖_F²."""
        return self.point.loss

    @property
    def relative_error(self) -> float:
        """‖X Yᵀ − A‖_F/‖A‖_F, not squared."""
        return self.point.relative_error

    @property
    def passes(self) -> int:
        """How often A has been read by the run so far."""
        return self._problem.reads

    @property
    def scaled_gradient_norm(self) -> float:
        """√(‖∇_X f‖_F² + ‖∇_Y f‖_F²)/‖A‖_F^{3/2}; reads A once."""
        norm = float(np.hypot(*self.point.gradient_norms()))
        # Two divisions: ‖A‖^{3/2} itself leaves the range of float64 near the ends.
        return norm / self._problem.norm / np.sqrt(self._problem.norm) if self._problem.norm else norm

    def __repr__(self) -> str:
        return f"State(step={self.step}, loss={self.loss:.6g})"


def _read_only(factor: Array) -> Array:
    view = factor.view()
    view.flags.writeable = False
    return view


def iterate(problem: Any, solver: Any, X: Any, Y: Any, *, sigma1: float | None = None) -> Iterator[State]:
    """Yield the state at the start and after each iteration, for ever: the loop in the caller's hands.

    Parameters
    ----------
    problem : Problem
        For example `Full(A)`.
    solver : Solver
    X, Y : array_like, shapes (m, d) and (n, d)
        The start; copied.
    sigma1 : float, optional
        σ₁(A), for step sizes that are multiples of 1/σ₁; estimated if needed and not given.

    Yields
    ------
    State

    Raises
    ------
    DivergedError
        When the loss is no longer finite or has grown 1e12-fold; it carries the last factors before that.

    Examples
    --------
    >>> import lopside as lo
    >>> problem = lo.Full([[2.0, 0.0], [0.0, 1.0]])
    >>> states = lo.iterate(problem, lo.solvers.GradientDescent(0.25), [[1.0], [1.0]], [[1.0], [1.0]])
    >>> [round(next(states).loss, 4) for _ in range(3)]
    [1.5, 1.1582, 0.978]
    """
    run = problem.metered()
    point = run.point(X, Y)
    sigma1 = None if sigma1 is None else as_positive(sigma1, "sigma1")
    step_size = resolve(solver.step_size, run, point.X.shape[1], sigma1)
    return _states(run, solver, point, step_size)


def _states(problem: Any, solver: Any, point: Any, step_size: float) -> Iterator[State]:
    memory = solver.begin(problem, point, step_size)
    state = State(0, point, problem)
    limit = min(_EXPLODED * max(state.loss, 0.5 * problem.norm**2), float(np.finfo(np.float64).max))
    if not np.isfinite(state.loss):
        raise InputError(
            "got a start whose loss overflows; expected finite X Yᵀ − A. Try smaller factors or rescaling A"
        )
    while True:
        yield state
        with one_blas_thread:
            memory = solver.step(problem, memory)
            following = State(state.step + 1, memory.point, problem)
            if not following.loss <= limit:
                raise _diverged(state, step_size, limit)
        state = following


def _diverged(last: State, step_size: float, limit: float) -> DivergedError:
    return DivergedError(
        f"the loss left every bound at step {last.step + 1} (it was {last.loss:.3g}, the limit is {limit:.3g}) "
        f"with step size {step_size:.6g}; expected it to fall. Try a smaller step: simultaneous descent "
        'is stable only below 1/σ₁(A), for example step_size="0.5/sigma1"',
        X=_read_only(last.point.X),
        Y=_read_only(last.point.Y),
        step=last.step,
    )


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
    ) -> None:
        _require_problem(problem)
        self.problem = problem
        self.solver = AlternatingGradientDescent() if solver is None else solver
        self.stop = Stop() if stop is None else stop
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
        self.prove = partial(certify, problem)
        self.status = Status.RUNNING
        self.state = State(0, point, handle)
        self._states = _states(handle, self.solver, point, self.step_size)
        self._seconds = 0.0

    def __iter__(self) -> Iterator[State]:
        began = time.perf_counter()
        while self.status is Status.RUNNING:
            self.state = self._next()
            self._seconds = time.perf_counter() - began
            self.trace.record(self.state, self._seconds)
            status = self.stop.check(self.state, self.trace.loss, self._seconds)
            if status is not None:
                self.status = status
            yield self.state

    def _next(self) -> State:
        try:
            return next(self._states)
        except DivergedError as error:
            self.status = Status.DIVERGED
            error.solution = self.solution()
            raise

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
        self.trace.close(self.state, self._seconds)
        return Solution.of(self)


def _require_problem(problem: Any) -> None:
    if isinstance(problem, Full) or all(hasattr(problem, name) for name in ("advance", "point", "metered")):
        return
    raise AbilityError(
        f"got {type(problem).__name__} where a problem is expected: a solver needs point() and advance(). "
        "Try lo.Full(A)"
    )


def _rank_and_start(problem: Any, rank: int | None, start: Any) -> tuple[int, Any]:
    if isinstance(start, tuple):
        if len(start) != 2 or np.ndim(start[0]) != 2:
            raise InputError("got a start that is a tuple but not a pair of matrices (X, Y)")
        columns = np.shape(start[0])[1]
        if rank is not None and as_rank(rank, problem.shape) != columns:
            raise InputError(f"got rank {rank} and a start with {columns} columns; leave one of them out")
        return columns, start
    if rank is None:
        raise InputError(
            f"got no rank; expected an integer from 1 to {min(problem.shape)} (or start=(X, Y), whose columns say it)"
        )
    return as_rank(rank, problem.shape), Unbalanced() if start is None else start


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
        Default: `Unbalanced(C=4, nu=1e-10)` [WK23, Assumption 2]. It is drawn after the step size is resolved.
    stop : Stop, optional
        Default: `Stop()`, a budget of 5000 steps.
    rng : int or numpy.random.Generator
        The same seed gives the same run, bit for bit, on any number of threads.
    sigma1 : float, optional
        σ₁(A) if it is known; otherwise estimated by a short power iteration.
    throw : bool
        With False, a run that diverges is returned (status DIVERGED, the last finite factors) instead of raised.
    trace_every : int
        The stride at which the trace holds gradient norms and singular values of the factors; see `Trace`.

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
    run = Run(problem, solver, rank=rank, start=start, stop=stop, rng=rng, sigma1=sigma1, trace_every=trace_every)
    return run.finish(throw=throw)
