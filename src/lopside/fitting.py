"""One factorization in progress: search, fit, polish where squares are blind, judge what is proved."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lopside.certify import as_part
from lopside.errors import InputError
from lopside.fits import Fit, decomposed_whole, is_double, nothing, polished, projected
from lopside.goal import Goal
from lopside.interruption import Interruption
from lopside.krylov import EPSILON
from lopside.loop import handed
from lopside.problems import Full
from lopside.solution import Solution
from lopside.solvers import BlockKrylov
from lopside.stopping import Status, rounding_level
from lopside.storage.protocol import elsewhere
from lopside.theory.certificate import Certificate
from lopside.theory.eckart_young import Gap
from lopside.theory.leading_energy import energy_excess
from lopside.theory.search import Search, Verdict
from lopside.trace import Trace

if TYPE_CHECKING:
    from lopside.checkpoint import Checkpoint
    from lopside.sizes import Sizes

_MOST_STEPS = 2000

_CHECK = 0.1
"""Share of the work of the reads that looking at the space may cost."""

_GROWTH = 1.25
"""The space is looked at in any case when it has grown by this factor."""


class Fitting:
    """The work of one `factorize`.

    Parameters
    ----------
    problem : Full
        Metered.
    goal : Goal
    sizes : Sizes
    rng : numpy.random.Generator
    checkpoint : Checkpoint, optional
        Where the search is kept, and gone on with if there is one.
    """

    def __init__(
        self,
        problem: Full,
        goal: Goal,
        sizes: Sizes,
        rng: np.random.Generator,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.problem, self.goal, self.sizes, self.rng = problem, goal, sizes, rng
        self.checkpoint = checkpoint
        self.status = Status.RUNNING
        self.rank = goal.rank or 1
        self.below = 0.0  # no matrix of rank d − 1 is nearer to A than this, relative
        self.history: list[tuple[int, float, int, float]] = []
        self.steps = 0
        self.blind = self.polished = False
        self.proof_seconds, self.proof_reads = 0.0, 0
        self.over, self.tol, self.waiting, self.seen = False, goal.tol, 0.0, 1  # of the search
        self.began = time.perf_counter()

    def done(self) -> Solution:
        """Do the work and return what came out, also after Ctrl-C."""
        if self.sizes.method == "zero":
            self.below = 1.0
            fit = nothing(self.problem, self.rank)
        elif self.sizes.method == "lapack":
            fit = self._decomposed()
        else:
            search, planned = self._resumed() or self._new_search(), self.sizes
            try:
                self._searched(search)
                fit = self._fitted(search) if self.sizes.method == "search" else self._decomposed()
            except KeyboardInterrupt:
                self.status, self.sizes = Status.INTERRUPTED, planned
                fit = self._projected(search)
            self.proof_reads += search.proof_reads
            self.proof_seconds += search.proof_seconds
        return self._solution(fit)

    def _fitted(self, search: Search) -> Fit:
        self.polished = self.blind and is_double(self.problem)
        if self.polished:
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

    def _resumed(self) -> Search | None:
        from lopside.checkpoint import resumed_search  # here, and below: most fits are not kept

        return None if self.checkpoint is None else resumed_search(self.checkpoint, self)

    def _keep(self, checkpoint: Checkpoint, search: Search) -> None:
        from lopside.checkpoint import keep_search

        keep_search(checkpoint, self, search)

    def _new_search(self) -> Search:
        side, width = self.problem.side, self.sizes.width
        _, _, start, _, capacity, room = self.sizes.search or (None, 1, width, width, width, 0)
        if self.checkpoint is not None and elsewhere(self.problem.storage):
            room = 0  # what workers keep cannot be kept in a file
        block = np.eye(side) if width == side else self.rng.standard_normal((side, start))
        rng = self.rng.spawn(1)[0]
        return Search(self.problem, self.rank, block, width=width, capacity=capacity, rng=rng, room=room)

    def _searched(self, search: Search) -> None:
        """Let the space grow until what is asked for is proved, or cannot be."""
        with Interruption() if self.checkpoint is not None else nullcontext() as interruption:
            while not self.over:
                self.steps += 1
                search.advance()
                self.over = self._looked(search)
                if not self.over and self.steps == _MOST_STEPS:
                    self.over, self.status = True, Status.MAX_STEPS
                asked = interruption is not None and interruption.asked
                if self.checkpoint is not None and (asked or self.checkpoint.due()):
                    self._keep(self.checkpoint, search)
                if asked:
                    raise KeyboardInterrupt

    def _looked(self, search: Search) -> bool:
        """Look at the space, if it has grown by enough, and say whether the search is over."""
        self.waiting += self.problem.storage.nbytes / 8 * 4 * search.width
        stuck, size = search.closed or search.exhausted, search.relation.size
        if size < self.rank and not stuck:
            return False
        if self.waiting * _CHECK < 30 * size**3 and size < _GROWTH * self.seen and not stuck:
            return False
        self.waiting, self.seen = 0.0, size
        if self.goal.relative_error is not None and not self._ranked(search):
            return self.blind or self.status is not Status.RUNNING
        self._record(search)
        if self.goal.relative_error is None and search.beneath(rounding_level(self.problem.dtype)):
            return True
        verdict = search.settled(self.tol)
        if verdict is Verdict.PROVED and self.goal.relative_error is not None and not self._least(search):
            self.tol *= 0.1
            verdict = Verdict.SEARCHING if self.tol > EPSILON and not stuck else Verdict.PROVED
        self.blind = verdict is Verdict.BLIND
        if self.blind and self.goal.relative_error is not None:
            self._least(search)
        if verdict is not Verdict.SEARCHING:
            return True
        if size >= self.sizes.most:
            note = f"LAPACK after all: {size} of {self.problem.side} directions do not tell the best apart"
            self.sizes = self.sizes._replace(method="lapack", choices=(*self.sizes.choices, note))
            return True
        return False

    def _ranked(self, search: Search) -> bool:
        """Find the least rank that reaches the error in the space; False if none does yet."""
        l, theta = search.relation.locked, search.theta
        left = search.base + np.concatenate([np.cumsum(theta[:l][::-1])[::-1], [0.0], -np.cumsum(theta[l:])])
        enough = np.flatnonzero(left + search.rounding <= (self.goal.relative_error or 0.0) ** 2 * search.norm**2)
        if len(enough):
            self.rank = search.rank = max(1, int(enough[0]))
            self._require_memory()
            return True
        self.rank = search.rank = max(1, search.relation.size - 2 * search.width)
        if search.closed or left[-1] <= 100.0 * search.rounding:
            self.blind = search.settled(0.0) is Verdict.BLIND
        elif search.relation.size + search.width > search.capacity < self.problem.side:
            self.status = Status.MAX_STEPS
        return False

    def _require_memory(self) -> None:
        """Refuse factors of a rank that could not be known before, where they no longer fit."""
        needs = self.sizes.needed(self.steps, rank=self.rank)
        if needs > self.sizes.allowed:
            raise InputError(
                f"got relative_error = {self.goal.relative_error:g}, for which {self.rank} columns are needed: "
                f"{needs:.4g} bytes beside A; expected at most {self.sizes.allowed:.4g}. Try a larger relative_error, "
                f"or memory_limit={1.5 * needs:.2g}"
            )

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
        search.forget_images(kept=True)
        best: Fit | None = None
        for fit in polished(self.problem, search, self.rank, self.goal.tol, self.rng):
            self.steps += 1
            self.history.append(self._row(time.perf_counter() - self.began, fit))
            self._count(fit)
            best = fit if best is None or fit.gap.gap < best.gap.gap else best
            if fit.gap.excess <= self.goal.tol or self._at_rounding(fit.gap):
                break
        assert best is not None
        return best

    def _count(self, fit: Fit) -> None:
        self.proof_seconds += fit.proof_seconds
        self.proof_reads += fit.proof_reads

    def _row(self, seconds: float, fit: Fit) -> tuple[int, float, int, float]:
        return self.steps, seconds, self.problem.reads, fit.gap.missed

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
            X=handed(problem, X),
            Y=handed(problem, Y),
            held=(X, Y),
            status=status,
            converged=status.converged,
            steps=self.steps,
            passes=problem.reads,
            seconds=seconds,
            loss=0.5 * missed * missed,
            relative_error=missed / problem.norm if problem.norm else 0.0,
            trace=Trace.of_search(self.history, self._row(seconds, fit), problem.norm, fit.detail(problem, self.steps)),
            solver=BlockKrylov(self.sizes.width, self.sizes.basis)
            if self.sizes.method == "search"
            else self.sizes.method,
            order=None,
            step_size=None,
            initial=None,
            prove=partial(_proved, certificate),
            choices=self.sizes.choices,
            bytes_read=problem.bytes_read,
            peak_memory=self.sizes.needed(max(1, self.steps), rank=self.rank, blind=self.polished),
            certificate_passes=self.proof_reads,
            certificate_seconds=self.proof_seconds,
        )


def _proved(certificate: Certificate, _: Solution) -> Certificate:
    return certificate
