"""The all-time theorem in closed form, for choosing a step size in advance.

Let col(X₀) = col(A), b = η σ_r(X₀)² and θ in (0, 1). If

    (a)  √η max(‖X₀‖, ‖Y₀‖) + θ √b ≤ 1     and
    (b)  √f₀ ≤ θ (1 - θ) σ_r(X₀)² / 2,

then alternating gradient descent has f_t ≤ (1 - (1 - θ)² b)^(2t) f₀ and σ_r(X_t) ≥ (1 - θ)
σ_r(X₀) for all t ≥ 0. This is the theorem of `all_time` with both budgets set to θ √b: there
lx, ly ≤ 1, p = 1 - (1 - θ)² b, and both motions are at most 2 g / √(1 - p). `all_time` needs less
and proves more; this form can be solved by hand. Both sharpen [WK23, Thm 5.1].
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lopside.errors import InputError
from lopside.theory.arguments import require_fraction, require_nonnegative, require_positive
from lopside.theory.inequality import Inequality
from lopside.theory.measurements import square
from lopside.theory.probability import failure_probability, norm_bounds, tau_from_probability
from lopside.theory.ward_kolda import beta, initial_loss_bounds, rho, start_bounds


def theta_star(s: float) -> float:
    """Compute θ = 4 s / (1 + √(1 - 8 s)), the least that meets (b); s = √f₀ / σ_r(X₀)².

    It gives the best rate and the weakest (a) at once.

    Parameters
    ----------
    s : float
        √f₀ / σ_r(X₀)², in [0, 1/8].

    Returns
    -------
    float
        θ in [0, 1/2].

    Raises
    ------
    InputError
        If s is not in [0, 1/8]: then no θ meets (b).

    Examples
    --------
    >>> theta_star(1 / 8)
    0.5
    """
    if not 0 <= s <= 1 / 8:
        raise InputError(f"got √loss/σ_r(X)² = {s}; expected at most 1/8: take a smaller step size")
    return 4 * s / (1 + math.sqrt(1 - 8 * s))


class ClosedForm(NamedTuple):
    """The two conditions at a given θ, and the factor on the loss per step if they hold."""

    theta: float
    norms: Inequality
    loss: Inequality
    rate: float

    @property
    def holds(self) -> bool:
        """Whether both conditions hold."""
        return self.norms.holds and self.loss.holds


def closed_form(
    sigma1_x: float, sigma_r_x: float, sigma1_y: float, loss0: float, step_size: float, theta: float
) -> ClosedForm:
    """Evaluate conditions (a) and (b) and the rate (1 - (1 - θ)² b)² at a given θ.

    Parameters
    ----------
    sigma1_x, sigma_r_x : float
        Largest and r-th largest singular value of X₀, where r is the rank of A and col(X₀) = col(A).
    sigma1_y : float
        Largest singular value of Y₀.
    loss0 : float
        f₀ ≥ 0.
    step_size : float
        η > 0.
    theta : float
        θ in (0, 1); `theta_star` finds the best.

    Returns
    -------
    ClosedForm
        ``norms`` is (a), ``loss`` is (b).

    Raises
    ------
    InputError
        If θ is not in (0, 1), or if a number is not finite or has the wrong sign.
    """
    require_positive(sigma1_x=sigma1_x, sigma_r_x=sigma_r_x, step_size=step_size)
    require_nonnegative(sigma1_y=sigma1_y, loss0=loss0)
    require_fraction(theta=theta)
    b = square(math.sqrt(step_size) * sigma_r_x)
    largest = math.sqrt(step_size) * max(sigma1_x, sigma1_y)
    return ClosedForm(
        theta,
        Inequality("(a) √η max(‖X‖, ‖Y‖) + θ√b", largest + theta * math.sqrt(b), 1),
        Inequality("(b) √loss", math.sqrt(loss0), theta * (1 - theta) * square(sigma_r_x) / 2),
        square(1 - (1 - theta) ** 2 * b),
    )


def all_time_step(b: float, loss0: float, *, theta: float = 0.5) -> float:
    """Compute the largest step η = θ (1 - θ) b / (2 √f₀) that meets (b).

    For starts whose b = η σ_r(X₀)² does not depend on η, such as Ward and Kolda's.

    Parameters
    ----------
    b : float
        β, or η σ_r(X₀)² of the drawn start; > 0.
    loss0 : float
        f₀, or an upper bound on it; > 0.
    theta : float
        θ in (0, 1); 1/2 gives the largest step, b / (8 √f₀); a smaller one a better rate.

    Returns
    -------
    float
        η.

    Raises
    ------
    InputError
        If θ is not in (0, 1) or another number is not finite and positive.

    Examples
    --------
    >>> f"{all_time_step(2.62e-3, loss0=2.26):.1e}"
    '2.2e-04'
    """
    require_positive(b=b, loss0=loss0)
    require_fraction(theta=theta)
    return theta * (1 - theta) * b / (2 * math.sqrt(loss0))


def all_time_steps(b: float, reduction: float, *, theta: float = 0.5) -> int:
    """Count the steps that multiply the loss by ``reduction``: log(reduction) / (2 log(1 - (1 - θ)² b)).

    Parameters
    ----------
    b : float
        β, or η σ_r(X₀)² of the drawn start, in (0, 1).
    reduction : float
        target / f₀, in (0, 1).
    theta : float
        θ in (0, 1).

    Returns
    -------
    int
        The number of steps, at most (2/b) log(1/reduction) + 1 at θ = 1/2.

    Raises
    ------
    InputError
        If b, the reduction or θ is not in (0, 1).
    """
    require_fraction(b=b, reduction=reduction, theta=theta)
    return math.ceil(math.log(reduction) / (2 * math.log1p(-((1 - theta) ** 2) * b)))


class StepInAdvance(NamedTuple):
    """A step size chosen before the start is drawn, and what is proved about it."""

    step_size: float
    beta: float
    theta: float
    rate: float
    failure_probability: float
    norms: Inequality


def step_in_advance(
    shape: tuple[int, int],
    rank: int,
    r: int,
    *,
    sigma1: float,
    sigma_r: float,
    norm_a: float,
    failure: float = 0.05,
    C: float = 4.0,
    nu: float = 1e-10,
    theta: float = 0.5,
) -> StepInAdvance:
    """Choose the all-time step size before Ward and Kolda's start is drawn, with its probability of failure.

    η = θ (1 - θ) β / (2 √f), where f = (1 + ν)² ‖A‖_F² / 2 bounds the first loss, with
    D = C ν / (a1 a2). Half of the probability is spent on σ_r(VᵀΦ₁), a quarter on each of the norms.

    Parameters
    ----------
    shape : tuple of int
        (m, n) of A.
    rank : int
        Columns kept, d ≥ r.
    r : int
        Rank of A.
    sigma1, sigma_r : float
        Largest and r-th singular value of A.
    norm_a : float
        ‖A‖_F.
    failure : float
        Probability with which the claim may fail, in (0, 1).
    C, nu : float
        Parameters of the start.
    theta : float
        θ in (0, 1).

    Returns
    -------
    StepInAdvance
        ``norms`` is condition (a) at the bounds; where it fails, a larger C is needed.

    Raises
    ------
    InputError
        If not min(m, n) ≥ r, d ≥ r ≥ 1, or if a number is out of range.
    """
    m, n = shape
    if r > min(m, n):
        raise InputError(f"got rank {r} for a {m} × {n} matrix; expected at most {min(m, n)}")
    require_positive(sigma1=sigma1, sigma_r=sigma_r, norm_a=norm_a)
    require_fraction(failure=failure, theta=theta, nu=nu)
    bounds = norm_bounds(n, rank, r, left_probability=failure / 4, right_probability=failure / 4)
    tau = tau_from_probability(rank, r, failure / 2)
    b = beta(rho(tau, rank, r), C, sigma1 / sigma_r)
    # In the unit ‖A‖_F = 1, because f₀ is a square and may overflow or underflow.
    step_size = all_time_step(b, initial_loss_bounds(nu, 1.0)[1], theta=theta) / norm_a
    start = start_bounds(step_size, b, C, nu, sigma1, left_bound=bounds.left)
    left = math.sqrt(step_size) * max(start.sigma1_x, start.sigma1_y) + theta * math.sqrt(b)
    return StepInAdvance(
        step_size,
        b,
        theta,
        square(1 - (1 - theta) ** 2 * b),
        failure_probability(tau, rank, r, left_probability=failure / 4, right_probability=failure / 4),
        Inequality("(a) √η max(‖X‖, ‖Y‖) + θ√b", left, 1),
    )
