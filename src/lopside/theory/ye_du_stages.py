"""What Ye and Du's proof watches: blocks of the factors in the singular coordinates of A, and their norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.errors import InputError
from lopside.theory.arguments import require_positive
from lopside.theory.inequality import Inequality, Lemma
from lopside.theory.measurements import spectral, square

Array = NDArray[np.float64]


class StageNorms(NamedTuple):
    """Norms of the blocks: what grows, what stays small and what decays in the two stages."""

    signal_smallest: float
    signal_largest: float
    asymmetry: float
    left_outside: float
    right_outside: float
    symmetric_residual: float
    skew_residual: float
    core_residual: float


@dataclass(frozen=True, slots=True)
class Blocks:
    """Factors in the singular coordinates of A = L diag(sigma) Rᵀ, split at the d leading directions.

    Parameters
    ----------
    sigma : ndarray, shape (d,)
        The d largest singular values of A.
    U, V : ndarray, shape (d, d)
        LᵀX and RᵀY for the d leading singular vectors: what can carry A.
    J, K : ndarray, shapes (m, d) and (n, d)
        The rest of X and of Y, which should vanish; in the coordinates of X and Y, with the norms of the
        paper's (m - d) × d and (n - d) × d blocks.
    """

    sigma: Array
    U: Array
    V: Array
    J: Array
    K: Array

    @property
    def signal(self) -> Array:
        """A_s = (U + V) / 2, which grows until A_s A_sᵀ is diag(sigma)."""
        return (self.U + self.V) / 2

    @property
    def asymmetry(self) -> Array:
        """B = (U - V) / 2, which stays small."""
        return (self.U - self.V) / 2

    @property
    def symmetric_residual(self) -> Array:
        """P = diag(sigma) - A_s A_sᵀ + B Bᵀ, the symmetric part of the core residual."""
        return np.diag(self.sigma) - self.signal @ self.signal.T + self.asymmetry @ self.asymmetry.T

    @property
    def skew_residual(self) -> Array:
        """Q = A_s Bᵀ - B A_sᵀ, the skew part of the core residual."""
        product = self.signal @ self.asymmetry.T
        return product - product.T

    @property
    def core_residual(self) -> Array:
        """Compute diag(sigma) - U Vᵀ = P + Q."""
        return np.diag(self.sigma) - self.U @ self.V.T

    def norms(self) -> StageNorms:
        """Measure the blocks: extreme singular values of the signal, Frobenius of B, spectral of the others.

        Returns
        -------
        StageNorms
            In the unit √σ₁ for the blocks and σ₁ for the residuals.
        """
        signal = np.linalg.svd(self.signal, compute_uv=False)
        residuals = (self.J, self.K, self.symmetric_residual, self.skew_residual, self.core_residual)
        J, K, P, Q, core = (float(np.linalg.norm(M, 2)) for M in residuals)
        return StageNorms(
            signal_smallest=float(signal[-1]),
            signal_largest=float(signal[0]),
            asymmetry=float(np.linalg.norm(self.asymmetry)),
            left_outside=J,
            right_outside=K,
            symmetric_residual=P,
            skew_residual=Q,
            core_residual=core,
        )

    def squared_error_parts(self) -> tuple[float, float, float, float]:
        """Split ‖A - XYᵀ‖_F² into ‖diag(sigma) - UVᵀ‖² + ‖UKᵀ‖² + ‖JVᵀ‖² + ‖JKᵀ‖².

        Returns
        -------
        tuple of float
            The four parts; they add up to the squared error if A has rank at most d.
        """
        products = (self.core_residual, self.U @ self.K.T, self.J @ self.V.T, self.J @ self.K.T)
        core, right, left, outside = (float(np.sum(M**2)) for M in products)
        return core, right, left, outside


def blocks(A: NDArray[np.floating], X: NDArray[np.floating], Y: NDArray[np.floating]) -> Blocks:
    """Split the factors in the singular coordinates of A.

    Parameters
    ----------
    A : ndarray, shape (m, n)
        The matrix.
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors, d ≤ min(m, n).

    Returns
    -------
    Blocks
        U, V, J, K and what is made of them.

    Raises
    ------
    InputError
        If d > min(m, n).

    Notes
    -----
    [YD21, Sec. 3].
    """
    left, sigma, right = np.linalg.svd(np.asarray(A, dtype=np.float64), full_matrices=False)
    return blocks_from_svd(left, sigma, right, X, Y)


def blocks_from_svd(
    left: NDArray[np.floating],
    sigma: NDArray[np.floating],
    right: NDArray[np.floating],
    X: NDArray[np.floating],
    Y: NDArray[np.floating],
) -> Blocks:
    """Split the factors in singular coordinates that are known already, as along a trajectory.

    Parameters
    ----------
    left, sigma, right : ndarray, shapes (m, k), (k,) and (k, n)
        Singular value decomposition of A as `numpy.linalg.svd` returns it, k ≥ d.
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors.

    Returns
    -------
    Blocks
        U, V, J, K and what is made of them.

    Raises
    ------
    InputError
        If fewer than d singular values are given.
    """
    d = X.shape[1]
    if sigma.shape[0] < d:
        raise InputError(f"got {sigma.shape[0]} singular values for {d} columns; expected at least {d}")
    L, R = left[:, :d].astype(np.float64), right[:d].T.astype(np.float64)
    U, V = L.T @ X, R.T @ Y
    return Blocks(sigma[:d].astype(np.float64), U, V, X - L @ U, Y - R @ V)


def first_stage(at: Blocks, scale: float, shape: tuple[int, int], *, hidden_constant: float = 1.0) -> Lemma:
    """Compare the blocks with what holds throughout the first stage.

    scale²/(c² d) I ≤ A_s A_sᵀ ≤ 2 diag(sigma), ‖B‖_F ≤ 2 c d scale, ‖J‖ ≤ c scale √(max(m - d,
    d)), ‖K‖ ≤ c scale √(max(n - d, d)).

    Parameters
    ----------
    at : Blocks
        The blocks at some step.
    scale : float
        Standard deviation of the start, > 0.
    shape : tuple of int
        (m, n) of A.
    hidden_constant : float
        c, which the source does not give.

    Returns
    -------
    Lemma
        The five inequalities; it has no hypotheses because c is unknown.

    Raises
    ------
    InputError
        If the scale or the constant is not finite and positive.

    Notes
    -----
    [YD21, Thm 3.1].
    """
    require_positive(scale=scale, hidden_constant=hidden_constant)
    (m, n), d, c = shape, at.U.shape[1], hidden_constant
    norms = at.norms()
    excess = float(np.linalg.eigvalsh(at.signal @ at.signal.T - 2 * np.diag(at.sigma))[-1])
    return Lemma(
        "first stage [YD21, Thm 3.1]",
        (),
        (
            Inequality("signal has started", scale / (c * d**0.5), norms.signal_smallest),
            Inequality("signal squared less 2 diag(σ)", excess, 0.0),
            Inequality("asymmetry", norms.asymmetry, 2 * c * d * scale),
            Inequality("J", norms.left_outside, c * scale * max(m - d, d) ** 0.5),
            Inequality("K", norms.right_outside, c * scale * max(n - d, d) ** 0.5),
        ),
    )


def first_stage_done(at: Blocks) -> Lemma:
    """Check what ends the first stage: σ_d(A_s) ≥ √(σ_d / 2) and ‖P‖ ≤ σ_d / 4.

    Parameters
    ----------
    at : Blocks
        The blocks at some step.

    Returns
    -------
    Lemma
        The two inequalities.

    Notes
    -----
    [YD21, Thm 3.1].
    """
    norms, sigma_d = at.norms(), float(at.sigma[-1])
    return Lemma(
        "end of the first stage [YD21, Thm 3.1]",
        (),
        (
            Inequality("signal is large", (sigma_d / 2) ** 0.5, norms.signal_smallest),
            Inequality("symmetric residual", norms.symmetric_residual, sigma_d / 4),
        ),
    )


def imbalance(X: NDArray[np.floating], Y: NDArray[np.floating]) -> float:
    """Compute ‖XᵀX - YᵀY‖_F, which gradient flow conserves and a balanced pair has at 0.

    Parameters
    ----------
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors.

    Returns
    -------
    float
        The imbalance.
    """
    return float(np.linalg.norm(X.T @ X - Y.T @ Y))


def sharpness(X: NDArray[np.floating], Y: NDArray[np.floating]) -> float:
    """Compute ‖X‖² + ‖Y‖², the largest eigenvalue of the Hessian of the loss at a minimizer.

    Simultaneous gradient descent is stable there for step sizes below 2 / sharpness.

    Parameters
    ----------
    X, Y : ndarray, shapes (m, d) and (n, d)
        The factors.

    Returns
    -------
    float
        The sharpness.

    Notes
    -----
    [WCZT21].
    """
    return square(spectral(X)) + square(spectral(Y))
