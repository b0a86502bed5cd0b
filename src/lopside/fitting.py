"""One factorization in progress: search, fit, polish where squares are blind, judge what is proved."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.certify import as_part
from lopside.krylov import EPSILON
from lopside.linalg import frobenius, tall_times
from lopside.loop import read_only
from lopside.plan import Plan
from lopside.problems import Full
from lopside.solution import Solution
from lopside.solvers import BlockKrylov
from lopside.stopping import Status, rounding_level
from lopside.theory.certificate import Certificate
from lopside.theory.eckart_young import Gap, decomposed, from_space
from lopside.theory.leading_energy import SearchSpace, energy_excess
from lopside.theory.search import Search, Verdict
from lopside.theory.two_sided import TwoSided, gauged, outside_norm, sides
from lopside.theory.two_sided import decomposed as decomposed_rows
from lopside.trace import Detail, Trace

_MOST_STEPS = 2000
_MOST_POLISHING = 8

_GAIN = 0.8
"""What a round must make of ‖(I − VVᵀ)BᵀU‖, or it was the last."""

_VISIBLE = 1e-5
"""Share of ‖A‖_F² above which ‖A‖_F² − Σ s² is good to ten digits; below, the residual is read."""

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


class Fit(NamedTuple):
    """B ≈ U diag(s) Vᵀ, with what is proved about it and ‖∇f‖_F."""

    U: Array
    s: Array
    V: Array
    gap: Gap
    gradient_norm: float


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
        self.search: Search | None = None
        self.below = 0.0  # no matrix of rank d − 1 is nearer to A than this, relative
        self.history: list[tuple[int, float, int, float]] = []
        self.steps = 0
        self.blind = False
        self.proof_seconds, self.proof_reads = 0.0, 0
        self.began = time.perf_counter()

    def done(self) -> Solution:
        """Do the work and return what came out, also after Ctrl-C."""
        if self.plan.method == "zero":
            fit = self._zero()
        elif self.plan.method == "lapack":
            fit = self._decomposed()
        else:
            search = self._new_search()
            try:
                self._searched(search)
                fit = self._polished(search) if self.blind and self._double else self._projected(search)
            except KeyboardInterrupt:
                self.status = Status.INTERRUPTED
                fit = self._projected(search)
            self.proof_reads += search.probe_reads
            self.proof_seconds += search.probe_seconds
        return self._solution(fit)

    @property
    def _double(self) -> bool:
        return self.problem.dtype == np.float64

    def _zero(self) -> Fit:
        d, (rows, side) = self.rank, self.problem.storage.shape
        gap = Gap(0.0, 0.0, 0.0, 0.0, 0.0, np.zeros((d, 2)), 0.0)
        return Fit(np.eye(rows, d), np.zeros(d), np.eye(side, d), gap, 0.0)

    def _decomposed(self) -> Fit:
        U, s, Vt = self.problem.svd()
        norm = self.problem.norm
        tails = np.append(np.sqrt(np.cumsum(np.square(s[::-1] / norm)))[::-1], 0.0)  # √Σ_{j ≥ i} s_j²
        if self.goal.relative_error is not None:
            self.rank = max(1, int(np.count_nonzero(tails > self.goal.relative_error)))
        d, delta = self.rank, (10 + self.rank) * EPSILON * norm
        self.below = 1.0 if d == 1 else float(tails[d - 1]) - delta / norm
        self.steps = 1
        left, right = (Vt[:d].T, U[:, :d]) if self.problem.transposed else (U[:, :d], Vt[:d].T)
        began, reads = time.perf_counter(), self.problem.reads
        misfit = frobenius(left * s[:d] - sides(self.problem)[0](right)) + delta
        missed = self._residual(left, s[:d], right)
        gap = from_space(decomposed(self.problem), norm, norm, d, missed, delta, misfit if self._double else math.inf)
        self.proof_seconds, self.proof_reads = time.perf_counter() - began, self.problem.reads - reads
        return Fit(left, s[:d], right, gap, self._gradient_norm(np.full(d, delta) * s[:d], s))

    def _new_search(self) -> Search:
        side, width = self.problem.side, self.plan.width
        block = np.eye(side) if width == side else self.rng.standard_normal((side, width))
        search = Search(self.problem, self.rank, block, width=width, capacity=self.plan.basis, rng=self.rng.spawn(1)[0])
        self.search = search
        return search

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
        elif search.relation.size + search.width > search.capacity:
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

    def _projected(self, search: Search) -> Fit:
        """Return the best fit in the search space: X or Y from one read of A."""
        problem, d = self.problem, self.rank
        V = search.leading(d)
        rows = sides(problem)[0](V)
        U, s, Z = decomposed_rows(rows)
        V, rows = tall_times(V, Z), tall_times(rows, Z)
        space, norm, scale = search.space(), problem.norm, search.scale
        slack = (10 + d) * EPSILON * norm * norm
        missed2 = norm * norm - float(np.square(s).sum())
        if self._double and missed2 > _VISIBLE * norm * norm:
            missed = math.sqrt(missed2)
            slip = slack / missed
        else:
            missed = self._residual(U, s, V)
            slip = (d + 4) * EPSILON * norm
        misfit = frobenius(rows - U * s) + (10 + d) * EPSILON * norm if self._double else math.inf
        if search.relation.locked:  # the space speaks of what is outside of the locked columns only
            space = SearchSpace(s[:0], np.zeros((0, 0)), s[:0], (norm / scale) ** 2, slack / scale**2)
            misfit = math.inf
        gap = from_space(space, scale, norm, d, missed, slip, misfit)
        residuals = np.linalg.norm(search.relation.C @ search.Z[:, :d], axis=0) * scale * scale
        return Fit(U, s, V, gap, self._gradient_norm(residuals, s))

    def _gradient_norm(self, residuals: Array, s: Array) -> float:
        """Return ‖∇f‖_F from ‖BᵀBv_j − s_j²v_j‖; the factor on B's side carries s unless it is Y."""
        if self.problem.transposed:
            residuals = residuals / np.maximum(s[: len(residuals)], np.finfo(np.float64).tiny)
        return frobenius(residuals[None])

    def _residual(self, U: Array, s: Array, V: Array) -> float:
        X, Y = self._factors(U, s, V)
        return self.problem.residual_norm(X, Y)

    def _factors(self, U: Array, s: Array, V: Array) -> tuple[Array, Array]:
        X, Y = gauged(U, s, V, self.problem.transposed)
        dtype = self.problem.dtype
        return np.ascontiguousarray(X, dtype), np.ascontiguousarray(Y, dtype)

    def _polished(self, search: Search) -> Fit:
        """Return the fit by subspace iteration without squares, from the space found; three reads a round."""
        problem, d, norm = self.problem, self.rank, self.problem.norm
        V = search.leading(min(d + search.width, *problem.shape))
        fits: list[Fit] = []
        before = math.inf
        for _ in range(_MOST_POLISHING):
            two = TwoSided.of(problem, V)
            began, reads = time.perf_counter(), problem.reads
            gap = self._two_sided_gap(two, search)
            self.proof_seconds += time.perf_counter() - began
            self.proof_reads += problem.reads - reads
            self.steps += 1
            self.history.append((self.steps, time.perf_counter() - self.began, problem.reads, gap.missed))
            s = two.s[:d] * norm
            residuals = np.linalg.norm(two.C[:, :d], axis=0) * norm * s
            fits.append(Fit(two.U[:, :d], s, two.V[:, :d], gap, self._gradient_norm(residuals, s)))
            outside = frobenius(two.C[:, :d])
            if gap.excess <= self.goal.tol or self._at_rounding(gap) or outside > _GAIN * before:
                break
            V, before = two.improved(), outside
        return min(fits, key=lambda fit: fit.gap.gap)

    def _two_sided_gap(self, two: TwoSided, search: Search) -> Gap:
        d, norm = self.rank, self.problem.norm
        b = len(two.s)
        slip = (10 + b) * EPSILON * norm
        rest = self._residual(two.U, two.s * norm, two.V)
        missed = float(np.hypot(rest, norm * frobenius(two.s[None, d:])))
        wanted = 1.9 * min(self.goal.tol, 0.1) * (missed / norm) ** 2

        def enough(h: float) -> bool:
            return energy_excess(two.space(h), d) <= wanted

        ratio = (search.scale / norm) ** 2
        h, failure = outside_norm(search.product, two.V, ((rest + slip) / norm) ** 2, enough, self.rng, ratio=ratio)
        misfit = float(np.linalg.norm(two.delta[:d])) * norm
        return from_space(two.space(h, failure), norm, norm, d, missed, slip, misfit)

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
        X, Y = self._factors(fit.U, fit.s, fit.V)
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
            solver=BlockKrylov(self.plan.width, self.plan.basis) if self.search else self.plan.method,
            order=None,
            step_size=None,
            initial=None,
            prove=lambda _: certificate,
            choices=self.plan.choices,
            bytes_read=problem.bytes_read,
            peak_memory=self.plan.memory,
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
            0.0 if not self.problem.transposed else fit.gradient_norm,
            fit.gradient_norm if not self.problem.transposed else 0.0,
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
