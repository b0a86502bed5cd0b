"""What the convergence theorems need to know of a pair of factors: a dozen numbers."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lopside.theory.arguments import require_nonnegative, require_positive, require_ranks
from lopside.theory.inequality import Inequality

EPSILON = 2.0**-52
_REST = 4.0
"""Multiple of δ allowed to the rest of A: what LAPACK finds for zero at rank one, 790 × 790, reaches 1.6 δ."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Numbers of a pair (X, Y) for a matrix A of rank r: what a theorem is applied to.

    Parameters
    ----------
    rank : int
        Columns d of X and Y.
    sigma1_x, sigma_r_x : float
        Largest and r-th largest singular value of X.
    sigma1_y : float
        Largest singular value of Y.
    norm_x, norm_y, norm_a : float
        Frobenius norms of X, Y and A.
    loss : float
        f(X, Y) = ‖XYᵀ - A‖_F² / 2.
    leakage : float
        ‖(I - P) X‖_F with P the projection onto the span of the r leading left singular vectors of A.
    tail : float
        Half the sum of squares of the singular values of A after the r-th: 0 if A has rank r exactly. Taking
        r too large is safe (then sigma_r_x is nearly 0); an r that is too small shows as a tail above rounding.
    epsilon : float
        Relative rounding of the arithmetic of the run: 2.2e-16 for float64, 1.2e-7 for float32.

    Raises
    ------
    InputError
        If a number is negative, infinite or NaN, or if A is zero.
    """

    rank: int
    sigma1_x: float
    sigma_r_x: float
    sigma1_y: float
    norm_x: float
    norm_y: float
    norm_a: float
    loss: float
    leakage: float
    tail: float = 0.0
    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        """Refuse numbers that are negative or not finite."""
        require_positive(rank=self.rank, norm_a=self.norm_a, epsilon=self.epsilon)
        require_nonnegative(
            sigma1_x=self.sigma1_x,
            sigma_r_x=self.sigma_r_x,
            sigma1_y=self.sigma1_y,
            norm_x=self.norm_x,
            norm_y=self.norm_y,
            loss=self.loss,
            leakage=self.leakage,
            tail=self.tail,
        )

    @property
    def sigma_r_x_squared(self) -> float:
        """σ_r(X)² less d u ‖X‖², the accuracy to which the Gram matrix of X knows it; at least 0."""
        return max(0.0, square(self.sigma_r_x) - self._gram_rounding)

    @property
    def _gram_rounding(self) -> float:
        return self.rank * self.epsilon * square(self.sigma1_x)

    def b(self, step_size: float) -> float:
        """η σ_r(X)², lowered as `sigma_r_x_squared`; without forming σ_r(X)², which may underflow."""
        root = math.sqrt(step_size)
        return max(0.0, square(root * self.sigma_r_x) - self.rank * self.epsilon * square(root * self.sigma1_x))

    def rounding(self, motion_x: float = 0.0, motion_y: float = 0.0) -> float:
        """Bound δ = 2 (d + 4) u (‖X‖_F ‖Y‖_F + ‖A‖_F) on the rounding of XYᵀ - A in one step.

        Parameters
        ----------
        motion_x, motion_y : float
            How far X and Y may move in Frobenius norm; added to their norms.

        Returns
        -------
        float
            δ, in the unit of ‖A‖_F, to first order in u.
        """
        products = (self.norm_x + motion_x) * (self.norm_y + motion_y)
        return 2 * (self.rank + 4) * self.epsilon * (products + self.norm_a)

    @property
    def rest(self) -> float:
        """‖A - A_r‖_F = √(2 tail), A_r the best approximation of A of rank r."""
        return math.sqrt(2) * math.sqrt(self.tail)

    def disturbance(self, motion_x: float = 0.0, motion_y: float = 0.0) -> float:
        """Bound δ + 2‖A - A_r‖_F on what rounding and the rest of A add to XYᵀ - A_r in one step.

        A descent on A is one on A_r whose residual is off by A - A_r. An X-step with η‖Y‖² ≤ 2 turns that into
        η (A - A_r) YYᵀ, at most 2‖A - A_r‖_F; a Y-step meets it through the leakage of X only.

        Parameters
        ----------
        motion_x, motion_y : float
            As in `rounding`.

        Returns
        -------
        float
            In the unit of ‖A‖_F, to first order in u where `span_and_rank` holds.
        """
        return self.rounding(motion_x, motion_y) + 2 * self.rest

    def unreached(self, sigma1_y: float) -> float:
        """Bound (‖A - A_r‖_F + leakage ‖Y‖)²/2 on the loss outside the span, for ‖Y‖ up to `sigma1_y`.

        The smallest normal number is added: a loss below it cannot be told from 0.
        """
        return square(self.rest + self.leakage * sigma1_y) / 2 + sys.float_info.min

    def span_and_rank(self) -> tuple[Inequality, ...]:
        """Check that X lies in the column span of A up to rounding and spans it, and that A has rank r.

        With X = X_P + X_L, X_L outside the span, a step maps X_L to X_L (I - η YᵀY) + η (A - A_r) Y: where
        η‖Y‖² ≤ 2 and A = A_r it does not grow. So A - A_r is asked to be at the rounding of one step; then X_L
        grows by rounding only, as it does for A = A_r. What X_L does to the rest in one step is at most
        2 leakage² in Frobenius norm, which is asked to be no more than the rounding of that step.

        Returns
        -------
        tuple of Inequality
            ``2 leakage² ≤ δ``, ``d u ‖X‖² ≤ σ_r(X)²`` and ``√(2 tail) ≤ 4 δ``.
        """
        return (
            Inequality("X lies in the column span of A: 2 leakage²", 2 * square(self.leakage), self.rounding()),
            Inequality(
                "X spans the columns of A: rounding of σ_r(X)²",
                self._gram_rounding,
                square(self.sigma_r_x),
            ),
            Inequality("A has the assumed rank: norm of the rest of A", self.rest, _REST * self.rounding()),
        )


def measure(
    A: NDArray[np.floating],
    X: NDArray[np.floating],
    Y: NDArray[np.floating],
    r: int,
    *,
    epsilon: float = EPSILON,
) -> Measurements:
    """Measure a pair of factors against a dense A, by singular value decompositions in float64.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors.
    r : int
        Rank of A, 1 ≤ r ≤ d.
    epsilon : float
        Relative rounding of the arithmetic that made X and Y.

    Returns
    -------
    Measurements
        What the theorems are applied to.

    Raises
    ------
    InputError
        If not 1 ≤ r ≤ d, or if A is zero.
    """
    require_ranks(X.shape[1], r)
    A, X, Y = (np.asarray(M, dtype=np.float64) for M in (A, X, Y))
    left, sigma, _ = np.linalg.svd(A, full_matrices=False)
    span = left[:, :r]
    sigma_x = np.linalg.svd(X, compute_uv=False)
    return Measurements(
        rank=X.shape[1],
        sigma1_x=float(sigma_x[0]),
        sigma_r_x=float(sigma_x[r - 1]) if r <= sigma_x.size else 0.0,
        sigma1_y=spectral(Y),
        norm_x=frobenius(X),
        norm_y=frobenius(Y),
        norm_a=frobenius(A),
        loss=float(np.sum((X @ Y.T - A) ** 2)) / 2,
        leakage=frobenius(X - span @ (span.T @ X)),
        tail=float(np.sum(sigma[r:] ** 2)) / 2,
        epsilon=epsilon,
    )


def square(value: float) -> float:
    """Compute value², infinity where it overflows: ``value**2`` raises there, as in a run that diverges."""
    return value * value


def frobenius(M: Array) -> float:
    """Compute the Frobenius norm."""
    return float(np.linalg.norm(M))


def spectral(M: NDArray[np.floating]) -> float:
    """Compute the largest singular value."""
    return float(np.linalg.norm(M, 2))


def residual_of(A: Array, X: Array, Y: Array) -> tuple[Array, float]:
    """Compute XYᵀ - A and bound its rounding in Frobenius norm by (d + 2) u (‖X‖_F ‖Y‖_F + ‖A‖_F)."""
    rounding = (X.shape[1] + 2) * EPSILON * (frobenius(X) * frobenius(Y) + frobenius(A))
    return X @ Y.T - A, rounding
