"""Fits B ≈ U diag(s) Vᵀ of one rank, each with what is proved about it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.linalg import chunks, frobenius, tall_times
from lopside.rows import Rows
from lopside.theory import eckart_young
from lopside.theory.eckart_young import Gap, from_space
from lopside.theory.leading_energy import energy_excess
from lopside.theory.search import Search
from lopside.theory.two_sided import TwoSided, decomposed, gauged, outside_norm, sides
from lopside.trace import Detail

_VISIBLE = 1e-5
"""Share of ‖A‖_F² above which ‖A‖_F² − Σ s² is good to ten digits; below, the residual is read."""

_GAIN = 0.8
"""What a round of polishing must make of ‖(I − VVᵀ)BᵀU‖, or it was the last."""

_MOST_ROUNDS = 8


class Fit(NamedTuple):
    """B ≈ U diag(s) Vᵀ.

    Attributes
    ----------
    U, s, V : ndarray
        Shapes (rows of B, d), (d,) and (side, d).
    gap : Gap
    residuals : ndarray
        ‖BᵀBv_j − s_j²v_j‖.
    proof_seconds, proof_reads : float, int
        What only the proof took.
    """

    U: Any
    s: Array
    V: Array
    gap: Gap
    residuals: Array
    proof_seconds: float = 0.0
    proof_reads: int = 0

    def factors(self, problem: Any) -> tuple[Any, Any]:
        """Return X = (left vectors) diag(s) and Y orthonormal, in the precision of A."""
        return _factors(problem, self.U, self.s, self.V)

    def detail(self, problem: Any, step: int) -> Detail:
        """Return what a trace holds of it: X = U diag(s), and Y orthonormal."""
        s = self.s
        unbalanced, sharpness = frobenius(np.diag(s * s - 1.0)), float(s[0] ** 2 + 1.0)
        return Detail(step, *self.gradient_norms(problem), s, np.ones(len(s)), unbalanced, sharpness)

    def gradient_norms(self, problem: Any) -> tuple[float, float]:
        """Return ‖∇_X f‖_F and ‖∇_Y f‖_F: the factor on B's side has the residuals, the other is optimal."""
        if not problem.transposed:
            return 0.0, frobenius(self.residuals[None])
        s = np.maximum(self.s[: len(self.residuals)], np.finfo(np.float64).tiny)
        return frobenius((self.residuals / s)[None]), 0.0


def _factors(problem: Any, U: Any, s: Array, V: Array) -> tuple[Any, Any]:
    X, Y = gauged(U, s, V, problem.transposed)
    return _packed(X, problem.dtype), _packed(Y, problem.dtype)


def _packed(F: Any, dtype: Any) -> Any:
    return F.astype(dtype, copy=False) if isinstance(F, Rows) else np.ascontiguousarray(F, dtype)


def _rounded(problem: Any, U: Any, s: Array, V: Array) -> float:
    """Bound ‖X Yᵀ − U diag(s) Vᵀ‖_F, X and Y in the precision of A."""
    if is_double(problem):
        return 0.0
    off_x, off_y = (_off(F, problem.dtype) for F in gauged(U, s, V, problem.transposed))
    return off_x * (1.0 + off_y) + float(s.max(initial=0.0)) * off_y


def _off(F: Any, kind: Any) -> float:
    if isinstance(F, Rows):
        return frobenius(F - F.astype(kind))
    # By pieces: a copy of a factor in each precision would take most of the memory of the whole fit.
    return frobenius(np.array([[frobenius(F[rows] - F[rows].astype(kind)) for rows in chunks(len(F))]]))


def is_double(problem: Any) -> bool:
    """Whether factors keep all digits of the search."""
    return problem.dtype == np.float64


def nothing(problem: Any, d: int) -> Fit:
    """Return the fit of A = 0."""
    rows, side = problem.storage.shape
    gap = Gap(0.0, 0.0, 0.0, 0.0, 0.0, np.zeros((d, 2)), 0.0)
    return Fit(problem.placed(np.eye(rows, d)), np.zeros(d), np.eye(side, d), gap, np.zeros(d))


