"""Ye and Du's theorem for simultaneous gradient descent from a small random start, as numbers.

X₀ and Y₀ have independent N(0, scale²) entries, d = rank(A). The source states its bounds as O(.) and
O~(.): every constant, and every power of a logarithm, is hidden. Each function has the hidden factor as a
parameter that is 1 unless given; the numbers are orders of magnitude, not guarantees.
"""

from __future__ import annotations

import math

from lopside.theory.arguments import require_fraction, require_positive


def start_scale(
    sigma1: float,
    sigma_d: float,
    rank: int,
    shape: tuple[int, int],
    *,
    rank_exponent: float = 1.0,
    hidden_factor: float = 1.0,
) -> float:
    """Compute the standard deviation σ_d / (√(d^k σ₁) (m + n)) of the entries of the start.

    Parameters
    ----------
    sigma1, sigma_d : float
        Largest and smallest nonzero singular value of A, > 0.
    rank : int
        d = rank(A).
    shape : tuple of int
        (m, n) of A.
    rank_exponent : float
        k: 1 in the conference version; a later version is quoted with 3.
    hidden_factor : float
        The factor hidden in O~, logarithms included.

    Returns
    -------
    float
        The scale, in the unit √σ₁; it does not depend on the accuracy asked for.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [YD21, Thm 1.1].

    Examples
    --------
    >>> f"{start_scale(1.0, 0.9, 5, (100, 100)):.1e}"
    '2.0e-03'
    """
    m, n = shape
    require_positive(sigma1=sigma1, sigma_d=sigma_d, rank=rank, m=m, n=n, hidden_factor=hidden_factor)
    return hidden_factor * (sigma_d / sigma1) * math.sqrt(sigma1) * rank ** (-rank_exponent / 2) / (m + n)


def theory_step(sigma1: float, sigma_d: float, rank: int, scale: float, *, hidden_factor: float = 1.0) -> float:
    """Compute the step size σ_d scale² / (d σ₁³).

    Parameters
    ----------
    sigma1, sigma_d : float
        Largest and smallest nonzero singular value of A, > 0.
    rank : int
        d = rank(A).
    scale : float
        Standard deviation of the start, > 0.
    hidden_factor : float
        The factor hidden in O.

    Returns
    -------
    float
        η, in the unit 1/σ₁.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [YD21, Thm 1.1].

    Examples
    --------
    >>> f"{theory_step(1.0, 0.9, 5, scale=2.0e-3):.1e}"
    '7.2e-07'
    """
    require_positive(sigma1=sigma1, sigma_d=sigma_d, rank=rank, scale=scale, hidden_factor=hidden_factor)
    root = scale / math.sqrt(sigma1)  # without a unit: the cube of σ₁ may overflow or underflow
    return hidden_factor * (sigma_d / sigma1) * root * root / rank / sigma1


def step_limits(sigma1: float) -> tuple[float, float]:
    """Compute the limits 1/(16 σ₁) and 1/(3 σ₁) on the step size that the proof uses on the way.

    Parameters
    ----------
    sigma1 : float
        Largest singular value of A, > 0.

    Returns
    -------
    tuple of float
        The limits; the step of `theory_step` is far below both.

    Raises
    ------
    InputError
        If sigma1 is not finite and positive.

    Notes
    -----
    [YD21, Sec. 3].
    """
    require_positive(sigma1=sigma1)
    return 1 / (16 * sigma1), 1 / (3 * sigma1)


def flow_time(sigma_d: float, rank: int, scale: float, target: float, *, hidden_factor: float = 1.0) -> float:
    """Compute the time (log(d σ_d / scale) + log(σ_d / target)) / σ_d of gradient flow.

    Parameters
    ----------
    sigma_d : float
        Smallest nonzero singular value of A, > 0.
    rank : int
        d = rank(A).
    scale : float
        Standard deviation of the start, > 0.
    target : float
        Loss ‖XYᵀ - A‖_F² / 2 to reach, > 0.
    hidden_factor : float
        The factor hidden in O.

    Returns
    -------
    float
        The time; each logarithm counts as at least 0.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [YD21, Cor 1.2].
    """
    require_positive(sigma_d=sigma_d, rank=rank, scale=scale, target=target, hidden_factor=hidden_factor)
    leave = max(0.0, math.log(rank) + math.log(sigma_d) - math.log(scale))
    return hidden_factor * (leave + max(0.0, math.log(sigma_d) - math.log(target))) / sigma_d


