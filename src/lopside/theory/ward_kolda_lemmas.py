"""Checkers: each lemma of Ward and Kolda evaluated at given matrices, both sides as numbers.

A checker says what the lemma assumes and what it claims; ``violations`` lists the claims that fail although the
lemma applies. Conclusions carry an allowance for rounding, made of machine epsilon and the norms involved; no
fixed tolerance is used. All matrices are taken in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lopside.theory.arguments import require_positive
from lopside.theory.inequality import Inequality, Lemma
from lopside.theory.measurements import EPSILON
from lopside.theory.ward_kolda import initial_loss_bounds, start_bounds
from lopside.theory.ward_kolda_window import factor_motion, window

Array = NDArray[np.float64]


def lemma_41(A: Array, X: Array, Y: Array, step_size: float) -> Lemma:
    """Check both halves of the descent lemma at one alternating step.

    ||EY||_F^2 <= (2/eta) (f(X, Y) - f(X+, Y)) if ||Y||^2 <= 1/eta, and
    ||E+'X+||_F^2 <= (2/eta) (f(X+, Y) - f(X+, Y+)) if ||X+||^2 <= 1/eta.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors before the step.
    step_size : float
        eta > 0.

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
    residual, rounding = _residual(A, X, Y)
    gradient = residual @ Y
    X_next = X - step_size * gradient
    middle, rounding_middle = _residual(A, X_next, Y)
    gradient_y = middle.T @ X_next
    after, rounding_after = _residual(A, X_next, Y - step_size * gradient_y)
    return Lemma(
        "descent [WK23, Lemma 4.1]",
        (
            Inequality("||Y||^2", _norm2(Y) ** 2, 1 / step_size),
            Inequality("||X+||^2", _norm2(X_next) ** 2, 1 / step_size),
        ),
        (
            _descent("X-step", gradient, Y, residual, middle, rounding + rounding_middle, step_size),
            _descent(
                "Y-step", gradient_y, X_next, middle, after, rounding_middle + rounding_after, step_size
            ),
        ),
    )


def lemma_41_sum(A: Array, trajectory: Sequence[tuple[Array, Array]], step_size: float) -> Lemma:
    """Check the summed descent lemma along a trajectory of alternating gradient descent.

    sum_t ||E_t Y_t||_F^2 <= (2/eta) f_0, and sum_t ||E'X_{t+1}||_F^2 <= (2/eta) f_0 at E = X_{t+1} Y_t' - A.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    trajectory : sequence of pairs of ndarray
        (X_t, Y_t) for t = 0, ..., T.
    step_size : float
        eta > 0.

    Returns
    -------
    Lemma
        Hypotheses ||X_t||^2, ||Y_t||^2 <= 1/eta, which is all that is used of the paper's 1/eta and 2/eta.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Lemma 4.1].
    """
    require_positive(step_size=step_size)
    first, rounding = _residual(A, *trajectory[0])
    right = float(np.sum(first**2)) / step_size
    sum_x = sum(float(np.sum((_residual(A, X, Y)[0] @ Y) ** 2)) for X, Y in trajectory[:-1])
    steps = zip(trajectory[:-1], trajectory[1:], strict=True)
    sum_y = sum(float(np.sum((_residual(A, X, Y)[0].T @ X) ** 2)) for (_, Y), (X, _) in steps)
    # Each step's two sides are off by 2 ||E|| times the rounding of E, over eta; the residuals decrease.
    allowance = 4 * len(trajectory) * (_norm(first) * rounding + rounding**2) / step_size
    return Lemma(
        "sum of gradients [WK23, Lemma 4.1]",
        (
            Inequality("largest ||X_t||^2", max(_norm2(X) for X, _ in trajectory) ** 2, 1 / step_size),
            Inequality("largest ||Y_t||^2", max(_norm2(Y) for _, Y in trajectory) ** 2, 1 / step_size),
        ),
        (
            Inequality("sum of ||grad_X||^2", sum_x, right, allowance),
            Inequality("sum of ||grad_Y||^2", sum_y, right, allowance),
        ),
    )


