"""How far a pair of factors is from the best of its rank: the Eckart–Young gap.

With [EY36] the least loss at rank d is f* = ½Σ_{i>d} σ_i². Let B be A or Aᵀ, and B ≈ L Nᵀ with L and N the factors in
that order. A search space bounds Σ_{i≤d} σ_i² ≤ Σ_{i≤d} θ_i + S (`leading_energy`), and so in three ways

    f − f* ≤ f,
    f − f* ≤ ½(‖LNᵀ − B‖_F² − ‖B‖_F² + Σ_{i≤d} θ_i + S),                                             (any space)
    f − f* = ½‖L Rᵀ − B V‖_F² + ½‖B(I − VVᵀ)‖_F² − f* ≤ ½(‖L Rᵀ − B V‖_F² + S_V),    N = V R,        (N in the space)

with V the first d vectors of a space and S_V ≥ Σ_{i≤d} σ_i² − ‖BV‖_F², since L Nᵀ − B = (LRᵀ − BV)Vᵀ − B(I − VVᵀ).
The second is a difference of numbers of the size of ‖A‖_F²: nothing finer than (10 + D) ε (‖A‖_F² + ‖XYᵀ‖_F²) is
claimed. The third has no such difference and shows excesses of 1e-6 down to ‖LNᵀ − B‖ of about 1e-11 ‖A‖_F, unless
σ_d and σ_{d+1} are so close that rounding mixes their vectors.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.krylov import EPSILON
from lopside.linalg import frobenius, tall_times
from lopside.theory.leading_energy import SearchSpace, energy_excess, singular_value_bounds
from lopside.theory.search import Search, Verdict
from lopside.theory.two_sided import TwoSided, complete, outside_norm
from lopside.threads import one_blas_thread

_LAPACK_WORK = 5e8
"""m·n·min(m, n) up to which LAPACK's SVD is the cheapest search space (well under a second)."""

_LAPACK_ENTRIES = 2e6
"""Entries that may be laid out densely for it, whatever the matrix is."""

_WIDTH = 8
_MOST_READS = 24
"""A certificate from files alone gives up improving its search space after so many steps."""

_LARGEST = 1e153
"""Norms beyond it have squares that overflow."""

_FINE = 1e-13
"""Share of ‖A‖_F² that is small enough for a gap in any case."""

_SUITED = 0.1
"""The space is good enough where it adds this share to what the factors themselves fall short by."""


class Gap(NamedTuple):
    """What is proved about factors of rank d.

    Attributes
    ----------
    gap : float
        f(X, Y) − f* is at most this.
    missed : float
        ‖XYᵀ − A‖_F as computed; `rounding` is how far off that may be.
    rounding : float
    least : float
        No rank-d matrix is nearer to A.
    reached : float
        Some rank-d matrix is at least as near to A as this.
    singular_values : ndarray, shape (d, 2)
        Between which σ₁ … σ_d lie.
    failure_probability : float
    """

    gap: float
    missed: float
    rounding: float
    least: float
    reached: float
    singular_values: Array
    failure_probability: float

    @property
    def excess(self) -> float:
        """Proved bound on ‖XYᵀ − A‖_F/‖A_d − A‖_F − 1; infinity if there is none."""
        if self.least > 0.0 and self.missed + self.rounding < math.inf:
            return max(0.0, _excess(self.gap, self.missed, self.rounding, self.least))
        return math.inf if self.gap > 0.0 else 0.0


def _excess(gap: float, missed: float, rounding: float, least: float) -> float:
    direct = (missed + rounding) / least - 1.0 + 4.0 * EPSILON
    # The same from the gap, where the error of `missed` enters the ratio in second order only.
    low = max(missed - rounding, 0.0)
    share = 2.0 * (gap / low) / low * (1.0 + 8.0 * EPSILON) if low > 0.0 else 1.0
    return min(direct, math.expm1(-0.5 * math.log1p(-share))) if share < 1.0 else direct


def measured_gap(problem: Any, X: Array, Y: Array, rng: np.random.Generator, *, target: float = 0.0) -> Gap:
    """Prove a gap for any factors (float64) from A alone; reads A until the proof is as good as the factors are.

    Parameters
    ----------
    problem : Full
    X, Y : ndarray, shapes (m, d) and (n, d)
    rng : numpy.random.Generator
        The certificate's own.
    target : float
        Relative excess that is enough.

    Raises
    ------
    InputError
        If ‖XYᵀ − A‖_F² overflows.
    """
    missed, norm, d = problem.residual_norm(X, Y), problem.norm, X.shape[1]
    if not missed < _LARGEST:
        raise InputError(f"got factors with ‖XYᵀ − A‖_F = {missed:.3g}, whose square overflows; try rescaling them")
    slip = (d + 4) * problem.epsilon / 2 * (frobenius(X) * frobenius(Y) + norm)
    if norm == 0.0:
        return Gap(0.5 * missed**2, missed, slip, 0.0, 0.0, np.zeros((d, 2)), 0.0)
    rows, side = (Y, X) if problem.transposed else (X, Y)
    m, n = problem.shape
    if m * n * min(m, n) <= _LAPACK_WORK and m * n <= _LAPACK_ENTRIES:
        space, unit = decomposed(problem), norm
    else:
        space, unit = _searched(problem, d, side, missed, rng, target)
    gap = from_space(space, unit, norm, d, missed, slip, epsilon=problem.epsilon)
    fine = (10 + len(space.theta)) * problem.epsilon * norm**2
    if gap.gap > 100.0 * fine or gap.excess <= target or missed <= 2.0 * slip:
        return gap
    return _finer(problem, rows, side, gap, rng)


