"""Search spaces without squares: B V and BᵀU instead of BᵀBV, for what lies below √ε σ₁.

From B V = U diag(s) (V rotated within its span) the residuals of M = BᵀB are M v_j − s_j² v_j = s_j a_j with
a_j = Bᵀu_j − s_j v_j, known up to s_j δ, δ = (10 + b) ε ‖B‖_F, where the product BᵀBV would be known up to ε ‖B‖_F². In the bound S_b of
`leading_energy` this leaves Σ_j (‖a_j‖ + δ)² s_j²/(s_j² − h): of second order in ε ‖B‖_F, whatever s_j is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.krylov import EPSILON, Product
from lopside.linalg import one_blas_thread, remove_span, tall_times
from lopside.theory.deflated_norm import FAILURE, Probes
from lopside.theory.leading_energy import SearchSpace

_MOST_PASSES = 10


class TwoSided(NamedTuple):
    """B V = U diag(s), and how far V is from BᵀU.

    Attributes
    ----------
    U : ndarray, shape (rows of B, b)
    s : ndarray, shape (b,)
        Largest first.
    V : ndarray, shape (side, b)
    following : ndarray, shape (side, b)
        BᵀU, the next V but for orthonormalization.
    C : ndarray, shape (b, b)
        R of the QR factorization of BᵀU − V diag(s).
    """

    U: Array
    s: Array
    V: Array
    following: Array
    C: Array

    @classmethod
    def of(cls, problem: Any, V: Array) -> TwoSided:
        """Multiply out for orthonormal V (side × b), two reads of A."""
        forth, back = sides(problem)
        U, s, V = compressed(forth(V), V)
        following = back(U)
        rest = following - V * s
        remove_span(rest, V)
        with one_blas_thread:
            return cls(U, s, V, following, np.asarray(np.linalg.qr(rest, mode="r")))

    def space(self, h: float, norm: float, failure_probability: float = 0.0) -> SearchSpace:
        """Return the search space of V for `leading_energy`, given h ≥ ‖B(I − VVᵀ)‖₂² and ‖B‖_F."""
        delta = (10 + len(self.s)) * EPSILON * norm
        return SearchSpace(
            self.s**2, self.C * self.s, self.s * delta, (np.sqrt(h) + delta) ** 2, delta * norm, failure_probability
        )

    def improved(self) -> Array:
        """Return orth(BᵀU): one step of subspace iteration with BᵀB, nothing squared."""
        unit = np.maximum(np.linalg.norm(self.following, axis=0), np.finfo(np.float64).tiny)
        with one_blas_thread:
            return np.linalg.qr(self.following / unit)[0]


def sides(problem: Any) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return V ↦ B V and U ↦ BᵀU for the matrix B that the problem holds."""
    if problem.transposed:
        return problem.transpose_times, problem.times
    return problem.times, problem.transpose_times


def compressed(rows: Array, V: Array) -> tuple[Array, Array, Array]:
    """Return U, s, W with rows = U diag(s) (VᵀW)ᵀ: B V as an SVD, V rotated to W."""
    with one_blas_thread:
        Q, R = np.linalg.qr(rows)
        P, s, Zt = np.linalg.svd(R)
    return tall_times(Q, P), s, tall_times(V, Zt.T)


def gauged(U: Array, s: Array, V: Array, transposed: bool) -> tuple[Array, Array]:
    """Return X = (left vectors) diag(s) and Y orthonormal with X Yᵀ ≈ A, from B ≈ U diag(s) Vᵀ; signs as in `fix_signs`."""
    left, right = (V, U) if transposed else (U, V)
    flip = np.sign(right[np.argmax(np.abs(right), axis=0), np.arange(len(s))])
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
    ratio : float

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
        h = min(h, ratio * probes.bound(h / ratio, ratio**-0.5))
        if enough(h) or not enough(ratio * probes.top()):
            break
    return h, FAILURE
