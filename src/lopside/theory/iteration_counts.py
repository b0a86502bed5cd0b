"""How many steps each theory asks for, side by side.

Counts to a relative error eps = ‖XYᵀ - A‖_F / ‖A‖_F (not squared), as functions of κ = σ₁/σ_r,
the shape m × n, the columns kept d and the rank r. Ye and Du and Jiang, Chen and Ding state theirs up to
factors that they do not give: these are parameters, 1 unless given, so that only the growth of those two rows
has a meaning.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lopside.theory.all_time_step import all_time_steps
from lopside.theory.arguments import require_fraction, require_positive, require_ranks
from lopside.theory.probability import tau_from_probability
from lopside.theory.ward_kolda import Form, beta, rho
from lopside.theory.ward_kolda_window import theory_steps


def ye_du_count(
    kappa: float,
    rank: int,
    shape: tuple[int, int],
    relative_error: float,
    *,
    rank_exponent: float = 1.0,
    hidden_factor: float = 1.0,
    form: Form = "corrected",
) -> float:
    """Count d^(1+k) (m+n)² κ⁴ log(1/eps²): the step and the start of their theorem put into its count.

    Parameters
    ----------
    kappa : float
        σ₁/σ_d ≥ 1.
    rank : int
        d = rank(A).
    shape : tuple of int
        (m, n) of A.
    relative_error : float
        eps in (0, 1).
    rank_exponent : float
        k of `start_scale`.
    hidden_factor : float
        Everything that O and O~ hide, logarithms of d, m, n and κ included.
    form : {"corrected", "printed"}
        [WK23] quotes it as n d (σ₁/σ₁)⁴ log(1/eps²): a ratio of 1, and n d not squared.

    Returns
    -------
    float
        The count, simultaneous gradient descent.

    Raises
    ------
    InputError
        If eps is not in (0, 1) or another number is not finite and positive.

    Notes
    -----
    [YD21, Thm 1.1].
    """
    m, n = shape
    require_positive(kappa=kappa, rank=rank, m=m, n=n, hidden_factor=hidden_factor)
    require_fraction(relative_error=relative_error)
    growth = rank ** (1 + rank_exponent) * (m + n) ** 2 * kappa**4 if form == "corrected" else n * rank
    return hidden_factor * growth * -2 * math.log(relative_error)


def jiang_chen_ding_count(kappa: float, relative_error: float, *, hidden_factor: float = 1.0) -> float:
    """Count κ³ log(1/eps²) for simultaneous gradient descent from a tiny random start.

    Parameters
    ----------
    kappa : float
        σ₁/σ_r ≥ 1.
    relative_error : float
        eps in (0, 1).
    hidden_factor : float
        The factor in front, which depends on d and the scale of the start.

    Returns
    -------
    float
        The count.

    Raises
    ------
    InputError
        If eps is not in (0, 1) or another number is not finite and positive.

    Notes
    -----
    [JCD22], as quoted in [WK23, Sec. 3.1].
    """
    require_positive(kappa=kappa, hidden_factor=hidden_factor)
    require_fraction(relative_error=relative_error)
    return hidden_factor * kappa**3 * -2 * math.log(relative_error)


def ward_kolda_count(
    kappa: float, rank: int, r: int, relative_error: float, *, C: float = 4.0, tau: float = 1.0
) -> float:
    """Count (4/β) log(f₀/f), β = ρ²/(C κ)²: alternating gradient descent from their start.

    Parameters
    ----------
    kappa : float
        σ₁/σ_r ≥ 1.
    rank : int
        Columns kept, d ≥ r.
    r : int
        Rank of A.
    relative_error : float
        eps in (0, 1); f₀/f is taken as 1/eps², since the first residual is -A up to ν.
    C : float
        Divisor of the start X₀.
    tau : float
        τ of ρ; 1 is a convention without a probability, `tau_from_probability` gives one.

    Returns
    -------
    float
        The count, with no hidden factor.

    Raises
    ------
    InputError
        If eps is not in (0, 1), not d ≥ r ≥ 1, or another number is not finite and positive.

    Notes
    -----
    [WK23, Cor 5.2].

    Examples
    --------
    >>> ward_kolda_count(1 / 0.9, 10, 5, 1e-5)
    13468.0
    """
    require_fraction(relative_error=relative_error)
    return float(theory_steps(beta(rho(tau, rank, r), C, kappa), relative_error**2))


def all_time_count(
    kappa: float,
    rank: int,
    r: int,
    relative_error: float,
    *,
    C: float = 4.0,
    tau: float = 1.0,
    theta: float = 0.5,
) -> float:
    """Count log(f₀/f) / (-2 log(1 - (1 - θ)² β)): the same start and method by the all-time theorem.

    Parameters
    ----------
    kappa, rank, r, relative_error, C, tau
        As in `ward_kolda_count`.
    theta : float
        θ in (0, 1) of `all_time_step`; the count is at most (2/β) log(f₀/f) + 1 at 1/2.

    Returns
    -------
    float
        The count, with no hidden factor.

    Raises
    ------
    InputError
        If eps or θ is not in (0, 1), not d ≥ r ≥ 1, or another number is not finite and positive.
    """
    require_fraction(relative_error=relative_error)
    return float(all_time_steps(beta(rho(tau, rank, r), C, kappa), relative_error**2, theta=theta))


def scaled_gradient_count(
    step_size: float, relative_error: float, *, alternating: bool = True, matched: bool = False
) -> float:
    """Count log(eps)/log(1 - η) for scaled gradient descent on a matrix of rank d, whatever its condition number.

    With U and V the factors' column spaces, the residual within both falls by (1 - η)² a step if alternating and by
    1 - 2η to first order if not; the rest by 1 - η. Where U is the column space of A the rest is absent.

    Parameters
    ----------
    step_size : float
        η, a pure number in (0, 1), below 1/2 where simultaneous and matched: there the error is squared instead.
    relative_error : float
        eps in (0, 1).
    alternating : bool
        Whether Y moves at the new X.
    matched : bool
        Whether X spans what A spans from the start, as AΦ does; else a start of no relation to A.

    Returns
    -------
    float
        The count, with no hidden factor but what a start far from A loses at first.

    Raises
    ------
    InputError
        If η or eps is out of range.

    Notes
    -----
    The methods are [TMC21] and [JWPFM23], the matched start [LZMH25].

    Examples
    --------
    >>> round(scaled_gradient_count(0.3, 1e-5)), round(scaled_gradient_count(0.3, 1e-5, matched=True))
    (32, 16)
    """
    require_fraction(step_size=step_size, relative_error=relative_error)
    if matched and not alternating:
        require_fraction(twice_the_step=2.0 * step_size)
        return math.log(relative_error) / math.log1p(-2.0 * step_size)
    return math.log(relative_error) / ((2.0 if matched else 1.0) * math.log1p(-step_size))


class Count(NamedTuple):
    """One row of the comparison."""

    source: str
    method: str
    growth: str
    hidden: bool
    steps: float


def iteration_counts(
    kappa: float,
    shape: tuple[int, int],
    rank: int,
    r: int,
    relative_error: float,
    *,
    failure: float | None = None,
) -> list[Count]:
    """Compare the step counts of the theories at one problem.

    Parameters
    ----------
    kappa : float
        σ₁/σ_r ≥ 1.
    shape : tuple of int
        (m, n) of A.
    rank : int
        Columns kept, d ≥ r. Ye and Du's theorem needs d = r; their row is computed at r.
    r : int
        Rank of A.
    relative_error : float
        eps in (0, 1).
    failure : float or None
        Probability that ρ is missed, in (0, 1), which sets τ; None takes τ = 1.

    Returns
    -------
    list of Count
        ``hidden`` marks the rows with unknown factors, set to 1.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    require_ranks(rank, r)
    tau = 1.0 if failure is None else tau_from_probability(rank, r, failure)
    eps, gd, agd = relative_error, "simultaneous gradient descent", "alternating gradient descent"
    return [
        Count("YD21", gd, "d² (m+n)² κ⁴ log(1/eps²)", True, ye_du_count(kappa, r, shape, eps)),
        Count("JCD22", gd, "κ³ log(1/eps²)", True, jiang_chen_ding_count(kappa, eps)),
        Count(
            "WK23",
            agd,
            "(4 C² κ²/ρ²) log(1/eps²)",
            False,
            ward_kolda_count(kappa, rank, r, eps, tau=tau),
        ),
        Count(
            "all-time theorem",
            agd,
            "(2 C² κ²/ρ²) log(1/eps²)",
            False,
            all_time_count(kappa, rank, r, eps, tau=tau),
        ),
    ]
