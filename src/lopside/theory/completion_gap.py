"""The duality gap of [SRJ04; RFP10] measured on a completion problem: the residual, its numbers and its norm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.krylov import EPSILON
from lopside.linalg import tall_qr, weighted_gram
from lopside.problems import Completion, Full, Sensing
from lopside.problems.surrogate import Surrogate
from lopside.theory.certificate import Check, Part
from lopside.theory.duality import Candidate, DualityGap, duality_gap
from lopside.theory.spectral_norm import norm_bound
from lopside.threads import one_blas_thread

_SUITED = 0.1
"""The bound on the norm is tight enough where it adds this share to the gap there would be with the norm itself."""

_LARGEST, _SINGLE = 1e150, 1e15
"""Norms beyond have squares that overflow, in float64 or in the float32 that residuals are kept in."""

_FINE = 1e-12
"""Share of F that is small enough for a gap in any case."""


class Measured(NamedTuple):
    """A duality gap, and what it took.

    Attributes
    ----------
    gap : DualityGap
    norms : (float, float)
        Between which ‖W̃‖₂ lies.
    failure_probability : float
    """

    gap: DualityGap
    norms: tuple[float, float]
    failure_probability: float


def completion_gap(
    problem: Completion,
    X: Array,
    Y: Array,
    rng: np.random.Generator,
    *,
    target: float = 0.0,
    deciding: bool = False,
) -> Measured:
    """Prove how far factors are from the least F of every rank; reads the entries a few times.

    Parameters
    ----------
    problem : Completion
    X, Y : ndarray, shapes (m, D) and (n, D)
        With the columns of the biases, if there are any.
    rng : numpy.random.Generator
        The certificate's own.
    target : float
        Relative gap that is enough.
    deciding : bool
        Only whether the target is reached is asked: where it cannot be, no more is done than to see that.

    Raises
    ------
    InputError
        If the squares of the residual overflow.
    """
    point = problem.located(X, Y)
    scaled, found, loss, slip = _residual(problem, point)
    if problem.ridge == 0.0 or found.size == 0.0:
        return Measured(duality_gap(loss, found, problem.ridge, 0.0, slip), (0.0, math.inf), 0.0)

    def gap(norm: float) -> DualityGap:
        return duality_gap(loss, found, problem.ridge, norm, slip)

    block = _row_space(problem, point)
    del point  # the copies in float64 would be as large as all that the search needs
    handle: Any = Surrogate.of(scaled) if problem.on_dask else Full(scaled.matrix()).metered()
    measured = bounded(gap, handle, block, rng, target=target, deciding=deciding)
    problem.reads += handle.reads
    return measured


def bounded(
    gap: Callable[[float], DualityGap],
    residual: Any,
    block: Array,
    rng: np.random.Generator,
    *,
    target: float = 0.0,
    deciding: bool = False,
) -> Measured:
    """Return the gap with a bound on the norm of the scaled residual that is as tight as it has to be.

    Parameters
    ----------
    gap : callable
        A bound on that norm ↦ the duality gap.
    residual : Full or Surrogate
        Metered.
    block : ndarray, shape (side, f)
        Where its leading singular vectors are looked for first.
    rng, target, deciding
        As for `completion_gap`.
    """

    def enough(low: float, high: float) -> bool:
        proved, hoped = gap(high).relative, gap(low).relative
        if hoped > target and deciding:
            return True
        return proved <= target if hoped <= target else proved <= (1.0 + _SUITED) * hoped + _FINE

    bound = norm_bound(residual, block, rng, enough)
    return Measured(gap(bound.high), (bound.low, bound.high), bound.failure_probability)


def as_part(problem: Completion | Sensing, found: Measured, rank: int) -> Part:
    """Put a duality gap into words."""
    gap, ridge = found.gap, problem.ridge
    if ridge == 0.0:
        said = "no ridge, so no bound on the loss from below: nothing is claimed but that the gradient is small or not"
        return Part(_NAME, _SOURCE, False, (Check("0 < ridge λ", 0.0, ridge, False),), said)
    open_ = gap.relative > _OPEN
    advice = f"; the least loss may need more than {rank} columns, or more steps" if open_ else ""
    return Part(
        theorem=_NAME,
        source=_SOURCE,
        holds=True,
        checks=(Check("‖c·W̃‖₂ ≤ λ, W̃ the scaled residual", abs(gap.scale) * found.norms[1], ridge, True),),
        conclusion=(
            f"loss {gap.loss:.6g} within {gap.gap:.3g} (relative {gap.relative:.2g}) of the least possible at every "
            f"rank{advice}; of what was not observed it says nothing"
        ),
        gap=gap.gap,
        failure_probability=found.failure_probability,
    )


_NAME, _SOURCE = "duality gap", "SRJ04; RFP10"

_OPEN = 1e-2
"""Relative gaps above are worth a word of advice."""


def _row_space(problem: Completion, point: Any) -> Array:
    """Return orthonormal columns that span the rows of the scaled X Yᵀ: at the best fit W̃ is λ times an isometry."""
    shared = slice(0, point.layout.shared)
    left, right = _roots(problem)
    gram = weighted_gram(point.X[:, shared], left**2)
    with one_blas_thread:
        squares, Z = np.linalg.eigh(gram)
        V = (point.Y[:, shared] * right[:, None]) @ (Z * np.sqrt(np.maximum(squares, 0.0)))
        V, T = tall_qr(V, overwrite=True)
        U, s, _ = np.linalg.svd(T)
    known = s > 1e-12 * s.max(initial=0.0)
    if not known.any():
        return np.random.default_rng(len(V)).standard_normal((len(V), 1))
    return V @ U[:, : len(s)][:, known]


def _roots(problem: Completion) -> tuple[Array, Array]:
    """Return √s_i and √t_j, 1 for lines without entries."""
    ridges = problem.ridges("x"), problem.ridges("y")
    left, right = (np.sqrt(np.where(r > 0.0, r, problem.ridge) / problem.ridge) for r in ridges)
    return left, right


def _residual(problem: Completion, point: Any) -> tuple[Any, Candidate, float, float]:
    """Return W̃ line by line, its numbers, F, and what F is known up to."""
    lines, layout, d = problem.by_rows, point.layout, point.layout.shared
    problem.reads += 2
    with np.errstate(over="ignore", invalid="ignore"):
        # √Σ w(Σ_k|x_k y_k|)² at least, up to the norm of a: what the rounding in x·y is measured by.
        sizes = [
            np.column_stack([np.sqrt(np.einsum("ij,ij->i", F[:, :d], F[:, :d])), np.abs(F[:, d:])])
            for F in (point.X, point.Y)
        ]
        largest = math.sqrt(float(lines.squares(*sizes).sum())) + problem.norm
    if not largest < _LARGEST:
        raise InputError(f"got factors with ‖X Yᵀ‖ about {largest:.3g}, whose square overflows; try rescaling them")
    left, right = _roots(problem) if problem.ridge else (np.ones(side) for side in problem.shape)
    kind = problem.dtype if largest < _SINGLE else np.dtype(np.float64)
    divided = problem.penalty.scaling != "none" and problem.ridge > 0.0
    W, sums = lines.dual(point.X, point.Y, left=left, right=right, kind=kind, divided=divided)
    square = math.fsum(sums.squares)
    missed, D = math.sqrt(square), point.X.shape[1]
    off = (D + 4) * EPSILON * (problem.norm + largest)
    loss = 0.5 * square + problem.charge(point)
    slip = missed * off + off * off
    if problem.ridge == 0.0:
        return W, Candidate(0.0, 0.0, 0.0), loss, slip
    size, biases = math.fsum(sums.share), 0.0
    if layout.rows:
        biases += math.fsum(sums.totals**2 / (problem.penalty.of_biases * left**2))
    if layout.columns:
        across = right * W.products()[1](left[:, None])[:, 0]
        biases += math.fsum(across**2 / (problem.penalty.of_biases * right**2))
    moduli = math.fsum(sums.moduli) + size + biases
    return W, Candidate(math.fsum(sums.agreed), size + biases, moduli), loss, slip