def prop_42(
    A: Array, start: tuple[Array, Array], now: tuple[Array, Array], steps: int, step_size: float, r: int
) -> Lemma:
    """Check how far the factors moved in T alternating steps: ||X_T - X_0||, ||Y_T - Y_0|| <= sqrt(2 T eta f_0).

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    start, now : pair of ndarray
        (X_0, Y_0) and (X_T, Y_T).
    steps : int
        T.
    step_size : float
        eta > 0.
    r : int
        Which singular value of X and Y is bounded from below, 1 <= r <= min(m, n, d).

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
    loss0 = float(np.sum(_residual(A, *start)[0] ** 2)) / 2
    motion = factor_motion(step_size, loss0, steps)
    root = 1 / math.sqrt(step_size)
    conclusions: list[Inequality] = []
    for name, first, last in zip("XY", start, now, strict=True):
        allowance = (steps + 1) * 4 * sum(A.shape) * EPSILON * (_norm(first) + root)
        before, after = (np.linalg.svd(M, compute_uv=False) for M in (first, last))
        smallest = float(before[r - 1]) - motion
        conclusions += [
            Inequality(f"||{name}_T||", float(after[0]), root, allowance),
            Inequality(f"||{name}_T - {name}_0||_F", _norm(last - first), motion, allowance),
            Inequality(f"sigma_r({name}_T) from below", smallest, float(after[r - 1]), allowance),
            Inequality(
                f"sigma_1({name}_T) from above", float(after[0]), float(before[0]) + motion, allowance
            ),
        ]
    return Lemma(
        "motion of the factors [WK23, Prop 4.2]",
        (
            Inequality("||X_0||^2", _norm2(start[0]) ** 2, 9 / (16 * step_size)),
            Inequality("||Y_0||^2", _norm2(start[1]) ** 2, 9 / (16 * step_size)),
            # At b = 1/4 the window of the theorem is the T* = floor(1/(32 eta^2 f_0)) of the proposition.
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

    If ||V'Phi_1|| <= a1, ||Phi_2|| <= a2, sigma_r(V'Phi_1) >= sqrt(beta) C kappa and D <= C nu / (a1 a2), then
    the bounds of `start_bounds` and of `initial_loss_bounds` hold.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    draws : pair of ndarray, shapes (n, d)
        Phi_1 with N(0, 1/d) entries and Phi_2 with N(0, 1/n) entries.
    step_size : float
        eta > 0.
    beta : float
        beta > 0.
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
        If nu is not in (0, 1), or a number is not finite and positive.

    Notes
    -----
    [WK23, Prop 4.3], with the lower bound (1 - nu)^2 ||A||_F^2 / 2 on the first loss in place of the printed one
    and V'Phi_1 in place of Phi_1.
    """
    left_bound, right_bound = norm_bounds
    _, sigma, right = np.linalg.svd(A, full_matrices=False)
    seen = np.linalg.svd(right[:r] @ draws[0], compute_uv=False)
    X = A @ draws[0] / (math.sqrt(step_size) * C * sigma[0])
    Y = math.sqrt(step_size) * D * sigma[0] * draws[1]
    sigma_x = np.linalg.svd(X, compute_uv=False)
    residual, rounding = _residual(A, X, Y)
    loss, low_high = float(np.sum(residual**2)) / 2, initial_loss_bounds(nu, _norm(A))
    bounds = start_bounds(step_size, beta, C, nu, float(sigma[0]), left_bound=left_bound)
    allowance_x = 4 * sum(A.shape) * EPSILON * float(sigma_x[0]) * float(sigma[0] / sigma[r - 1])
    allowance_f = _norm(residual) * rounding + rounding**2
    sigma_y, needed = _norm2(Y), math.sqrt(beta) * C * float(sigma[0] / sigma[r - 1])
    return Lemma(
        "start [WK23, Prop 4.3]",
        (
            Inequality("||V'Phi_1||", float(seen[0]), left_bound),
            Inequality("||Phi_2||", _norm2(draws[1]), right_bound),
            Inequality("sigma_r(V'Phi_1) from below", needed, float(seen[r - 1])),
            Inequality("D", D, C * nu / (left_bound * right_bound)),
        ),
        (
            Inequality("sigma_r(X_0) from below", bounds.sigma_r_x, float(sigma_x[r - 1]), allowance_x),
            Inequality("||X_0||", float(sigma_x[0]), bounds.sigma1_x, allowance_x),
            Inequality("||Y_0||", sigma_y, bounds.sigma1_y, 4 * A.shape[1] * EPSILON * sigma_y),
            Inequality("f_0 from below", low_high[0], loss, allowance_f),
            Inequality("f_0 from above", loss, low_high[1], allowance_f),
        ),
    )


