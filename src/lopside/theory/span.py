"""The rank of A up to rounding and its column span, as the convergence theorems need them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.linalg import frobenius, gram, orthonormal, squared_singular_values, tall_inner, tall_times, thin_svd
from lopside.theory.measurements import Measurements
from lopside.threads import one_blas_thread

_SMALL = 5e8
_OVERSAMPLING = 8


class Span(NamedTuple):
    """What is known of the column span of A.

    Attributes
    ----------
    rank : int
        r, the number of singular values above rounding; more than were looked for if `exact` is false.
    left : ndarray, shape (m, r)
        Orthonormal basis of the span.
    sigma : ndarray, shape (r,)
        Singular values, largest first.
    tail : float
        ½Σ_{i>r}σ_i², or an upper bound on it.
    exact : bool
        Whether A has numerical rank r; false if it is larger than what was looked for.
    """

    rank: int
    left: Any
    sigma: Array
    tail: float
    exact: bool


def column_span(problem: Any, columns: int) -> Span:
    """Find the column span of A if its numerical rank is at most about `columns`.

    Small matrices are decomposed by LAPACK. Otherwise A is sketched by Q = orth(AΩ) with a few columns more
    than asked [HMT11, Algorithm 4.1]; if ‖A − QQᵀA‖_F is at rounding level, the SVD of QᵀA tells everything,
    and Σ_{i>r}σ_i² ≤ ‖A − QQᵀA‖_F² + Σ_{i>r}σ_i(QᵀA)². Three reads of A.
    """
    m, n = problem.shape
    epsilon = float(np.finfo(problem.dtype).eps)
    if problem.whole_within(_SMALL):
        U, s, _ = problem.svd()
        U = U if problem.transposed else problem.placed(U)
        missed, exact = 0.0, True
    else:
        rng = np.random.default_rng(0xBA5E)  # the certificate's own randomness
        width = min(columns + _OVERSAMPLING, m, n)
        Q = orthonormal(problem.times(rng.standard_normal((n, width))).astype(np.float64))
        W = problem.transpose_times(Q).astype(np.float64)
        V, s, Zt = thin_svd(W)
        U = tall_times(Q, Zt.T)
        missed = problem.residual_norm(Q, W)
        exact = missed <= max(m, n) * epsilon * problem.norm
    rank = int(np.count_nonzero(s > max(m, n) * epsilon * s[0])) if s[0] > 0 else 0
    tail = 0.5 * (missed**2 + frobenius(s[rank:][None, :]) ** 2)
    return Span(rank, U[:, :rank], s[:rank], tail, exact)


def measure_point(problem: Any, span: Span, X: Any, Y: Any, residual_norm: float) -> Measurements:
    """Measure a pair of factors for the theorems, without forming anything m × n.

    The singular values come from the Gram matrices, lowered where a theorem needs a lower bound
    (`Measurements.sigma_r_x_squared`).
    """
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    with one_blas_thread:
        squared_x, squared_y = squared_singular_values(gram(X)), squared_singular_values(gram(Y))
        leakage = frobenius(X - tall_times(span.left, tall_inner(span.left, X)))
    return Measurements(
        rank=X.shape[1],
        sigma1_x=float(np.sqrt(squared_x[0])),
        sigma_r_x=float(np.sqrt(squared_x[span.rank - 1])),
        sigma1_y=float(np.sqrt(squared_y[0])),
        norm_x=frobenius(X),
        norm_y=frobenius(Y),
        norm_a=problem.norm,
        loss=0.5 * residual_norm**2,
        leakage=leakage,
        tail=span.tail,
        epsilon=float(np.finfo(problem.dtype).eps),
    )
