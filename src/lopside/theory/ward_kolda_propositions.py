"""Checkers: the propositions of Ward and Kolda at given matrices, both sides as numbers.

They follow from the lemmas; a checker is made as there.
"""

from __future__ import annotations

import math

import numpy as np

from lopside.theory.arguments import require_positive
from lopside.theory.inequality import Inequality, Lemma
from lopside.theory.measurements import EPSILON, Array, frobenius, residual_of, spectral, square
from lopside.theory.ward_kolda import initial_loss_bounds, start_bounds
from lopside.theory.ward_kolda_window import factor_motion, window


def prop_42(
    A: Array, start: tuple[Array, Array], now: tuple[Array, Array], steps: int, step_size: float, r: int
) -> Lemma:
    """Check that X and Y moved by at most √(2 T η f₀) in T alternating steps, and what follows.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    start, now : pair of ndarray
        (X₀, Y₀) and (X_T, Y_T).
    steps : int
        T.
    step_size : float
        η > 0.
    r : int
        Which singular value of X and Y is bounded from below, 1 ≤ r ≤ min(m, n, d).

    Returns
    -------
    Lemma
        The norms, both motions, and the bounds on singular values that follow from them.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Prop 4.2], with the square root of T that (11) of its proof leaves out.
    """
    require_positive(step_size=step_size)
    loss0 = float(np.sum(residual_of(A, *start)[0] ** 2)) / 2
    motion = factor_motion(step_size, loss0, steps)
    root = 1 / math.sqrt(step_size)
    conclusions: list[Inequality] = []
    for name, first, last in zip("XY", start, now, strict=True):
        allowance = (steps + 1) * 4 * sum(A.shape) * EPSILON * (frobenius(first) + root)
        before, after = (np.linalg.svd(M, compute_uv=False) for M in (first, last))
        smallest = float(before[r - 1]) - motion
        conclusions += [
            Inequality(f"‖{name}_T‖", float(after[0]), root, allowance),
            Inequality(f"‖{name}_T - {name}₀‖_F", frobenius(last - first), motion, allowance),
            Inequality(f"σ_r({name}_T) from below", smallest, float(after[r - 1]), allowance),
            Inequality(f"σ₁({name}_T) from above", float(after[0]), float(before[0]) + motion, allowance),
        ]
    return Lemma(
        "motion of the factors [WK23, Prop 4.2]",
        (
            Inequality("‖X₀‖²", square(spectral(start[0])), 9 / (16 * step_size)),
            Inequality("‖Y₀‖²", square(spectral(start[1])), 9 / (16 * step_size)),
            # At b = 1/4 the window of the theorem is the T* = floor(1/(32 η² f₀)) of the proposition.
            Inequality("T", steps, window(0.25, step_size, loss0) if loss0 > 0 else math.inf),
        ),
        tuple(conclusions),
    )


