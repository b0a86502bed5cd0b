"""One factorization in progress: search, fit, polish where squares are blind, judge what is proved."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from lopside.certify import as_part
from lopside.fits import Fit, decomposed_whole, is_double, nothing, polished, projected
from lopside.krylov import EPSILON
from lopside.linalg import frobenius
from lopside.loop import read_only
from lopside.plan import Plan, factors_memory
from lopside.problems import Full
from lopside.solution import Solution
from lopside.solvers import BlockKrylov
from lopside.stopping import Status, rounding_level
from lopside.theory.certificate import Certificate
from lopside.theory.eckart_young import Gap
from lopside.theory.leading_energy import energy_excess
from lopside.theory.search import Search, Verdict
from lopside.trace import Detail, Trace

_MOST_STEPS = 2000

_CHECK = 0.1
"""Share of the work of the reads that looking at the space may cost."""

_GROWTH = 1.25
"""The space is looked at in any case when it has grown by this factor."""


class Goal(NamedTuple):
    """What is asked for: a rank and an excess over the least error, or the least rank that reaches an error."""

    rank: int | None
    tol: float
    relative_error: float | None

    def __str__(self) -> str:
        if self.relative_error is None:
            return f"an error at most {self.tol:g} (relative) above the least of rank {self.rank}"
        return f"the least rank that reaches the relative error {self.relative_error:g}"


class Fitting:
    """The work of one `factorize`.

    Parameters
    ----------
    problem : Full
        Metered.
    goal : Goal
    plan : Plan
    rng : numpy.random.Generator
    """

    def __init__(self, problem: Full, goal: Goal, plan: Plan, rng: np.random.Generator) -> None:
        self.problem, self.goal, self.plan, self.rng = problem, goal, plan, rng
        self.status = Status.RUNNING
        self.rank = goal.rank or 1
        self.below = 0.0  # no matrix of rank d − 1 is nearer to A than this, relative
        self.history: list[tuple[int, float, int, float]] = []
        self.steps = 0
        self.blind = False
        self.proof_seconds, self.proof_reads = 0.0, 0
        self.began = time.perf_counter()

    def done(self) -> Solution:
        """Do the work and return what came out, also after Ctrl-C."""
        if self.plan.method == "zero":
            self.below = 1.0
            fit = nothing(self.problem, self.rank)
        elif self.plan.method == "lapack":
            fit = self._decomposed()
        else:
            search, planned = self._new_search(), self.plan
            try:
                self._searched(search)
                fit = self._fitted(search) if self.plan.method == "search" else self._decomposed()
            except KeyboardInterrupt:
                self.status, self.plan = Status.INTERRUPTED, planned
                fit = self._projected(search)
            self.proof_reads += search.proof_reads
            self.proof_seconds += search.proof_seconds
        return self._solution(fit)

    def _fitted(self, search: Search) -> Fit:
        if self.blind and is_double(self.problem):
            return self._polished(search)
        return self._projected(search)

    def _projected(self, search: Search) -> Fit:
        fit = projected(self.problem, search, self.rank)
        self._count(fit)
        return fit

    def _decomposed(self) -> Fit:
        s, norm = self.problem.svd()[1], self.problem.norm
        tails = np.append(np.sqrt(np.cumsum(np.square(s[::-1] / norm)))[::-1], 0.0)  # √Σ_{j ≥ i} s_j²
        if self.goal.relative_error is not None:
            self.rank = max(1, int(np.count_nonzero(tails > self.goal.relative_error)))
        slip = (10 + len(s)) * self.problem.epsilon
        self.below = 1.0 if self.rank == 1 else float(tails[self.rank - 1]) - slip
        self.steps += 1
        fit = decomposed_whole(self.problem, self.rank)
        self._count(fit)
        return fit

    def _new_search(self) -> Search:
        side, width = self.problem.side, self.plan.width
        block = np.eye(side) if width == side else self.rng.standard_normal((side, self.plan.start))
        rng, capacity, room = self.rng.spawn(1)[0], self.plan.basis, self.plan.room
        return Search(self.problem, self.rank, block, width=width, capacity=capacity, rng=rng, room=room)

    def _searched(self, search: Search) -> None:
        """Let the space grow until what is asked for is proved, or cannot be."""
        tol, waiting, seen = self.goal.tol, 0.0, 1
        for self.steps in range(1, _MOST_STEPS + 1):
            search.advance()
            waiting += self.problem.storage.nbytes / 8 * 4 * search.width
            stuck = search.closed or search.exhausted
            if search.relation.size < self.rank and not stuck:
                continue
            size = search.relation.size
            if waiting * _CHECK < 30 * size**3 and size < _GROWTH * seen and not stuck:
                continue
            waiting, seen = 0.0, size
            if self.goal.relative_error is not None and not self._ranked(search):
                if self.blind or self.status is not Status.RUNNING:
                    return
                continue
            self._record(search)
            if self.goal.relative_error is None and search.beneath(rounding_level(self.problem.dtype)):
                return
            verdict = search.settled(tol)
            if verdict is Verdict.PROVED and self.goal.relative_error is not None and not self._least(search):
                tol *= 0.1
                verdict = Verdict.SEARCHING if tol > EPSILON and not stuck else Verdict.PROVED
            self.blind = verdict is Verdict.BLIND
            if self.blind and self.goal.relative_error is not None:
                self._least(search)
            if verdict is not Verdict.SEARCHING:
                return
            if size >= self.plan.most:
                note = f"LAPACK after all: {size} of {self.problem.side} directions do not tell the best apart"
                self.plan = self.plan._replace(method="lapack", choices=(*self.plan.choices, note))
                return
        self.status = Status.MAX_STEPS

    def _ranked(self, search: Search) -> bool:
        """Find the least rank that reaches the error in the space; False if none does yet."""
        l, theta = search.relation.locked, search.theta
        left = search.base + np.concatenate([np.cumsum(theta[:l][::-1])[::-1], [0.0], -np.cumsum(theta[l:])])
        enough = np.flatnonzero(left + search.rounding <= (self.goal.relative_error or 0.0) ** 2 * search.norm**2)
        if len(enough):
            self.rank = search.rank = max(1, int(enough[0]))
            return True
        self.rank = search.rank = max(1, search.relation.size - 2 * search.width)
        if search.closed or left[-1] <= 100.0 * search.rounding:
            self.blind = search.settled(0.0) is Verdict.BLIND
        elif search.relation.size + search.width > search.capacity < self.problem.side:
            self.status = Status.MAX_STEPS
        return False

    def _least(self, search: Search) -> bool:
        """Whether one column less is proved not to be enough."""
        if self.rank == 1:
            self.below = 1.0
        elif search.relation.locked == 0:
            space, d = search.space(), self.rank - 1
            known = float(search.theta[:d].sum())
            least = search.norm**2 - known - energy_excess(space, d) - space.rounding
            self.below = math.sqrt(max(0.0, least)) / search.norm
        return self.below > (self.goal.relative_error or 0.0)

    def _record(self, search: Search) -> None:
        missed = math.sqrt(search.missed()) * search.scale
        self.history.append((self.steps, time.perf_counter() - self.began, self.problem.reads, missed))

    def _polished(self, search: Search) -> Fit:
        """Return the best of the polished fits, stopping at the first that is good enough."""
        found: list[Fit] = []
        for fit in polished(self.problem, search, self.rank, self.goal.tol, self.rng):
            self.steps += 1
            self.history.append((self.steps, time.perf_counter() - self.began, self.problem.reads, fit.gap.missed))
            self._count(fit)
            found.append(fit)
            if fit.gap.excess <= self.goal.tol or self._at_rounding(fit.gap):
                break
        return min(found, key=lambda fit: fit.gap.gap)

    def _count(self, fit: Fit) -> None:
        self.proof_seconds += fit.proof_seconds
        self.proof_reads += fit.proof_reads

    def _at_rounding(self, gap: Gap) -> bool:
        return gap.missed + gap.rounding <= rounding_level(self.problem.dtype) * self.problem.norm

    def _judged(self, gap: Gap) -> Status:
        """Return what the proof amounts to."""
        goal, norm = self.goal, self.problem.norm
        if goal.relative_error is not None:
            reached = gap.missed + gap.rounding <= goal.relative_error * norm
            if reached and self.below > goal.relative_error:
                return Status.RELATIVE_ERROR
        elif gap.excess <= goal.tol:
            return Status.EXCESS
        elif self._at_rounding(gap):
            return Status.ROUNDING
        return Status.PRECISION if self.status is Status.RUNNING else self.status

    def _solution(self, fit: Fit) -> Solution:
        problem = self.problem
        X, Y = fit.factors(problem)
        status = self.status if self.status is Status.INTERRUPTED else self._judged(fit.gap)
        certificate = Certificate((as_part(fit.gap, problem.norm),))
        seconds = time.perf_counter() - self.began
        missed = fit.gap.missed
        return Solution(
            X=read_only(X),
            Y=read_only(Y),
            status=status,
            converged=status.converged,
            steps=self.steps,
            passes=problem.reads,
            seconds=seconds,
            loss=0.5 * missed * missed,
            relative_error=missed / problem.norm if problem.norm else 0.0,
            trace=self._trace(fit, seconds),
            solver=BlockKrylov(self.plan.width, self.plan.basis) if self.plan.method == "search" else self.plan.method,
            order=None,
            step_size=None,
            initial=None,
            prove=lambda _: certificate,
            choices=self.plan.choices,
            bytes_read=problem.bytes_read,
            peak_memory=self.plan.memory + factors_memory(problem, self.rank - (self.goal.rank or 1)),
            certificate_passes=self.proof_reads,
            certificate_seconds=self.proof_seconds,
        )

    def _trace(self, fit: Fit, seconds: float) -> Trace:
        norm = self.problem.norm or 1.0
        rows = [row for row in self.history if row[0] < self.steps]
        rows.append((self.steps, seconds, self.problem.reads, fit.gap.missed))
        steps, times, passes, missed = (list(column) for column in zip(*rows, strict=True))
        detail = Detail(
            self.steps,
            *fit.gradient_norms(self.problem),
            fit.s,
            np.ones(len(fit.s)),
            frobenius(np.diag(fit.s * fit.s - 1.0)),
            float(fit.s[0] ** 2 + 1.0),
        )
        return Trace(
            every=max(1, self.steps),
            step=steps,
            seconds=times,
            passes=passes,
            loss=[0.5 * value * value for value in missed],
            relative_error=[value / norm for value in missed],
            details=[detail],
        )
