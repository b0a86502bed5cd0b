"""Bounds on Σ_{i≤d} σ_i(A)², and on each σ_i, from a search space: what the gap of [EY36] rests on.

M = BᵀB, with B = A or Aᵀ and eigenvalues λ_i = σ_i(A)², is written in an orthonormal basis [V F W] of the whole
space, where V (n × D) are Ritz vectors, VᵀMV = Θ = diag(θ₁ ≥ … ≥ θ_D), FᵀMV = C and WᵀMV = 0. With h ≥ ‖B(I − VVᵀ)‖₂²
and the cut b,

    M ⪯ K ⊕ hI,    K = [[Θ, Cᵀ], [C, hI]] = [[Θ_{≤b}, C_bᵀ], [C_b, K_b]],    K_b = [[Θ_{>b}, Cᵀ], [C, hI]], C_b = [0;
    C_{≤b}].

**By eigenvalues.** Σ_{i≤d} λ_i ≤ the sum of the d largest eigenvalues of K, each at least h (Weyl). Best possible
from Θ, C and h, but a difference to Σ θ_i is only known up to rounding of ‖A‖².

**By the second order.** Let b ≥ d and μ_b = λ_max(K_b) < θ_b. Then

    Σ_{i≤d} λ_i − Σ_{i≤d} θ_i  ≤  S_b := Σ_{j≤b} c_jᵀ (θ_j − K_b)⁻¹ c_j,    c_j the columns of C_b.

*Proof.* First b = d. The d leading eigenvectors of K ⊕ hI span (after a perturbation as small as you like) the graph
of some P, and the sum of their eigenvalues is tr(ΘN) + 2tr(NC_bᵀP) + tr(NPᵀK_bP), N = (I + PᵀP)⁻¹, Θ = Θ_{≤b}. With
L(Q) = QΘ − K_bQ, which is positive definite, and Z = PN, so that P = Z + ZPᵀP, this is

    tr Θ + 2⟨C_b, Z⟩ − ⟨Z, L(Z)⟩ − ⟨Z, L(ZPᵀP)⟩,    ⟨Z, L(ZPᵀP)⟩ = tr(TΘ) − tr(K_b ZPᵀPZᵀ) ≥ (θ_b − μ_b) tr T ≥ 0,

where T = NPᵀPNPᵀP. Hence it is at most tr Θ + max_Z(2⟨C_b, Z⟩ − ⟨Z, L(Z)⟩) = tr Θ + ⟨C_b, L⁻¹C_b⟩ = tr Θ + S_b. For b
> d subtract the b − d following eigenvalues, each at least θ_i (Cauchy). ∎

No large numbers are subtracted, so S_b is known to a *square* of rounding. A cut b beyond d serves where σ_d and
σ_{d+1} are close: what counts is the gap at b. For b < d, eigenvalues b + 1 … d of K are at most the d − b largest of
K_b (Cauchy), and S_b + Σ_{b<i≤d} (λ_{i−b}(K_b) − θ_i) takes the place of S_b; this is for θ_d = 0, and where σ_d lies
in a cluster far below σ_b: the differences are then known to rounding of θ_{b+1}. All bounds hold in the same event.

**What V_d itself captures.** Where VᵀMV is Θ only as computed, what a fit in the span of the first d columns has is
tr(V_dᵀMV_d), not Σ θ_i. For b > d let H = V_bᵀMV_b = [[H₁, Δᵀ], [Δ, H₂]], H₁ d × d and diagonal but for rounding, with
g_i the norms of the columns of Δ, H₁ ⪰ diag(a_i) and H₂ ⪯ cI. Then

    Σ_{i≤d} λ_i(H) − tr H₁  ≤  Σ_{i≤d} max_{0≤x≤1} (2g_i x − (a_i − c) x²),

of second order in Δ if σ_d > σ_{d+1} and of the first if not. *Proof.* Let P project onto the leading eigenvectors and
x_i² = (I − P₁₁)_ii. Then tr(PH) − tr H₁ = 2⟨P₂₁, Δ⟩ − tr((I − P₁₁)H₁) + tr(P₂₂H₂), where tr P₂₂ = Σ x_i² and column i
of P₂₁ has the norm² (P₁₁ − P₁₁²)_ii ≤ x_i². ∎ For b < d the |H_ii − θ_i|, b < i ≤ d, are added.

**In closed form**, for reading and for tests: S_b ≤ Σ_{j≤b} ‖c_j‖²/(θ_j − μ_b).

*Rounding.* Column j of [Δ_{>b}; C], the rest of MV_b, is known up to e_j = `error`_j or more (`_coupling`) and Θ_{≤b}
up to the relative η = 2√b (Σ_{j≤b} (e_j/θ_j)²)^½; K_b up to the Frobenius norm ε_b of its own errors. So θ_j is
replaced by (1 − η)θ_j − ε_b and the j-th term by (√term + e_j/√(θ_j − μ_b))².
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.krylov import EPSILON
from lopside.threads import one_blas_thread


class SearchSpace(NamedTuple):
    """What a certificate needs of V.

    Attributes
    ----------
    theta : ndarray, shape (D,)
        Ritz values of M, largest first.
    C : ndarray, shape (f, D)
        With ‖C z‖ = ‖M V z − V Θ z‖: coordinates of the residuals.
    error : ndarray, shape (D,)
        Bound on the norm of the rounding in each column of M V, or with `delta` of C.
    h : float
        At least ‖B(I − VVᵀ)‖₂², rounding included.
    rounding : float
        What sums of eigenvalues of K are known up to.
    failure_probability : float
        With which h may be wrong.
    delta : ndarray, shape (D,), or None
        Where V is known from B V = U diag(√θ) up to δ_j in each column: VᵀMV is Θ up to s_i δ_j + s_j δ_i, s = √θ.
    """

    theta: Array
    C: Array
    error: Array
    h: float
    rounding: float
    failure_probability: float = 0.0
    delta: Array | None = None

    def entries(self, rows: slice, columns: slice) -> Array:
        """Bound |VᵀMV − Θ| entry by entry."""
        error, delta = self.error, self.delta
        if delta is None:
            return np.minimum(error[rows, None], error[columns])
        s = np.sqrt(self.theta)
        return s[rows, None] * delta[columns] + delta[rows, None] * s[columns]


def arrow(theta: Array, C: Array, h: float) -> Array:
    """Return K = [[diag(θ), Cᵀ], [C, hI]]."""
    D, f = len(theta), len(C)
    K = np.zeros((D + f, D + f))
    K[:D, :D], K[D:, :D], K[:D, D:] = np.diag(theta), C, C.T
    K.flat[D * (D + f + 1) :: D + f + 1] = h
    return K


def _eigenvalues(theta: Array, C: Array, h: float) -> Array:
    # Those of the arrow matrix, largest first; LAPACK's singular vectors of all of A come without any C.
    if len(C) == 0:
        return np.sort(theta)[::-1]
    with one_blas_thread:
        return np.linalg.eigvalsh(arrow(theta, C, h))[::-1]


def leading_eigenvalues(space: SearchSpace, rank: int) -> Array:
    """Return upper bounds on λ₁ … λ_d, by the eigenvalues of K (rounding not included).

    Examples
    --------
    >>> import numpy as np
    >>> space = SearchSpace(np.array([9.0, 4.0]), np.zeros((2, 2)), np.zeros(2), 1.0, 0.0)
    >>> leading_eigenvalues(space, 3)
    array([9., 4., 1.])
    """
    values = _eigenvalues(space.theta, space.C, space.h)[:rank]
    padded = np.concatenate([values, np.full(max(0, rank - len(values)), space.h)])
    return np.maximum(padded, space.h)


def energy_excess(space: SearchSpace, rank: int) -> float:
    """Bound Σ_{i≤d} λ_i − Σ_{i≤d} θ_i (θ_i = 0 for i > D) by the best of all bounds here, rounding included."""
    theta = space.theta
    known = float(theta[:rank].sum())
    best = float(leading_eigenvalues(space, rank).sum()) - known + space.rounding
    return max(_least_second_order(space, rank, _cuts(theta, rank), best), 0.0)


def _least_second_order(space: SearchSpace, rank: int, cuts: list[int], best: float) -> float:
    """Return the least S_b of these cuts, or `best` if that is less."""
    floor = np.cumsum(np.square(space.C).sum(axis=0) / np.maximum(space.theta, np.finfo(np.float64).tiny))
    for cut in cuts:
        # S_b ≥ Σ_{j≤b} ‖c_j‖²/θ_j as K_b ⪰ 0, and μ_b ≥ h, θ_{b+1} (Cauchy): most cuts need no eigenvalues.
        following = space.theta[cut] if cut < len(space.theta) else 0.0
        if floor[cut - 1] < best and space.theta[cut - 1] > max(space.h, following):
            best = min(best, _second_order(space, rank, cut))
    return best


def _cuts(theta: Array, rank: int) -> list[int]:
    """Return d, and the widest relative gaps of the Ritz values before and after it."""
    positive = int(np.count_nonzero(theta > EPSILON**2 * theta[:1].max(initial=0.0)))
    if positive == 0:
        return []
    ratios = np.append(theta[1:positive] / theta[: positive - 1], 0.0)  # behind each of the positive ones
    before, after = ratios[: rank - 1], ratios[rank - 1 :]
    cuts = [1 + np.argsort(before, stable=True)[:_BEFORE], rank + np.argsort(after, stable=True)[:_AFTER]]
    return sorted({min(rank, positive), positive, *(int(cut) for cut in np.concatenate(cuts))})


_BEFORE, _AFTER = 2, 4
"""How many cuts are tried on each side of d."""


def _second_order(space: SearchSpace, rank: int, cut: int) -> float:
    """Return S_b with rounding, or infinity where θ_b ≤ μ_b."""
    theta, C, error, h = space.theta, space.C, space.error, space.h
    eta = 2.0 * np.sqrt(cut * np.square(error[:cut] / theta[:cut]).sum())
    drift, error = _drift(space, cut), _coupling(space, cut)
    with one_blas_thread:
        others = _eigenvalues(theta[cut:], C[:, cut:], h)
        mu = max(h, float(others.max(initial=0.0))) + drift
        lowered = (1.0 - eta) * theta[:cut]
        room = lowered - mu
        if not (eta < 0.5 and room[-1] > 0.0):
            return float("inf")
        shifted = lowered - drift
        terms = _residual_terms(shifted, theta[cut:], C, h)
    total = float(np.square(np.sqrt(terms) + error / np.sqrt(room)).sum())
    if cut < rank:
        padded = np.maximum(np.concatenate([others, np.zeros(rank)])[: rank - cut], h) + drift
        total += float(padded.sum() - theta[cut:rank].sum() + 2.0 * space.error[cut:rank].sum())
    elif cut > rank:
        total += _mixing(space, rank, cut, eta)
    return total


def _coupling(space: SearchSpace, cut: int) -> Array:
    """Bound the rounding in column j ≤ b of [Δ_{>b}; C]."""
    error = space.error[:cut]
    return error if space.delta is None else np.hypot(error, _norms(space.entries(slice(cut), slice(cut, None))))


def _drift(space: SearchSpace, cut: int) -> float:
    """Bound the Frobenius norm of the rounding in K_b."""
    outside = 2.0 * float(np.square(space.error[cut:]).sum())
    if space.delta is None:
        return math.sqrt(outside)
    return math.sqrt(outside + float(np.square(space.entries(slice(cut, None), slice(cut, None))).sum()))


def _mixing(space: SearchSpace, rank: int, cut: int, eta: float) -> float:
    """Bound Σ_{i≤d} λ_i(H) − tr H₁."""
    g = _norms(space.entries(slice(rank), slice(rank, cut)))
    distance = (1.0 - eta) * space.theta[:rank] - (1.0 + eta) * space.theta[rank]
    inside = g < distance
    return float(np.where(inside, g * g / np.where(inside, distance, 1.0), 2.0 * g - distance).sum())


def _norms(M: Array) -> Array:
    return np.sqrt(np.square(M).sum(axis=1))


def _residual_terms(levels: Array, theta: Array, C: Array, h: float) -> Array:
    """Return c_jᵀ(level_j − K_b)⁻¹c_j for the first columns of C, with the rest of them and their θ in K_b."""
    cut = len(levels)
    if len(C) == 0:
        return np.zeros(cut)
    # (level − K_b)⁻¹ on F is the inverse of the Schur complement (level − h)I − C(level − Θ_{>b})⁻¹Cᵀ
    rest = C[:, cut:]
    inner = np.array([(rest / (level - theta)) @ rest.T for level in levels])
    schur = (levels - h)[:, None, None] * np.eye(len(C)) - inner
    columns = C[:, :cut].T[:, :, None]
    return np.maximum((columns * np.linalg.solve(schur, columns)).sum(axis=(1, 2)), 0.0)


def second_order_closed(space: SearchSpace, rank: int) -> float:
    """Bound the same in closed form at b = d, never tighter; for reading and for tests."""
    theta, C, h = space.theta, space.C, space.h
    if len(theta) < rank:
        return float("inf")
    following = theta[rank] if len(theta) > rank else 0.0
    coupling = np.linalg.norm(C[:, rank:], 2) if C[:, rank:].size else 0.0
    mu = 0.5 * (following + h) + np.sqrt(0.25 * (following - h) ** 2 + coupling**2)
    if not theta[rank - 1] > mu:
        return float("inf")
    return float((np.square(C[:, :rank]).sum(axis=0) / (theta[:rank] - mu)).sum())


def singular_value_bounds(space: SearchSpace, rank: int) -> Array:
    """Return (low, high) for each of σ₁ … σ_d, shape (d, 2): Cauchy from below, K and S_b from above."""
    D = min(rank, len(space.theta))
    low, high = np.zeros(rank), leading_eigenvalues(space, rank) + space.rounding
    low[:D] = np.maximum(space.theta[:D] - np.sqrt(D) * space.error[:D].max(initial=0.0), 0.0)
    excess = _least_second_order(space, rank, [cut for cut in _cuts(space.theta, rank) if cut >= rank], np.inf)
    high[:D] = np.minimum(high[:D], space.theta[:D] + np.sqrt(D) * space.error[:D].max(initial=0.0) + excess)
    return np.sqrt(np.column_stack([low, high]))