def cor_44(
    A: Array, start: tuple[Array, Array], now: tuple[Array, Array], steps: int, step_size: float, r: int
) -> Lemma:
    """Check the singular values inside the window: sigma_r(X_t) >= sqrt(b/eta)/2, norms grow by sqrt(b/eta)/2 at most.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    start, now : pair of ndarray
        (X_0, Y_0) and (X_t, Y_t).
    steps : int
        t.
    step_size : float
        eta > 0.
    r : int
        Rank of A.

    Returns
    -------
    Lemma
        At b = min(eta sigma_r(X_0)^2, 1/4) of the drawn start.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Cor 4.4]. It prints 3/(C sqrt(eta)) + sqrt(beta/eta)/2 for ||Y_t|| as well; what follows there is
    sqrt(eta) C nu sigma_1 / 3 + sqrt(beta/eta)/2, which is larger if C > 4 and eta > 9/(C^2 nu sigma_1).
    """
    require_positive(step_size=step_size)
    loss0 = float(np.sum(_residual(A, *start)[0] ** 2)) / 2
    before, after = (np.linalg.svd(pair[0], compute_uv=False) for pair in (start, now))
    b = min(step_size * float(before[r - 1]) ** 2, 0.25)
    half = math.sqrt(b / step_size) / 2
    y_before, y_after = (_norm2(pair[1]) for pair in (start, now))
    allowance = (steps + 1) * 4 * sum(A.shape) * EPSILON / math.sqrt(step_size)
    open_window = window(b, step_size, loss0) if b > 0 and loss0 > 0 else 0
    return Lemma(
        "singular values in the window [WK23, Cor 4.4]",
        (
            Inequality("||X_0||^2", float(before[0]) ** 2, 9 / (16 * step_size)),
            Inequality("||Y_0||^2", y_before**2, 9 / (16 * step_size)),
            Inequality("t", steps, open_window),
        ),
        (
            Inequality("sigma_r(X_t) from below", half, float(after[r - 1]), allowance),
            Inequality("||X_t||", float(after[0]), float(before[0]) + half, allowance),
            Inequality("||Y_t||", y_after, y_before + half, allowance),
        ),
    )


def lemma_45(A: Array, start: Array, now: Array, steps: int, step_size: float, r: int) -> Lemma:
    """Check that X_t stays in the column span of A: the leakage ||(I - P_A) X_t||_F is rounding only.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix, of rank r.
    start, now : ndarray, shape (m, d)
        X_0 and X_t.
    steps : int
        t.
    step_size : float
        eta > 0.
    r : int
        Rank of A.

    Returns
    -------
    Lemma
        Leakage before and after; it has no hypothesis, because leakage never grows while ||Y||^2 <= 2/eta.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Lemma 4.5]. Each step rounds X by a few epsilon of ||X|| and of eta ||A|| ||Y||, which is below
    ||A|| sqrt(eta) in the regime of the theorems; P_A is known to epsilon ||A|| / sigma_r(A).
    """
    require_positive(step_size=step_size)
    left, sigma, _ = np.linalg.svd(A, full_matrices=False)
    span = left[:, :r]
    before, after = (_norm(X - span @ (span.T @ X)) for X in (start, now))
    size = _norm(start) + _norm(now) + math.sqrt(step_size) * _norm(A)
    projection = float(sigma[0] / sigma[r - 1])
    allowance = sum(A.shape) * EPSILON * size * (steps + 1 + projection)
    return Lemma("column span [WK23, Lemma 4.5]", (), (Inequality("leakage", after, before, allowance),))


def lemma_46(A: Array, X: Array, Y: Array, r: int) -> Lemma:
    """Check the Polyak-Lojasiewicz inequality ||E'X||_F^2 >= 2 sigma_r(X)^2 f(X, Y) for X in the column span of A.

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
        Hypothesis: the leakage of X is at the level of rounding.

    Notes
    -----
    [WK23, Lemma 4.6, (5)].
    """
    left, sigma, _ = np.linalg.svd(A, full_matrices=False)
    span = left[:, :r]
    leakage = _norm(X - span @ (span.T @ X))
    sigma_x = np.linalg.svd(X, compute_uv=False)
    residual, rounding = _residual(A, X, Y)
    # What leaks adds ||leak Y'|| to the residual without adding as much to the gradient.
    error = rounding + leakage * _norm2(Y) + sum(A.shape) * EPSILON * _norm(A)
    floor = sum(A.shape) * EPSILON * _norm(X) * float(sigma[0] / sigma[r - 1])
    gradient = residual.T @ X
    return Lemma(
        "Polyak-Lojasiewicz [WK23, Lemma 4.6]",
        (Inequality("leakage", leakage, floor),),
        (
            Inequality(
                "2 sigma_r(X)^2 f",
                float(sigma_x[r - 1] ** 2 * np.sum(residual**2)),
                float(np.sum(gradient**2)),
                4 * float(sigma_x[0]) ** 2 * (_norm(residual) * error + error**2),
            ),
        ),
    )


def _descent(
    name: str, gradient: Array, other: Array, before: Array, after: Array, rounding: float, step_size: float
) -> Inequality:
    left = float(np.sum(gradient**2))
    right = float(np.sum(before**2) - np.sum(after**2)) / step_size
    squares = EPSILON * before.size * _norm(before) ** 2
    allowance = 2 * (_norm(before) * rounding + rounding**2 + squares) * (1 / step_size + _norm2(other) ** 2)
    return Inequality(f"{name}: ||gradient||^2", left, right, allowance)


def _residual(A: Array, X: Array, Y: Array) -> tuple[Array, float]:
    """Residual XY' - A and a bound on its rounding in Frobenius norm."""
    return X @ Y.T - A, (X.shape[1] + 2) * EPSILON * (_norm(X) * _norm(Y) + _norm(A))


def _norm(M: Array) -> float:
    return float(np.linalg.norm(M))


def _norm2(M: Array) -> float:
    return float(np.linalg.norm(M, 2))