def total_steps(
    sigma_d: float, rank: int, scale: float, step_size: float, target: float, *, hidden_factor: float = 1.0
) -> float:
    """Compute the number of steps (log(d σ_d / scale) + log(σ_d / target)) / (η σ_d).

    Parameters
    ----------
    sigma_d, rank, scale, target, hidden_factor
        As in `flow_time`.
    step_size : float
        η > 0.

    Returns
    -------
    float
        The number of steps, `flow_time` / η.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [YD21, Thm 1.1].

    Examples
    --------
    >>> f"{total_steps(0.9, 5, scale=2.0e-3, step_size=7.2e-7, target=2.3e-10):.0e}"
    '5e+07'
    """
    require_positive(step_size=step_size)
    return flow_time(sigma_d, rank, scale, target, hidden_factor=hidden_factor) / step_size


def first_stage_steps(
    sigma_d: float, rank: int, scale: float, step_size: float, *, hidden_factor: float = 1.0
) -> float:
    """Compute the number of steps log(d σ_d / scale²) / (η σ_d) of the first stage.

    Parameters
    ----------
    sigma_d : float
        Smallest nonzero singular value of A, > 0.
    rank : int
        d = rank(A).
    scale : float
        Standard deviation of the start, > 0.
    step_size : float
        η > 0.
    hidden_factor : float
        The factor hidden in O.

    Returns
    -------
    float
        T₀; the logarithm counts as at least 0. After it σ_d(signal) ≥ √(σ_d / 2).

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [YD21, Thm 3.1].
    """
    require_positive(sigma_d=sigma_d, rank=rank, scale=scale, step_size=step_size, hidden_factor=hidden_factor)
    return hidden_factor * max(0.0, math.log(rank) + math.log(sigma_d) - 2 * math.log(scale)) / (step_size * sigma_d)


def second_stage_residual(sigma_d: float, step_size: float, step: int) -> float:
    """Bound the core residual in the second stage by (1 - η σ_d / 2)^t (2/5) σ_d, spectral norm.

    Parameters
    ----------
    sigma_d : float
        Smallest nonzero singular value of A, > 0.
    step_size : float
        η > 0, below 2 / σ_d.
    step : int
        t ≥ 0, counted from the end of the first stage.

    Returns
    -------
    float
        The bound, on the d × d block of the residual in the singular coordinates of A.

    Raises
    ------
    InputError
        If a number is not finite and positive, or if η σ_d / 2 is not below 1.

    Notes
    -----
    [YD21, Sec. 3].
    """
    require_positive(sigma_d=sigma_d, step_size=step_size)
    require_fraction(half_step=step_size * sigma_d / 2)
    return (1 - step_size * sigma_d / 2) ** step * 0.4 * sigma_d


def hidden_constant(failure: float) -> float:
    """Compute c = √2/failure: how the hidden constants depend on the probability of failure.

    The first stage needs σ_d(signal) ≥ scale / (c √d) for the square Gaussian matrix (U + V)/2,
    which fails with probability at most √2/c: O~ hides a power of 1/failure, not of its logarithm.

    Parameters
    ----------
    failure : float
        Probability of failure, in (0, 1).

    Returns
    -------
    float
        c.

    Raises
    ------
    InputError
        If the failure is not in (0, 1).

    Notes
    -----
    [YD21, Thm 3.1] with the smallest singular value of a square Gaussian matrix from [E88].
    """
    require_fraction(failure=failure)
    return math.sqrt(2) / failure