def prop_43(
    A: Array,
    draws: tuple[Array, Array],
    step_size: float,
    beta: float,
    C: float,
    D: float,
    nu: float,
    r: int,
    *,
    norm_bounds: tuple[float, float] = (3.0, 3.0),
) -> Lemma:
    """Check what the start of Ward and Kolda guarantees once its random matrices behave.

    If ‖VᵀΦ₁‖ ≤ a1, ‖Φ₂‖ ≤ a2, σ_r(VᵀΦ₁) ≥ √β C κ and D ≤ C ν / (a1 a2),
    then the bounds of `start_bounds` and of `initial_loss_bounds` hold.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    draws : pair of ndarray, shapes (n, d)
        Φ₁ with N(0, 1/d) entries and Φ₂ with N(0, 1/n) entries.
    step_size : float
        η > 0.
    beta : float
        β > 0.
    C, D, nu : float
        Parameters of the start.
    r : int
        Rank of A.
    norm_bounds : pair of float
        a1 and a2.

    Returns
    -------
    Lemma
        The random events are its hypotheses.

    Raises
    ------
    InputError
        If ν is not in (0, 1), or a number is not finite and positive.

    Notes
    -----
    [WK23, Prop 4.3], with the lower bound (1 - ν)² ‖A‖_F² / 2 on the first loss in place of the printed
    one and VᵀΦ₁ in place of Φ₁.
    """
    left_bound, right_bound = norm_bounds
    _, sigma, right = np.linalg.svd(A, full_matrices=False)
    seen = np.linalg.svd(right[:r] @ draws[0], compute_uv=False)
    X = A @ draws[0] / (math.sqrt(step_size) * C * sigma[0])
    Y = math.sqrt(step_size) * D * sigma[0] * draws[1]
    sigma_x = np.linalg.svd(X, compute_uv=False)
    residual, rounding = residual_of(A, X, Y)
    loss, low_high = float(np.sum(residual**2)) / 2, initial_loss_bounds(nu, frobenius(A))
    bounds = start_bounds(step_size, beta, C, nu, float(sigma[0]), left_bound=left_bound)
    allowance_x = 4 * sum(A.shape) * EPSILON * float(sigma_x[0]) * float(sigma[0] / sigma[r - 1])
    allowance_f = frobenius(residual) * rounding + square(rounding)
    sigma_y, needed = spectral(Y), math.sqrt(beta) * C * float(sigma[0] / sigma[r - 1])
    return Lemma(
        "start [WK23, Prop 4.3]",
        (
            Inequality("‖VᵀΦ₁‖", float(seen[0]), left_bound),
            Inequality("‖Φ₂‖", spectral(draws[1]), right_bound),
            Inequality("σ_r(VᵀΦ₁) from below", needed, float(seen[r - 1])),
            Inequality("D", D, C * nu / (left_bound * right_bound)),
        ),
        (
            Inequality("σ_r(X₀) from below", bounds.sigma_r_x, float(sigma_x[r - 1]), allowance_x),
            Inequality("‖X₀‖", float(sigma_x[0]), bounds.sigma1_x, allowance_x),
            Inequality("‖Y₀‖", sigma_y, bounds.sigma1_y, 4 * A.shape[1] * EPSILON * sigma_y),
            Inequality("f₀ from below", low_high[0], loss, allowance_f),
            Inequality("f₀ from above", loss, low_high[1], allowance_f),
        ),
    )


def cor_44(
    A: Array, start: tuple[Array, Array], now: tuple[Array, Array], steps: int, step_size: float, r: int
) -> Lemma:
    """Check the window: σ_r(X_t) ≥ √(b/η)/2, and the norms grow by at most √(b/η)/2.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    start, now : pair of ndarray
        (X₀, Y₀) and (X_t, Y_t).
    steps : int
        t.
    step_size : float
        η > 0.
    r : int
        Rank of A.

    Returns
    -------
    Lemma
        At b = min(η σ_r(X₀)², 1/4) of the drawn start.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Cor 4.4]. It prints 3/(C √η) + √(β/η)/2 for ‖Y_t‖ as well; what follows there is
    √η C ν σ₁ / 3 + √(β/η)/2, which is larger if C > 4 and η > 9/(C² ν σ₁).
    """
    require_positive(step_size=step_size)
    loss0 = float(np.sum(residual_of(A, *start)[0] ** 2)) / 2
    before, after = (np.linalg.svd(pair[0], compute_uv=False) for pair in (start, now))
    b = min(square(math.sqrt(step_size) * float(before[r - 1])), 0.25)
    half = math.sqrt(b / step_size) / 2
    y_before, y_after = (spectral(pair[1]) for pair in (start, now))
    allowance = (steps + 1) * 4 * sum(A.shape) * EPSILON / math.sqrt(step_size)
    open_window = window(b, step_size, loss0) if b > 0 and loss0 > 0 else 0
    return Lemma(
        "singular values in the window [WK23, Cor 4.4]",
        (
            Inequality("‖X₀‖²", square(float(before[0])), 9 / (16 * step_size)),
            Inequality("‖Y₀‖²", square(y_before), 9 / (16 * step_size)),
            Inequality("t", steps, open_window),
        ),
        (
            Inequality("σ_r(X_t) from below", half, float(after[r - 1]), allowance),
            Inequality("‖X_t‖", float(after[0]), float(before[0]) + half, allowance),
            Inequality("‖Y_t‖", y_after, y_before + half, allowance),
        ),
    )
