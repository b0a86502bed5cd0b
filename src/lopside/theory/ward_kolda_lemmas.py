"""Checkers: the lemmas of Ward and Kolda evaluated at given matrices, both sides as numbers.

A checker says what the lemma assumes and what it claims; ``violations`` lists the claims that fail although
the lemma applies. Conclusions carry an allowance for rounding, made of machine epsilon and the norms
involved; no fixed tolerance is used. Matrices are float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lopside.theory.arguments import require_positive
from lopside.theory.inequality import Inequality, Lemma
from lopside.theory.measurements import EPSILON, Array, frobenius, residual_of, spectral, square


def lemma_41(A: Array, X: Array, Y: Array, step_size: float) -> Lemma:
    """Check both halves of the descent lemma at one alternating step.

    ‖EY‖_F² ≤ (2/η) (f(X, Y) - f(X₊, Y)) if ‖Y‖² ≤ 1/η, and
    ‖E₊ᵀX₊‖_F² ≤ (2/η) (f(X₊, Y) - f(X₊, Y₊)) if ‖X₊‖² ≤ 1/η.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors before the step.
    step_size : float
        η > 0.

    Returns
    -------
    Lemma
        Two hypotheses and two conclusions.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Lemma 4.1, (3), (4)].
    """
    require_positive(step_size=step_size)
    residual, rounding = residual_of(A, X, Y)
    gradient = residual @ Y
    X_next = X - step_size * gradient
    middle, rounding_middle = residual_of(A, X_next, Y)
    gradient_y = middle.T @ X_next
    after, rounding_after = residual_of(A, X_next, Y - step_size * gradient_y)
    return Lemma(
        "descent [WK23, Lemma 4.1]",
        (
            Inequality("‖Y‖²", square(spectral(Y)), 1 / step_size),
            Inequality("‖X₊‖²", square(spectral(X_next)), 1 / step_size),
        ),
        (
            _descent("X-step", gradient, Y, residual, middle, rounding + rounding_middle, step_size),
            _descent("Y-step", gradient_y, X_next, middle, after, rounding_middle + rounding_after, step_size),
        ),
    )


def lemma_41_sum(A: Array, trajectory: Sequence[tuple[Array, Array]], step_size: float) -> Lemma:
    """Check the summed descent lemma along a trajectory of alternating gradient descent.

    Σ_t ‖E_t Y_t‖_F² ≤ (2/η) f₀, and Σ_t ‖EᵀX_{t+1}‖_F² ≤ (2/η) f₀ at E = X_{t+1} Y_tᵀ - A.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    trajectory : sequence of pairs of ndarray
        (X_t, Y_t) for t = 0, ..., T.
    step_size : float
        η > 0.

    Returns
    -------
    Lemma
        Hypotheses ‖X_t‖², ‖Y_t‖² ≤ 1/η, which is all that is used of the paper's 1/η and 2/η.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Lemma 4.1].
    """
    require_positive(step_size=step_size)
    first, rounding = residual_of(A, *trajectory[0])
    right = float(np.sum(first**2)) / step_size
    sum_x = sum(float(np.sum((residual_of(A, X, Y)[0] @ Y) ** 2)) for X, Y in trajectory[:-1])
    steps = zip(trajectory[:-1], trajectory[1:], strict=True)
    sum_y = sum(float(np.sum((residual_of(A, X, Y)[0].T @ X) ** 2)) for (_, Y), (X, _) in steps)
    # Each step's two sides are off by 2 ‖E‖ times the rounding of E, over η; the residuals decrease.
    allowance = 4 * len(trajectory) * (frobenius(first) * rounding + square(rounding)) / step_size
    return Lemma(
        "sum of gradients [WK23, Lemma 4.1]",
        (
            Inequality("largest ‖X_t‖²", square(max(spectral(X) for X, _ in trajectory)), 1 / step_size),
            Inequality("largest ‖Y_t‖²", square(max(spectral(Y) for _, Y in trajectory)), 1 / step_size),
        ),
        (
            Inequality("sum of ‖grad_X‖²", sum_x, right, allowance),
            Inequality("sum of ‖grad_Y‖²", sum_y, right, allowance),
        ),
    )


def lemma_45(A: Array, start: Array, now: Array, steps: int, step_size: float, r: int) -> Lemma:
    """Check that X_t stays in the column span of A: the leakage ‖(I - P_A) X_t‖_F is rounding only.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    start, now : ndarray, shape (m, d)
        X₀ and X_t.
    steps : int
        t.
    step_size : float
        η > 0.
    r : int
        Rank of A.

    Returns
    -------
    Lemma
        Leakage before and after; the hypotheses, rank r and ‖Y_t‖² ≤ 2/η throughout, are the caller's.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Lemma 4.5]. Each step rounds X by a few epsilon of ‖X‖ and of η ‖A‖ ‖Y‖, which is below
    ‖A‖ √η in the regime of the theorems; P_A is known to epsilon ‖A‖ / σ_r(A).
    """
    require_positive(step_size=step_size)
    left, sigma, _ = np.linalg.svd(A, full_matrices=False)
    span = left[:, :r]
    before, after = (frobenius(X - span @ (span.T @ X)) for X in (start, now))
    size = frobenius(start) + frobenius(now) + math.sqrt(step_size) * frobenius(A)
    projection = float(sigma[0] / sigma[r - 1])
    allowance = sum(A.shape) * EPSILON * size * (steps + 1 + projection)
    return Lemma("column span [WK23, Lemma 4.5]", (), (Inequality("leakage", after, before, allowance),))


def lemma_46(A: Array, X: Array, Y: Array, r: int) -> Lemma:
    """Check the Polyak-Lojasiewicz inequality ‖EᵀX‖_F² ≥ 2 σ_r(X)² f for X in the span of A.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors.
    r : int
        Rank of A.

    Returns
    -------
    Lemma
        Hypothesis: what leaks changes the residual by no more than rounding, as in `Measurements`.

    Notes
    -----
    [WK23, Lemma 4.6, (5)].
    """
    left, _, _ = np.linalg.svd(A, full_matrices=False)
    span = left[:, :r]
    leakage = frobenius(X - span @ (span.T @ X))
    sigma_x = np.linalg.svd(X, compute_uv=False)
    residual, rounding = residual_of(A, X, Y)
    # What leaks adds ‖leak Yᵀ‖ to the residual without adding as much to the gradient.
    error = rounding + leakage * spectral(Y) + sum(A.shape) * EPSILON * frobenius(A)
    needed = square(float(sigma_x[r - 1])) * float(np.sum(residual**2))
    gradient = float(np.sum((residual.T @ X) ** 2))
    allowance = 4 * square(float(sigma_x[0])) * (frobenius(residual) * error + square(error))
    return Lemma(
        "Polyak-Lojasiewicz [WK23, Lemma 4.6]",
        (Inequality("2 leakage²", 2 * square(leakage), rounding),),
        (Inequality("2 σ_r(X)² f", needed, gradient, allowance),),
    )


def _descent(
    name: str, gradient: Array, other: Array, before: Array, after: Array, rounding: float, step_size: float
) -> Inequality:
    left = float(np.sum(gradient**2))
    right = float(np.sum(before**2) - np.sum(after**2)) / step_size
    squares = EPSILON * before.size * square(frobenius(before))
    error = frobenius(before) * rounding + square(rounding) + squares
    allowance = 2 * error * (1 / step_size + square(spectral(other)))
    return Inequality(f"{name}: ‖gradient‖²", left, right, allowance)
