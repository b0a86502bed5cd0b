"""With what probability the drawn start is good enough, and what to ask of it for a given probability.

For the start X₀ = A Φ₁ / (√η C σ₁), A = U S Vᵀ, the matrix VᵀΦ₁ is r × d with N(0, 1/d)
entries, so that σ_r(VᵀΦ₁) √d is the smallest singular value of a d × r standard normal matrix G.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lopside.theory.arguments import require_fraction, require_nonnegative, require_ranks
from lopside.theory.gaussian import (
    gaussian_scale,
    sigma_max_level,
    sigma_min_level,
    sigma_min_tail,
    sigma_min_tail_concentration,
)


def tau_from_probability(d: int, r: int, probability: float) -> float:
    """Find the largest proved τ: σ_min(G) ≤ τ (√d - √(r-1)) has at most that probability.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1 (columns kept and rank of A).
    probability : float
        p in (0, 1).

    Returns
    -------
    float
        `sigma_min_level` divided by `gaussian_scale`.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if the probability is not in (0, 1).

    Examples
    --------
    >>> round(tau_from_probability(10, 5, 0.05), 3)
    0.619
    """
    return sigma_min_level(d, r, probability) / gaussian_scale(d, r)


def tau_closed(d: int, r: int, probability: float) -> float:
    """Tau in closed form: ((√d + √(r-1)) / (e √d)) (p √(2 π q))^(1/q), q = d - r + 1.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.
    probability : float
        p in (0, 1).

    Returns
    -------
    float
        The inverse of `sigma_min_tail_closed`; never above `tau_from_probability`.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if the probability is not in (0, 1).
    """
    require_ranks(d, r)
    require_fraction(probability=probability)
    q = d - r + 1
    ratio = (math.sqrt(d) + math.sqrt(r - 1)) / (math.e * math.sqrt(d))
    return ratio * (probability * math.sqrt(2 * math.pi * q)) ** (1 / q)


class NormBounds(NamedTuple):
    """Bounds on the two random matrices of the start: ‖VᵀΦ₁‖ ≤ left and ‖Φ₂‖ ≤ right."""

    left: float
    right: float


def norm_bounds(n: int, rank: int, r: int, *, left_probability: float, right_probability: float) -> NormBounds:
    """Bound ‖VᵀΦ₁‖ by a1 and ‖Φ₂‖ by a2, which replace the fixed 3 and 3 of the paper.

    a1 = 1 + √(r/d) + √(2 log(1/p1)/d) and a2 = 1 + √(d/n) + √(2 log(1/p2)/n).

    Parameters
    ----------
    n : int
        Columns of A.
    rank : int
        Columns kept, d ≥ r.
    r : int
        Rank of A.
    left_probability, right_probability : float
        p1 and p2 in (0, 1]: with which probability a1 and a2 may fail.

    Returns
    -------
    NormBounds
        ``left`` is a1, ``right`` is a2. Both hold with probability at least 1 - p1 - p2.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, n ≥ 1, or if a probability is not in (0, 1].

    Notes
    -----
    [DS01, Thm II.13]. With p1 = exp(-r/2) and p2 = exp(-d/2) these are 1 + 2 √(r/d) and 1 + 2 √(d/n)
    [WK23, App. C], where the second is printed with m in place of n. The first holds for VᵀΦ₁ only: the
    norm of the n × d matrix Φ₁ itself is near 1 + √(n/d).

    Examples
    --------
    >>> round(norm_bounds(100, 10, 5, left_probability=0.05, right_probability=0.05).left, 2)
    2.48
    """
    require_ranks(rank, r)
    left = sigma_max_level(rank, r, left_probability) / math.sqrt(rank)
    return NormBounds(left, sigma_max_level(n, rank, right_probability) / math.sqrt(n))


def failure_probability(tau: float, rank: int, r: int, *, left_probability: float, right_probability: float) -> float:
    """Bound the probability that the start misses what the theorems need of it.

    δ = min(`sigma_min_tail`, `sigma_min_tail_concentration`) + p1 + p2, both tails at the level
    τ (√d - √(r-1)).

    Parameters
    ----------
    tau : float
        τ > 0 of ρ = τ (1 - √((r-1)/d)).
    rank : int
        Columns kept, d ≥ r.
    r : int
        Rank of A.
    left_probability, right_probability : float
        The p1 and p2 given to `norm_bounds`, in (0, 1].

    Returns
    -------
    float
        A bound on the probability; never above 1.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, τ < 0, or if a probability is not in (0, 1].
    """
    require_nonnegative(tau=tau)
    require_fraction(left_probability=left_probability, right_probability=right_probability, closed=True)
    level = tau * gaussian_scale(rank, r)
    small = min(sigma_min_tail(rank, r, level), sigma_min_tail_concentration(rank, r, level))
    return min(1.0, small + left_probability + right_probability)
