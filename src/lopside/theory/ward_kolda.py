"""The start of Ward and Kolda and what it guarantees: ρ, β, D, the step bound, the first loss.

X₀ = A Φ₁ / (√η C σ₁) and Y₀ = √η D σ₁ Φ₂ with Φ₁, Φ₂ n × d matrices of
independent N(0, 1/d) and N(0, 1/n) entries [WK23, Assumption 2]. The paper bounds ‖VᵀΦ₁‖ and ‖Φ₂‖
by 3 and 3; here these are the parameters ``left_bound`` (a1) and ``right_bound`` (a2), which `norm_bounds`
finds for a given probability.

Where the printed formula and the proved one differ, ``form`` chooses; the printed one is there to be compared
with.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from lopside.theory.arguments import require_fraction, require_nonnegative, require_positive, require_ranks
from lopside.theory.measurements import square

Form = Literal["corrected", "printed"]


def rho(tau: float, rank: int, r: int) -> float:
    """Compute ρ = τ (1 - √((r-1)/d)), below which σ_r(VᵀΦ₁) falls with small probability.

    Parameters
    ----------
    tau : float
        τ > 0; `tau_from_probability` finds it for a given probability.
    rank : int
        Columns kept, d ≥ r.
    r : int
        Rank of A.

    Returns
    -------
    float
        ρ > 0.

    Raises
    ------
    InputError
        If τ ≤ 0 or not d ≥ r ≥ 1.

    Notes
    -----
    [WK23, (A2b)]. For d = (1 + a) r, 1/ρ² ≤ (1 + a) / (τ (√(1 + a) - 1))²; the first remark after
    [WK23, Thm 3.1] leaves τ out, and τ is what the probability depends on.

    Examples
    --------
    >>> round(rho(1.0, 10, 5), 4)
    0.3675
    """
    require_positive(tau=tau)
    require_ranks(rank, r)
    return tau * (1 - math.sqrt((r - 1) / rank))


def beta(rho: float, C: float, kappa: float) -> float:
    """Compute β = ρ² / (C² κ²), the a-priori lower bound on η σ_r(X₀)².

    Parameters
    ----------
    rho : float
        ρ > 0.
    C : float
        Divisor of the start X₀, > 0 (the paper uses 4).
    kappa : float
        σ₁(A)/σ_r(A) ≥ 1.

    Returns
    -------
    float
        β > 0.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [WK23, (A2c)].

    Examples
    --------
    >>> f"{beta(rho(1.0, 10, 5), C=4, kappa=1 / 0.9):.2e}"
    '6.84e-03'
    """
    require_positive(rho=rho, C=C, kappa=kappa)
    return square(rho / (C * kappa))


def right_scale(C: float, nu: float, *, left_bound: float = 3.0, right_bound: float = 3.0) -> float:
    """Compute the largest D = C ν / (a1 a2) with which ‖X₀ Y₀ᵀ‖_F ≤ ν ‖A‖_F.

    Parameters
    ----------
    C : float
        Divisor of the start X₀, > 0.
    nu : float
        ν in (0, 1): how far the first residual may be from -A, relative to ‖A‖_F.
    left_bound, right_bound : float
        a1 ≥ ‖VᵀΦ₁‖ and a2 ≥ ‖Φ₂‖; 3 and 3 give the paper's C ν / 9.

    Returns
    -------
    float
        D > 0.

    Raises
    ------
    InputError
        If ν is not in (0, 1) or another number is not finite and positive.

    Notes
    -----
    [WK23, Assumption 2].
    """
    require_positive(C=C, left_bound=left_bound, right_bound=right_bound)
    require_fraction(nu=nu)
    return C * nu / (left_bound * right_bound)


def least_divisor(left_bound: float = 3.0) -> float:
    """Compute the least C = 4 a1 / 3 for which ‖X₀‖ ≤ 3 / (4 √η).

    Parameters
    ----------
    left_bound : float
        a1 ≥ ‖VᵀΦ₁‖; 3 gives the paper's C ≥ 4.

    Returns
    -------
    float
        The least admissible C.

    Raises
    ------
    InputError
        If the bound is not finite and positive.

    Notes
    -----
    [WK23, Cor 4.4].
    """
    require_positive(left_bound=left_bound)
    return 4 * left_bound / 3


def step_bound(C: float, nu: float, sigma1: float, *, left_bound: float = 3.0) -> float:
    """Compute the largest step η = 3 a1 / (4 C ν σ₁) for which ‖Y₀‖ ≤ 3 / (4 √η).

    Parameters
    ----------
    C : float
        Divisor of the start X₀, > 0.
    nu : float
        ν in (0, 1).
    sigma1 : float
        Largest singular value of A, > 0.
    left_bound : float
        a1 ≥ ‖VᵀΦ₁‖, with D = C ν / (a1 a2); 3 gives the paper's 9 / (4 C ν σ₁).

    Returns
    -------
    float
        The step bound, in the unit 1/σ₁.

    Raises
    ------
    InputError
        If ν is not in (0, 1) or another number is not finite and positive.

    Notes
    -----
    [WK23, Cor 4.4]. The proof prints σ₁(Y₀)² ≤ 9 η C² σ₁² on the way, from which the step
    bound does not follow; it follows from σ₁(Y₀)² ≤ η (C ν σ₁ / a1)².
    """
    require_positive(C=C, sigma1=sigma1, left_bound=left_bound)
    require_fraction(nu=nu)
    return 3 * left_bound / (4 * C * nu * sigma1)


class StartBounds(NamedTuple):
    """Bounds at the start: σ_r(X₀) from below, ‖X₀‖ and ‖Y₀‖ from above."""

    sigma_r_x: float
    sigma1_x: float
    sigma1_y: float


def start_bounds(
    step_size: float, beta: float, C: float, nu: float, sigma1: float, *, left_bound: float = 3.0
) -> StartBounds:
    """Bound the start by √(β/η), a1/(C √η) and √η C ν σ₁ / a1, in this order.

    Parameters
    ----------
    step_size : float
        η > 0.
    beta : float
        β > 0, of `beta`.
    C, nu, sigma1, left_bound : float
        As in `step_bound`.

    Returns
    -------
    StartBounds
        They hold with the probability 1 - δ of `failure_probability`.

    Raises
    ------
    InputError
        If ν is not in (0, 1) or another number is not finite and positive.

    Notes
    -----
    [WK23, Prop 4.3 (1)].
    """
    require_positive(step_size=step_size, beta=beta, C=C, sigma1=sigma1, left_bound=left_bound)
    require_fraction(nu=nu)
    root = math.sqrt(step_size)
    return StartBounds(math.sqrt(beta) / root, left_bound / (C * root), root * C * nu * sigma1 / left_bound)


def initial_loss_bounds(nu: float, norm_a: float, *, form: Form = "corrected") -> tuple[float, float]:
    """Bound the first loss: (1 - ν)² ‖A‖_F² / 2 ≤ f₀ ≤ (1 + ν)² ‖A‖_F² / 2.

    Parameters
    ----------
    nu : float
        ν in (0, 1).
    norm_a : float
        ‖A‖_F > 0.
    form : {"corrected", "printed"}
        The printed lower bound is ‖A‖_F² / (2 (1 - ν)²), which contradicts the upper one.

    Returns
    -------
    tuple of float
        Lower and upper bound on f₀.

    Raises
    ------
    InputError
        If ν is not in (0, 1) or the norm is not finite and positive.

    Notes
    -----
    [WK23, Prop 4.3 (2)]. Proof of the lower bound: ‖A - (D/C) A Φ₁ Φ₂ᵀ‖_F ≥ ‖A‖_F (1 - ν).
    """
    require_fraction(nu=nu)
    require_positive(norm_a=norm_a)
    shrink = 1 - nu if form == "corrected" else 1 / (1 - nu)
    return square(shrink * norm_a) / 2, square((1 + nu) * norm_a) / 2


def printed_failure_probability(tau: float, rank: int, r: int, *, C1: float, C2: float) -> float:
    """Compute δ as printed: (C1 τ)^(d-r+1) + exp(-C2 d) + exp(-r/2) + exp(-d/2).

    Its constants are not known, and exp(-r/2) alone is 0.61 at r = 1: use `failure_probability`.

    Parameters
    ----------
    tau : float
        τ > 0.
    rank : int
        Columns kept, d ≥ r.
    r : int
        Rank of A.
    C1, C2 : float
        The unknown constants, > 0. For Gaussian matrices C1 = e and C2 = infinity are valid.

    Returns
    -------
    float
        δ; not cut off at 1.

    Raises
    ------
    InputError
        If not d ≥ r ≥ 1, or if τ or C1 is not finite and positive.

    Notes
    -----
    [WK23, (A2d)].
    """
    require_positive(tau=tau, C1=C1)
    require_nonnegative(exponential=math.exp(-C2 * rank))
    require_ranks(rank, r)
    return (C1 * tau) ** (rank - r + 1) + math.exp(-C2 * rank) + math.exp(-r / 2) + math.exp(-rank / 2)