def from_space(
    space: SearchSpace,
    unit: float,
    norm: float,
    d: int,
    missed: float,
    slip: float,
    misfit: float = math.inf,
    rounded: float = 0.0,
    *,
    epsilon: float,
) -> Gap:
    """Return the best of the bounds that a space gives.

    Parameters
    ----------
    space : SearchSpace
        Of B / `unit`.
    unit, norm : float
        ‖A‖_F is `norm`.
    d : int
    missed, slip : float
        ‖XYᵀ − A‖_F and how far off it may be.
    misfit : float
        Bound on ‖LRᵀ − BV‖_F where N spans the d leading vectors of the space; the third bound then applies.
    rounded : float
        Bound on ‖XYᵀ − LNᵀ‖_F, where X and Y are L and N in single precision.
    """
    known, surplus = float(space.theta[:d].sum()), energy_excess(space, d)
    slack = (10 + len(space.theta)) * epsilon * ((norm / unit) ** 2 + ((norm + missed) / unit) ** 2)
    difference = (missed / unit) ** 2 - (norm / unit) ** 2 + known + surplus
    own = 0.5 * ((missed + slip) / unit) ** 2
    # ½a² − ½b² ≤ a(a − b) for the two losses, a − b ≤ `rounded`
    inside = 0.5 * ((misfit / unit) ** 2 + surplus) + (missed + slip) / unit * (rounded / unit)
    gap = min(own, max(0.0, 0.5 * difference) + slack, inside)
    least2 = (norm / unit) ** 2 - known - surplus - slack
    reached2 = (norm / unit) ** 2 - known + slack
    low = max(missed - slip, 0.0) / unit
    least = math.sqrt(max(0.0, least2, low**2 - 2.0 * gap))
    return Gap(
        gap=max(gap * unit * unit, np.finfo(np.float64).smallest_subnormal),
        missed=missed,
        rounding=slip,
        least=least * unit,
        reached=min(missed + slip, math.sqrt(max(0.0, reached2)) * unit),
        singular_values=singular_value_bounds(space, d) * unit,
        failure_probability=space.failure_probability,
    )


def decomposed(problem: Any) -> SearchSpace:
    """Return LAPACK's singular vectors as a search space, in the unit ‖A‖_F, with their residuals as measured."""
    U, s, Vt = problem.svd()
    left, right = (Vt.T, U) if problem.transposed else (U, Vt.T)
    left = problem.placed(left)
    if len(right) == len(s):
        return complete(problem, left, s, right)
    two = TwoSided.given(problem, left, s, right)
    rows, side = left * s, right
    X, Y = (side, rows) if problem.transposed else (rows, side)
    space = two.space((problem.residual_norm(X, Y) / problem.norm) ** 2)
    # The residuals are rounding: counted as such they cost nothing, where as a matrix they cost D⁴.
    return space._replace(C=space.C[:0], error=space.error + np.linalg.norm(space.C, axis=0))


def _searched(
    problem: Any, d: int, side: Array, missed: float, rng: np.random.Generator, target: float
) -> tuple[SearchSpace, float]:
    """Search from the span of the factor until what the space leaves open is small beside what the factors miss."""
    start = np.hstack([side, rng.standard_normal((len(side), 1))]) if not side.any() else side
    search = Search(problem, d, start, width=_WIDTH, capacity=2 * d + 16 * _WIDTH, rng=rng)
    error = (missed / search.scale) ** 2
    for _ in range(_MOST_READS):
        search.advance()
        behind = error - search.missed()
        tol = max(target, max(_SUITED * behind, _FINE * search.norm**2) / (2.0 * error)) if error > 0.0 else 1.0
        if search.settled(tol, deep=False) is not Verdict.SEARCHING:
            break
    return search.space(), search.scale


def _finer(problem: Any, rows: Array, side: Array, gap: Gap, rng: np.random.Generator) -> Gap:
    """Return the third bound, if it is better; two reads of A, and those of probes."""
    norm, d = problem.norm, side.shape[1]
    with one_blas_thread:
        V, R = np.linalg.qr(side)
        two = TwoSided.of(problem, V)
        turned = tall_times(rows / norm, R.T @ (V.T @ two.V)) - two.U * two.s
    misfit = frobenius(turned) + float(np.linalg.norm(two.delta))

    def surplus(h: float) -> float:
        return energy_excess(two.space(h), d)

    def enough(h: float) -> bool:
        return surplus(h) <= max(misfit**2, 1e-7 * (gap.missed / norm) ** 2)

    def product(F: Array) -> tuple[Array, Array]:
        W, G = problem.gram(F / norm)
        return W / norm, G

    energy = ((gap.missed + gap.rounding) / norm) ** 2
    h, failure = outside_norm(product, two.V, energy, enough, rng, ratio=1.0, epsilon=problem.epsilon)
    found = 0.5 * (misfit**2 + surplus(h)) * norm * norm
    if not found < gap.gap:
        return gap
    low = max(gap.missed - gap.rounding, 0.0)
    least = max(gap.least, math.sqrt(max(0.0, low * low - 2.0 * found)))
    values = singular_value_bounds(two.space(h), d) * norm
    both = np.column_stack(
        [np.maximum(values[:, 0], gap.singular_values[:, 0]), np.minimum(values[:, 1], gap.singular_values[:, 1])]
    )
    return gap._replace(
        gap=max(found, np.finfo(np.float64).smallest_subnormal),
        least=least,
        singular_values=both,
        failure_probability=gap.failure_probability + failure,
    )
