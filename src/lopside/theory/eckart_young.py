"""How far a pair of factors is from the best of its rank: the Eckart–Young gap, from any search space.

Let V (n × D) have orthonormal columns, Θ = VᵀAᵀAV diagonal (Ritz values), R = AᵀAV − VΘ (R ⟂ V) with triangular
QR factor T, and h ≥ ‖A(I − VVᵀ)‖². In the basis (V, V^⊥),

    AᵀA = [[Θ, Rᵀ], [R, M]] ⪯ [[Θ, Rᵀ], [R, hI]],

whose eigenvalues are those of K = [[Θ, Tᵀ], [T, hI]] and h. By Weyl the sum of the d largest λ_i = σ_i(A)² is at
most the sum of the d largest eigenvalues of K, each counted as at least h. The bound is quadratic in R. With [EY36],

    f(X, Y) − f* ≤ ½(‖XYᵀ − A‖² − ‖A‖² + bound),   f* = ½Σ_{i>d} λ_i,   and never more than f(X, Y).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.linalg import one_blas_thread, orthonormal

EPSILON = 2.0**-52
"""Machine epsilon of float64: the constants of the rounding terms were measured against it."""

_LAPACK_WORK = 5e8
"""m·n·min(m, n) up to which LAPACK's SVD is the cheapest search space (well under a second)."""
_OVERSAMPLING = 10
_PASSES = 4
_PROBES = 10
"""Gaussian probes: the bound on ‖A(I − VVᵀ)‖ fails with probability at most 10^−10."""


class SearchSpace(NamedTuple):
    """Ritz values Θ (D,), the triangular factor T (D × D) of the residual, and h with its failure probability."""

    theta: Array
    T: Array
    h: float
    failure_probability: float


def leading_energy(space: SearchSpace, rank: int) -> float:
    """Bound Σ_{i≤d} λ_i from above: the d largest eigenvalues of K, each at least h.

    Examples
    --------
    >>> import numpy as np
    >>> leading_energy(SearchSpace(np.array([9.0, 4.0]), np.zeros((2, 2)), 1.0, 0.0), 3)
    14.0
    """
    theta, T, h, _ = space
    D = len(theta)
    K = np.block([[np.diag(theta), T.T], [T, h * np.eye(D)]]) if D else np.zeros((0, 0))
    with one_blas_thread:
        values = np.linalg.eigvalsh(K)[::-1][:rank]
    padded = np.concatenate([values, np.full(max(0, rank - len(values)), h)])
    return float(np.maximum(padded, h).sum())


def leading_energy_closed(space: SearchSpace, rank: int) -> float:
    """Bound Σ_{i≤d} λ_i in closed form, never tighter than `leading_energy`; for reading and for tests.

    The least over cuts j ≤ min(d, D) with θ_j > μ_j of Σ_{i≤j}(θ_i + ‖r_i‖²/(θ_i − μ_j)) + (d − j)μ_j, where
    μ_j = ½(θ_{j+1} + h) + √(¼(θ_{j+1} − h)² + ‖R_{>j}‖²), and μ_D = h.
    """
    theta, T, h, _ = space
    D, norms = len(theta), np.square(T).sum(axis=0)
    best = np.inf
    for j in range(min(rank, D) + 1):
        mu = h
        if j < D:
            mu = 0.5 * (theta[j] + h) + np.sqrt(0.25 * (theta[j] - h) ** 2 + np.linalg.norm(T[:, j:], 2) ** 2)
        if j == 0 or theta[j - 1] > mu:
            best = min(best, float((theta[:j] + norms[:j] / (theta[:j] - mu)).sum() + (rank - j) * mu))
    return best


def rounding(norm: float, fitted: float, size: int) -> float:
    """Bound what rounding adds to the gap: (10 + D)·ε·(‖A‖_F² + ‖XYᵀ‖_F²); nothing finer is claimed."""
    return (10 + size) * EPSILON * (norm**2 + fitted**2)


def search_space(problem: Any, rank: int, Y: Array, rng: np.random.Generator) -> SearchSpace:
    """Find Ritz vectors for rank d: LAPACK's where A is small, subspace iteration from Y and noise otherwise.

    Parameters
    ----------
    problem : Full
    rank : int
        d.
    Y : ndarray, shape (n, d)
        The right factor of a fit: its column space is where the solver has already searched.
    rng : numpy.random.Generator
        The certificate's own, never the one of the solver's sketch: probes must not depend on the search space.
    """
    m, n = problem.shape
    if m * n * min(m, n) <= _LAPACK_WORK:
        s = problem.svd()[1]
        size = min(rank, len(s))
        h = float(s[size] ** 2) if size < len(s) else 0.0
        return SearchSpace(s[:size] ** 2, np.zeros((size, size)), h + (10 + size) * EPSILON * problem.norm**2, 0.0)
    # Everything here is float64, whatever A is: the rounding terms count on it.
    V = orthonormal(np.hstack([Y.astype(np.float64), rng.standard_normal((n, _OVERSAMPLING))]))
    for _ in range(_PASSES):
        V = orthonormal(problem.gram(V)[0])
    W, G = problem.gram(V)
    with one_blas_thread:
        theta, Q = np.linalg.eigh(G)
        theta, Q = theta[::-1], Q[:, ::-1]
        V, W = V @ Q, W @ Q
        residual = W - V * theta
        T = np.asarray(np.linalg.qr(residual - V @ (V.T @ residual), mode="r"))
    h = _deflated_norm_squared(problem, V, rng)
    return SearchSpace(theta, T, h, 10.0**-_PROBES)


def _deflated_norm_squared(problem: Any, V: Array, rng: np.random.Generator, power: int = 4) -> float:
    """Bound ‖B‖², B = A(I − VVᵀ), by p Gaussian probes and q Gram passes [HMT11, Lemma 4.1].

    ‖B‖ ≤ (10·√(2/π)·max_i ‖(BBᵀ)^q B ω_i‖)^{1/(2q+1)} fails with probability at most 10^{−p}.
    """
    scale = problem.norm
    probes = rng.standard_normal((problem.shape[1], _PROBES))
    for _ in range(power):
        probes -= V @ (V.T @ probes)
        probes = problem.gram(probes / scale)[0] / scale
    probes -= V @ (V.T @ probes)
    reached = np.sqrt(np.square(problem.times(probes / scale)).sum(axis=0).max())
    bound = (10.0 * np.sqrt(2.0 / np.pi) * reached) ** (2.0 / (2 * power + 1)) * scale**2
    return float(min(bound, scale**2)) + (10 + V.shape[1]) * EPSILON * scale**2
