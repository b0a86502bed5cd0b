"""Upper bounds on ‖B(I − VVᵀ)‖₂², what is left of a matrix outside of a search space.

*Deterministic.* ‖B(I − VVᵀ)‖₂² ≤ ‖B(I − VVᵀ)‖_F² = ‖B‖_F² − ‖BV‖_F².

*From Gaussian probes* [HMT11, Lemma 4.1; KW92]. Let M = (I − VVᵀ)BᵀB(I − VVᵀ), λ its largest eigenvalue, v its
eigenvector, and Ω (n × p) standard normal, independent of V. Then g = Ωᵀv is standard normal in R^p, and

    P(‖g‖ < c) = P(χ²_p < c²) ≤ (c²/2)^{p/2}/Γ(p/2 + 1) =: δ.

Block Lanczos from Ω gives orthonormal Q = [Q₀ … Q_q] with (I − VVᵀ)Ω = Q₀R₀ and M Q_k = Σ_{l≤k} Q_l H_{lk} +
Q_{k+1}S_k. So x_k = Q_kᵀv obeys

    x₀ = R₀^{-T} g,      S_kᵀ x_{k+1} = λ x_k − Σ_{l≤k} H_{lk}ᵀ x_l,

that is x = Φ(λ) g with Φ_k a matrix polynomial of degree k, and ‖x‖ ≤ ‖v‖ = 1.

**Theorem.** Let N(t) = Φ(t)ᵀΦ(t) and let A_j be the j-th Taylor coefficient of Φ(μ)ᵀΦ(t) at t = μ. If N(μ) ≻ c⁻²I and
A_j + A_jᵀ ⪰ 0 for j = 1 … q, then λ < μ, unless ‖g‖ < c.

*Proof.* Suppose λ ≥ μ. Then gᵀΦ(μ)ᵀΦ(λ)g = gᵀN(μ)g + Σ_j (λ − μ)^j gᵀA_j g ≥ ‖Φ(μ)g‖², so by Cauchy and Schwarz
1 ≥ ‖Φ(λ)g‖ ≥ ‖Φ(μ)g‖ > ‖g‖/c. ∎

The condition on A_j is what monotonicity of the orthonormal polynomials beyond their zeros is for a single probe. The
least μ for which both conditions hold is looked for by bisection; whichever is found is right. All p probes and every
number of passes q share the one event ‖g‖ < c, so q can be raised, one read of A at a time, at no risk. A bound for V
holds for every larger search space, as ‖B(I − V₊V₊ᵀ)‖ ≤ ‖B(I − VVᵀ)‖: what is found on the way may be added to V.

*Deflated blocks.* Where S_k has fewer rows than columns, x_{k+1} is the least-squares solution, which is right if λ
is an eigenvalue; the equations left over are not used. If nothing is left, the space of Q is invariant: λ is an
eigenvalue of H, or v ⟂ Q and then g = 0.

*Rounding.* The products are those of B(I − VVᵀ) up to δ_B = (10 + D)ε‖B‖_F; μ becomes (√μ + δ_B)².
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.krylov import EPSILON, Product, outside, project_out
from lopside.threads import one_blas_thread

PROBES = 8
"""p; as wide as a read of A that is still bound by memory."""

FAILURE = 1e-10
"""δ, the probability that one set of probes bounds nothing."""

_BISECTIONS = 24


def least_mass(probes: int, failure: float) -> float:
    """Return c² with P(χ²_p < c²) ≤ `failure`.

    Examples
    --------
    >>> round(least_mass(8, 1e-10), 6)
    0.013999
    """
    return 2.0 * (failure * math.gamma(0.5 * probes + 1.0)) ** (2.0 / probes)


class Probes(NamedTuple):
    """Block Lanczos on M from Gaussian probes; everything in the units of the product.

    Attributes
    ----------
    V : ndarray, shape (n, D)
        The search space that is projected out; orthonormal.
    blocks : tuple of ndarray, shapes (n, f_k)
        Q₀ … Q_q.
    start : ndarray, shape (f₀, p)
        R₀.
    inverses : tuple of ndarray
        Pseudo-inverses of R₀ᵀ, S₀ᵀ, S₁ᵀ …
    columns : tuple of ndarray
        Column k: H_{0k} … H_{kk} and S_k, one above the other.
    """

    V: Array
    blocks: tuple[Array, ...]
    start: Array
    inverses: tuple[Array, ...]
    columns: tuple[Array, ...] = ()

    @classmethod
    def drawn(cls, V: Array, rng: np.random.Generator, count: int = PROBES) -> Probes:
        """Draw the probes; `rng` must not have had a part in V."""
        W = rng.standard_normal((len(V), count))
        Q, R = outside(W, (V,), EPSILON * math.sqrt(W.size))
        return cls(V, (Q,), R, (_inverse(R),))

    def extended(self, product: Product) -> Probes:
        """Return the probes after one more pass; one read of A."""
        if self.blocks[-1].shape[1] == 0:
            return self
        W, G = product(self.blocks[-1])
        noise = 32.0 * EPSILON * math.sqrt(max(np.trace(G), 0.0))
        column = [project_out(W, Q) for Q in self.blocks]
        Q, S = outside(W, (self.V, *self.blocks), noise)
        return self._replace(
            blocks=(*self.blocks, Q),
            inverses=(*self.inverses, _inverse(S)),
            columns=(*self.columns, np.vstack([*column, S])),
        )

    def relation(self) -> tuple[Array, Array, Array, Array]:
        """Return Q = [Q₀ … Q_{q−1}], H = QᵀMQ, Q_q and S with M Q = Q H + Q_q S."""
        widths = [Q.shape[1] for Q in self.blocks]
        Q = np.hstack([self.V[:, :0], *self.blocks[:-1]])
        size, at = Q.shape[1], 0
        whole = np.zeros((size + widths[-1], size))
        for k, column in enumerate(self.columns):
            whole[: len(column), at : at + widths[k]] = column
            at += widths[k]
        return Q, 0.5 * (whole[:size] + whole[:size].T), self.blocks[-1], whole[size:]

    def top(self) -> float:
        """Return the largest Ritz value of M in the space of the probes: a lower bound on λ."""
        H = self.relation()[1]
        with one_blas_thread:
            return max(0.0, float(np.linalg.eigvalsh(H)[-1])) if len(H) else 0.0

    def bound(self, start: float, norm: float, epsilon: float = EPSILON) -> float:
        """Return μ ≥ λ, with rounding, below `start`, another bound.

        ‖B‖_F = `norm` in the units of the product, whose rounding is `epsilon` ‖B‖_F.
        """
        top = self.top()
        rounding = (10 + self.V.shape[1]) * epsilon * norm
        if self.blocks[-1].shape[1] == 0:
            return min(start, (math.sqrt(top) + rounding) ** 2)
        low = max(top, rounding**2)
        # Far above all Ritz values Φ overflows, so a moderate bound is tried first.
        high = next((mu for mu in (1e3 * low, start) if low < mu <= start and self._excludes(mu)), None)
        if high is None:
            return start
        for _ in range(_BISECTIONS):
            middle = math.sqrt(low * high)
            if self._excludes(middle):
                high = middle
            else:
                low = middle
            if high < 1.01 * low:
                break
        return min(start, (math.sqrt(high) + rounding) ** 2)

    def _excludes(self, mu: float) -> bool:
        """Whether the theorem says λ < μ."""
        with np.errstate(over="ignore", invalid="ignore"):
            taylor = self._taylor(mu)
        mass = least_mass(self.start.shape[1], FAILURE)
        with one_blas_thread:
            with np.errstate(over="ignore", invalid="ignore"):
                A = np.einsum("ri,rjk->jik", taylor[:, 0], taylor)
            if not np.isfinite(A).all():
                return False
            if not np.linalg.eigvalsh(A[0])[0] * mass > 1.01:  # one per cent for the rounding of Φ
                return False
            values = np.linalg.eigvalsh(A[1:] + A[1:].transpose(0, 2, 1))
        return bool((values[:, 0] >= -1e-12 * values[:, -1]).all())

    def _taylor(self, mu: float) -> Array:
        """Return the Taylor coefficients of Φ at μ in the variable (t − μ)/μ, shape (Σ f_k, q + 1, p)."""
        p, q = self.start.shape[1], len(self.columns)
        x = np.zeros((sum(Q.shape[1] for Q in self.blocks), q + 1, p))
        with one_blas_thread:
            first = self.inverses[0]
            x[: len(first), 0] = first
            before, at = slice(0, len(first)), len(first)
            for column, inverse in zip(self.columns, self.inverses[1:], strict=True):
                right = x[before].copy()
                right[:, 1:] += x[before, :-1]
                right -= np.tensordot(column[:at].T / mu, x[:at], axes=1)
                width = len(column) - at
                if width == 0:
                    break
                before = slice(at, at + width)
                x[before] = np.tensordot(mu * inverse, right, axes=1)
                at += width
        return x[:at]


def _inverse(S: Array) -> Array:
    with one_blas_thread:
        return np.linalg.pinv(S.T)
