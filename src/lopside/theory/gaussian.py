"""Explicit tails of the extreme singular values of a Gaussian matrix, and their inverses.

G is a d × r matrix of independent standard normal entries, d ≥ r, and q = d - r + 1.
"""

from __future__ import annotations

import math

from lopside.theory.arguments import require_fraction, require_nonnegative, require_ranks


def sigma_min_tail(d: int, r: int, level: float) -> float:
    """Bound P(σ_min(G) ≤ level) by an incomplete gamma function: the sharpest bound here.

    P(σ_min ≤ t) ≤ B P(χ²_q ≤ t²), B = √π Γ((d+1)/2) / (Γ(r/2) Γ((d-r+2)/2)).
    Equality at r = 1.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.
    level : float
        t ≥ 0.

    Returns
    -------
    float
        A bound on the probability; never above 1.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if the level is negative or NaN.

    Notes
    -----
    In the joint density of the Wishart eigenvalues [E88], bound every factor (λ_i - λ) by λ_i,
    recognise the constant of the (r-1) × (d+1) case, as in [CD05], and integrate.

    Examples
    --------
    >>> round(sigma_min_tail(10, 5, 0.5 * gaussian_scale(10, 5)), 4)
    0.0149
    """
    from scipy.special import gammainc

    require_ranks(d, r)
    require_nonnegative(level=level)
    half, x = (d - r + 1) / 2, level**2 / 2
    if x == 0:
        return 0.0
    chi_squared = float(gammainc(half, x))
    # x^a / Γ(a+1) bounds it where it underflows: a zero times a huge factor would claim too much.
    log_tail = math.log(chi_squared) if chi_squared > 0 else half * math.log(x) - math.lgamma(half + 1)
    return math.exp(min(0.0, _log_wishart_factor(d, r) + log_tail))


def sigma_min_tail_power(d: int, r: int, level: float) -> float:
    """Bound P(σ_min(G) ≤ level) by (e √d t/q)^q / √(2 π q), q = d - r + 1.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.
    level : float
        t ≥ 0.

    Returns
    -------
    float
        A bound on the probability; never above 1, never below `sigma_min_tail`.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if the level is negative or NaN.

    Notes
    -----
    `sigma_min_tail` with exp(-λ/2) dropped and Stirling's bound. Without 1/√(2 π q) it is the bound
    of [CD05] quoted as [HMT11, Prop 10.4].
    """
    require_ranks(d, r)
    require_nonnegative(level=level)
    q = d - r + 1
    if level == 0:
        return 0.0
    log_tail = q * (1 + math.log(d) / 2 + math.log(level / q)) - math.log(2 * math.pi * q) / 2
    return math.exp(min(0.0, log_tail))


def sigma_min_tail_closed(d: int, r: int, tau: float) -> float:
    """Bound P(σ_min(G) ≤ τ (√d - √(r-1))) by (C1 τ)^q / √(2 π q), q = d - r + 1.

    C1 = e √d / (√d + √(r-1)), between e/2 and e: the form of [RV09, Thm 1.1] with its unknown
    constants found for Gaussian matrices, and without its term exp(-C2 d).

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.
    tau : float
        τ ≥ 0.

    Returns
    -------
    float
        A bound on the probability; never above 1.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if τ is negative or NaN.

    Notes
    -----
    `sigma_min_tail_power` at that level, because (√d - √(r-1)) (√d + √(r-1)) = q.
    """
    require_nonnegative(tau=tau)
    return sigma_min_tail_power(d, r, tau * gaussian_scale(d, r))


def sigma_min_tail_concentration(d: int, r: int, level: float) -> float:
    """Bound P(σ_min(G) ≤ level) by exp(-s²/2), s = √d - √r - level, where s ≥ 0.

    Useless near d = r; wins against `sigma_min_tail` only for d much larger than r.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.
    level : float
        t ≥ 0.

    Returns
    -------
    float
        A bound on the probability; 1 where the level exceeds √d - √r.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if the level is negative or NaN.

    Notes
    -----
    [DS01, Thm II.13].
    """
    require_ranks(d, r)
    require_nonnegative(level=level)
    return math.exp(-(max(0.0, math.sqrt(d) - math.sqrt(r) - level) ** 2) / 2)


def sigma_max_tail(d: int, r: int, level: float) -> float:
    """Bound P(σ₁(G) ≥ level) by exp(-s²/2), s = level - √d - √r, where s ≥ 0.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, in either order, ≥ 1.
    level : float
        t ≥ 0.

    Returns
    -------
    float
        A bound on the probability; 1 where the level is below √d + √r.

    Raises
    ------
    InputError
        If d or r is below 1, or if the level is negative or NaN.

    Notes
    -----
    [DS01, Thm II.13].
    """
    require_ranks(max(d, r), min(d, r))
    require_nonnegative(level=level)
    return math.exp(-(max(0.0, level - math.sqrt(d) - math.sqrt(r)) ** 2) / 2)


def sigma_max_level(d: int, r: int, probability: float) -> float:
    """Level that σ₁(G) exceeds with at most the given probability: √d + √r + √(2 log(1/p)).

    Parameters
    ----------
    d, r : int
        Rows and columns of G, in either order, ≥ 1.
    probability : float
        p in (0, 1].

    Returns
    -------
    float
        The level; the inverse of `sigma_max_tail`.

    Raises
    ------
    InputError
        If d or r is below 1, or if the probability is not in (0, 1].
    """
    require_ranks(max(d, r), min(d, r))
    require_fraction(probability=probability, closed=True)
    return math.sqrt(d) + math.sqrt(r) + math.sqrt(-2 * math.log(probability))


def sigma_min_level(d: int, r: int, probability: float) -> float:
    """Level that σ_min(G) falls below with at most the given probability.

    The larger of the inverses of `sigma_min_tail` and `sigma_min_tail_concentration`; each is a bound alone.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.
    probability : float
        p in (0, 1).

    Returns
    -------
    float
        The level, > 0.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if the probability is not in (0, 1).
    """
    from scipy.special import gammaincinv

    require_ranks(d, r)
    require_fraction(probability=probability)
    half, log_tail = (d - r + 1) / 2, math.log(probability) - _log_wishart_factor(d, r)
    # Below exp(-600) the inverse of x^a / Γ(a+1), which is a bound, replaces one that underflows.
    if log_tail < -600:
        x = math.exp((log_tail + math.lgamma(half + 1)) / half)
    else:
        x = float(gammaincinv(half, math.exp(log_tail)))
    return max(math.sqrt(2 * x), math.sqrt(d) - math.sqrt(r) - math.sqrt(-2 * math.log(probability)))


def gaussian_scale(d: int, r: int) -> float:
    """Scale √d - √(r-1) of the smallest singular value of G.

    Parameters
    ----------
    d, r : int
        Rows and columns of G, d ≥ r ≥ 1.

    Returns
    -------
    float
        √d - √(r-1) > 0.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1.
    """
    require_ranks(d, r)
    return math.sqrt(d) - math.sqrt(r - 1)


def _log_wishart_factor(d: int, r: int) -> float:
    gammas = math.lgamma((d + 1) / 2) - math.lgamma(r / 2) - math.lgamma((d - r + 2) / 2)
    return math.log(math.pi) / 2 + gammas
