"""A run in progress: the loop with a start, a rule to stop and a trace."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lopside.arrays import as_generator, as_positive
from lopside.certify import Watch, certify
from lopside.defaults import ABILITIES, default_solver, gradient_step, rank_and_start, require
from lopside.errors import AbilityError, ConvergenceWarning, DivergedError, InputError
from lopside.interruption import Interruption
from lopside.loop import State, Walk, handed
from lopside.problems import Full
from lopside.solution import Solution
from lopside.step_sizes import resolve
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Certificate, Part
from lopside.threads import one_blas_thread
from lopside.trace import Trace

if TYPE_CHECKING:
    from lopside.checkpoint import Checkpoint

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
        memory_limit: float | None = None,
        checkpoint: str | PathLike[str] | None = None,
        every: float | None = None,
    ) -> None:
        require(problem, "problem", ("advance", "point", "metered"), "lo.Full(A)")
        self.problem = problem
        self.solver = default_solver(problem) if solver is None else solver
        require(self.solver, "solver", ABILITIES, "lo.solvers.AlternatingLeastSquares()")
        self.stop = Stop(no_progress=1e-9) if stop is None else stop
        require(self.stop, "stop", ("check", "asks_for_tolerance"), "lo.Stop(max_steps=100)")
        if getattr(self.stop, "gap", None) is not None and getattr(problem, "ridge", 1.0) == 0.0:
            raise InputError(
                f"got Stop(gap={self.stop.gap:g}) with ridge = 0, without which no gap is proved; expected a ridge. "
                "Try another condition, or lo.choose_ridge"
            )
        if watch and not isinstance(problem, Full):
            raise AbilityError(f"got watch=True with {type(problem).__name__}; the all-time theorem is about Full(A)")
        self.rank, self.start = rank_and_start(problem, self.solver, rank, start)
        if memory_limit is not None:
            from lopside.footprint import require_memory  # here, as what keeps a run below: most runs need neither

            require_memory(problem, self.solver, self.rank, memory_limit)
        sigma1 = None if sigma1 is None else as_positive(sigma1, "sigma1")
        self.trace = Trace(every=trace_every)
        self.certified: Part | None = None
        self.status = Status.RUNNING
        self.pause: int | None = None
        self._seconds = self._began = 0.0
        self._handle = problem.metered()
        self.checkpoint: Checkpoint | None = None
        if checkpoint is not None:
            from lopside.checkpoint import Checkpoint, subject

            drawn = None if isinstance(self.start, tuple) else rng
            asked = {"solver": self.solver, "rank": self.rank, "start": self.start, "rng": drawn, "sigma1": sigma1}
            about = subject(problem, run="solve", **asked, trace_every=trace_every, watch=watch)
            self.checkpoint = Checkpoint(checkpoint, every, about)
        elif every is not None:
            raise InputError(f"got every = {every!r} without a checkpoint; expected both. Try checkpoint='run.ckpt'")
        if self.checkpoint is not None and self.checkpoint.found():
            self.checkpoint.state({"problem": self._handle}, self._resume)
        else:
            self._begin(rng, sigma1)
        self._watch = Watch(self) if watch else None

    def _begin(self, rng: int | np.random.Generator, sigma1: float | None) -> None:
        """Resolve the step size, draw the start and stand there."""
        handle = self._handle
        self.step_size = resolve(self.solver.step_size, handle, self.rank, sigma1)
        if isinstance(self.start, tuple):
            point = handle.point(*self.start)
        else:
            largest = handle.sigma1() if sigma1 is None else sigma1
            eta = gradient_step(self.solver, self.step_size, largest)
            drawn = self.start(handle, self.rank, step_size=eta, sigma1=largest, rng=as_generator(rng))
            point = handle.point(*drawn)
            del drawn
        # The theorems about where a run began are about this problem; for others it would be memory for nothing.
        self._initial = (point.X, point.Y) if isinstance(self.problem, Full) else None
        self._walk = Walk(handle, self.solver, point, self.step_size)
        origin = "given factors" if isinstance(self.start, tuple) else self.start
        shown = self.solver, self.problem, origin, self.rank, self.step_size
        _log.info("%s on %r from %s, rank %d, step size %s", *shown)

    def _resume(self, saved: Mapping[str, Any]) -> None:
        """Stand where a checkpoint was written."""
        from lopside.checkpoint import ended, require_matrix

        assert self.checkpoint is not None
        self.step_size, self._initial = saved["step_size"], saved["initial"]
        self.trace, self.certified, self._seconds = saved["trace"], saved["certified"], saved["seconds"]
        if saved["decomposed"]:  # a fact about A that is not paid for again
            self._handle.svd()
        self._walk = Walk.resumed(self._handle, self.solver, self.step_size, saved)
        require_matrix(self.checkpoint, self._handle, self.state.point, self.trace.loss[-1])
        self._handle.reads = saved["reads"]
        self.status = ended(saved, self.stop, self.state, self.trace.loss, self._seconds)
        _log.info("%s on %r goes on from %s, step %d", self.solver, self.problem, self.resumed, self.state.step)

    def _saved(self) -> dict[str, Any]:
        from lopside.checkpoint import stop_texts

        known = getattr(self._handle, "known", ())
        return self._walk.saved() | {
            "step_size": self.step_size,
            "initial": self._initial,
            "trace": self.trace,
            "certified": self.certified,
            "seconds": self._seconds,
            "decomposed": "svd" in known,
            "reads": self._handle.reads,
            "status": self.status,
            "stop": stop_texts(self.stop),
        }

    def _keep(self) -> None:
        if self.checkpoint is not None and self._settled():
            self.checkpoint.write(self._saved(), {"problem": self._handle})

    @property
    def initial(self) -> tuple[Any, Any] | None:
        """The start (X₀, Y₀) for `Full`, as the user of the matrix holds matrices."""
        X, Y = self._initial or (None, None)
        return None if X is None else (handed(self._handle, X), handed(self._handle, Y))

    @property
    def resumed(self) -> Path | None:
        """The checkpoint that the run goes on from; None if it began at its start."""
        return self.checkpoint.resumed if self.checkpoint is not None else None

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
        if self.checkpoint is not None and (status is not None or self.checkpoint.due()):
            self._keep()

    def _settled(self) -> bool:
        """Whether the state can be kept as it is: rows on a cluster can where they are about to be formed anew."""
        point = self.state.point
        rows = [getattr(place, "rows", None) for place in (point, getattr(point, "ahead", None))]
        return all(getattr(each, "settled", True) for each in rows)

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
            if self.checkpoint is None:
                for _ in self.stretches():
                    pass
            else:
                self._finish_kept()
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

    def _finish_kept(self) -> None:
        """Run to the end; Ctrl-C is heeded after the step it falls into, so that a run can go on from there exactly."""
        with Interruption() as interruption:
            for _ in self.stretches():
                if interruption.asked:
                    if self.status is Status.RUNNING:
                        self._keep()
                    raise KeyboardInterrupt

    def interrupt(self) -> Solution:
        """End the run here and return what there is; a checkpoint is written, from which it can go on."""
        if self.status is Status.RUNNING:
            self._keep()
        self.status = Status.INTERRUPTED
        return self.solution()

    def solution(self) -> Solution:
        """Return the `Solution` at the current state."""
        return Solution.of(self, self._seconds)