def decomposed_whole(problem: Any, d: int) -> Fit:
    """Return the fit from LAPACK's SVD of A."""
    U, s, Vt = problem.svd()
    norm = problem.norm
    delta = (10 + d) * problem.epsilon * norm
    left, right = (Vt[:d].T, U[:, :d]) if problem.transposed else (U[:, :d], Vt[:d].T)
    left = problem.placed(left)
    began, reads = time.perf_counter(), problem.reads
    misfit = frobenius(left * s[:d] - sides(problem)[0](right)) + delta
    missed = problem.residual_norm(*_factors(problem, left, s[:d], right))
    rounded, space = _rounded(problem, left, s[:d], right), eckart_young.decomposed(problem)
    gap = from_space(space, norm, norm, d, missed, delta, misfit, rounded, epsilon=problem.epsilon)
    return Fit(left, s[:d], right, gap, delta * s[:d], time.perf_counter() - began, problem.reads - reads)


def projected(problem: Any, search: Search, d: int) -> Fit:
    """Return the best fit in the search space: one read of A for B V, if the search has not kept it."""
    norm, scale = problem.norm, search.scale
    V, rows = search.image(d)
    search.give_back_images()
    U, s, Z = decomposed(rows)
    V, rows = tall_times(V, Z), tall_times(rows, Z)
    # B V is a sum over all columns of the space, if the search has kept it, and was recombined at each restart.
    rounding = (10 + search.relation.size + search.relation.restarts) * problem.epsilon * norm
    # With columns locked, the space speaks of what is outside of them only.
    space, misfit = search.unlocked or search.space(), math.inf
    if search.unlocked is None:
        rows -= U * s
        misfit = frobenius(rows) + rounding
    del rows
    slack = rounding * norm
    left = norm * norm - float(np.square(s).sum())
    if is_double(problem) and left > _VISIBLE * norm * norm:
        missed = math.sqrt(left)
        slip = slack / missed
    else:
        missed, slip = problem.residual_norm(*_factors(problem, U, s, V)), (d + 4) * problem.epsilon * norm
    began = time.perf_counter()
    rounded = _rounded(problem, U, s, V)
    gap = from_space(space, scale, norm, d, missed, slip, misfit, rounded, epsilon=problem.epsilon)
    seconds = time.perf_counter() - began
    residuals = np.linalg.norm(search.relation.C @ search.Z[:, :d], axis=0) * scale * scale
    return Fit(U, s, V, gap, residuals, seconds)


def polished(problem: Any, search: Search, d: int, tol: float, rng: np.random.Generator) -> Iterator[Fit]:
    """Yield fits by subspace iteration without squares, from the space found, while they get better.

    Each round reads A three times, and for probes where only ‖B(I − VVᵀ)‖ is missing for an excess of `tol`.
    """
    norm = problem.norm
    V, before, failure = search.leading(min(d + search.width, *problem.shape)), math.inf, 0.0
    for _ in range(_MOST_ROUNDS):
        two = TwoSided.of(problem, V)
        began, reads = time.perf_counter(), problem.reads
        gap = _two_sided_gap(problem, two, d, search, tol, rng)
        failure += gap.failure_probability
        s, C = two.s[:d] * norm, two.C[:, :d]
        yield Fit(
            two.U[:, :d],
            s,
            two.V[:, :d],
            gap._replace(failure_probability=failure),
            np.linalg.norm(C, axis=0) * norm * s,
            time.perf_counter() - began,
            problem.reads - reads,
        )
        outside = frobenius(C)
        if outside > _GAIN * before:
            return
        V, before = two.improved(), outside


def _two_sided_gap(problem: Any, two: TwoSided, d: int, search: Search, tol: float, rng: np.random.Generator) -> Gap:
    norm, b = problem.norm, len(two.s)
    slip = (10 + b) * problem.epsilon * norm
    rest = problem.residual_norm(*_factors(problem, two.U, two.s * norm, two.V))
    missed = float(np.hypot(rest, norm * frobenius(two.s[None, d:])))
    wanted = 1.9 * min(tol, 0.1) * (missed / norm) ** 2

    def enough(h: float) -> bool:
        return energy_excess(two.space(h), d) <= wanted

    ratio = (search.scale / norm) ** 2
    h, failure = outside_norm(
        search.product, two.V, ((rest + slip) / norm) ** 2, enough, rng, ratio=ratio, epsilon=problem.epsilon
    )
    misfit = float(np.linalg.norm(two.delta[:d])) * norm
    return from_space(two.space(h, failure), norm, norm, d, missed, slip, misfit, epsilon=problem.epsilon)
