"""Search spaces without squares: B V and BᵀU instead of BᵀBV, for what lies below √ε σ₁.

Let U diag(s) be B V as computed, V rotated within its span, e = B V − U diag(s), ‖e_j‖ ≤ δ_j. The part of M v_j =
BᵀBv_j outside of V is

    (I − VVᵀ) M v_j = s_j (I − VVᵀ) Bᵀu_j + (B(I − VVᵀ))ᵀ e_j,

so that with C from the QR factorization of (I − VVᵀ)BᵀU the residuals are s_j C_j up to (s_j + √h) δ_j, and VᵀMV is
diag(s²) up to s_i δ_j + s_j δ_i. The product BᵀBV would be known up to ε ‖B‖_F² only. In the bound S_b of
`leading_energy` this leaves Σ_j (‖C_j‖ + 2δ_j)² s_j²/(s_j² − h): of second order in ε ‖B‖_F, whatever s_j is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.krylov import Product
from lopside.linalg import column_norms, column_peaks, remove_span, tall_inner, tall_qr, tall_times
from lopside.theory.deflated_norm import FAILURE, Probes
from lopside.theory.leading_energy import SearchSpace
from lopside.threads import one_blas_thread

_MOST_PASSES = 10


class TwoSided(NamedTuple):
    """B V = U diag(s), and how far V is from BᵀU; lengths in the unit ‖B‖_F.

    Attributes
    ----------
    U : ndarray, shape (rows of B, b)
    s : ndarray, shape (b,)
        Largest first.
    V : ndarray, shape (side, b)
    delta : ndarray, shape (b,)
        Bounds on the columns of B V − U diag(s) and on rounding in C.
    C : ndarray, shape (b, b)
        R of the QR factorization of (I − VVᵀ)BᵀU.
    following : ndarray, shape (side, b)
        BᵀU, the next V but for orthonormalization.
    """

    U: Any
    s: Array
    V: Array
    delta: Array
    C: Array
    following: Array

    @classmethod
    def of(cls, problem: Any, V: Array) -> TwoSided:
        """Multiply out for orthonormal V (side × b); two reads of A."""
        rows = sides(problem)[0](V) / problem.norm
        U, s, Z = decomposed(rows)
        return cls._from(problem, U, s, tall_times(V, Z), tall_times(rows, Z))

    @classmethod
    def given(cls, problem: Any, U: Array, s: Array, V: Array) -> TwoSided:
        """Take singular vectors of B that somebody else has computed, and measure them; two reads of A."""
        return cls._from(problem, U, s / problem.norm, V, sides(problem)[0](V) / problem.norm)

    @classmethod
    def _from(cls, problem: Any, U: Array, s: Array, V: Array, rows: Array) -> TwoSided:
        following = sides(problem)[1](U) / problem.norm
        rest = following.copy()
        for _ in range(2):
            remove_span(rest, V)
        delta = column_norms(rows - U * s) + (10 + len(s)) * problem.epsilon
        return cls(U, s, V, delta, tall_qr(rest)[1], following)

    def space(self, h: float, failure_probability: float = 0.0) -> SearchSpace:
        """Return the search space of V for `leading_energy` in the unit ‖B‖_F, given h ≥ ‖B(I − VVᵀ)‖₂²."""
        delta = float(self.delta.max())
        high = (np.sqrt(h) + delta) ** 2
        error = (self.s + np.sqrt(high)) * self.delta
        return SearchSpace(self.s**2, self.C * self.s, error, high, delta, failure_probability, self.delta)

    def improved(self) -> Array:
        """Return orth(BᵀU): one step of subspace iteration [HMT11, Algorithm 4.4]."""
        unit = np.maximum(np.linalg.norm(self.following, axis=0), np.finfo(np.float64).tiny)
        return tall_qr(self.following / unit)[0]


def complete(problem: Any, U: Array, s: Array, V: Array) -> SearchSpace:
    """Return the space of square V and U diag(s) ≈ B V that somebody else has computed; one read of A.

    Nothing is outside of an orthonormal square V, and the one nearest to V differs from it by ½‖(VᵀV − I)_j‖ in column
    j, to first order.
    """
    rows, s = sides(problem)[0](V) / problem.norm, s / problem.norm
    skewed = 0.5 * np.linalg.norm(tall_inner(V, V) - np.eye(len(s)), axis=0)
    delta = column_norms(rows - U * s) + skewed + (10 + len(s)) * problem.epsilon
    most = float(delta.max())
    return SearchSpace(s * s, np.zeros((0, len(s))), (s + most) * delta, most * most, most, delta=delta)


def sides(problem: Any) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return V ↦ B V and U ↦ BᵀU for the matrix B that the problem holds."""
    if problem.transposed:
        return problem.transpose_times, problem.times
    return problem.times, problem.transpose_times


def decomposed(rows: Any) -> tuple[Any, Array, Array]:
    """Return U, s, Z with `rows` Z = U diag(s), for a tall matrix of rows."""
    Q, R = tall_qr(rows)
    with one_blas_thread:
        P, s, Zt = np.linalg.svd(R)
    return tall_times(Q, P), s, Zt.T


def gauged(U: Any, s: Array, V: Any, transposed: bool) -> tuple[Any, Any]:
    """Return X = (left vectors) diag(s) and Y orthonormal with A ≈ X Yᵀ from B ≈ U diag(s) Vᵀ; `fix_signs` holds."""
    left, right = (V, U) if transposed else (U, V)
    flip = np.sign(column_peaks(right))
    flip[flip == 0] = 1.0
    return left * (s * flip), right * flip


def outside_norm(
    product: Product,
    V: Array,
    h: float,
    enough: Callable[[float], bool],
    rng: np.random.Generator,
    *,
    ratio: float,
    epsilon: float,
) -> tuple[float, float]:
    """Bound ‖B(I − VVᵀ)‖₂²/‖B‖_F² by probes, until `enough` says so or would not even for the lower bound.

    Parameters
    ----------
    product : callable
        That of BᵀB divided by some square, `ratio` times ‖B‖_F².
    V : ndarray, shape (side, b)
    h : float
        A bound that is known.
    enough : callable
    rng : numpy.random.Generator
    ratio, epsilon : float
        Products round by `epsilon` ‖B‖_F.

    Returns
    -------
    h, failure_probability : float
        Not above the h given.
    """
    if enough(h):
        return h, 0.0
    probes = Probes.drawn(V, rng)
    for _ in range(_MOST_PASSES):
        probes = probes.extended(product)
        h = min(h, ratio * probes.bound(h / ratio, ratio**-0.5, epsilon))
        if enough(h) or not enough(ratio * probes.top()):
            break
    return h, FAILURE
