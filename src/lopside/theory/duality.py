"""How far a ridge-regularized fit of some entries is from the best of every rank: a duality gap.

F(X, Y) = ½ Σ_Ω w_ij(x_i·y_j − a_ij)² + ½ Σ λ s_i‖x_i‖² + ½ Σ λ t_j‖y_j‖², s and t positive,
is the
factored form of a convex problem [SRJ04; RFP10]: with x̃_i = √s_i x_i, ỹ_j = √t_j y_j and Z̃ = X̃Ỹᵀ,

    F(X, Y) ≥ P(Z̃) = ½ Σ_Ω w(z̃/√(s t) − a)² + λ‖Z̃‖_*,      ½(‖X̃‖_F² + ‖Ỹ‖_F²) ≥ ‖X̃Ỹᵀ‖_*,

with equality for the best factors of any Z̃ of their rank. For every S supported on Ω whose S̃_ij = S_ij/√(s_i t_j) has
‖S̃‖₂ ≤ λ,

    D(S) = Σ_Ω (S_ij a_ij − S_ij²/(2w_ij))  ≤  min P  ≤  F(X, Y).

*Proof.* ½w(z − a)² ≥ −S(z − a) − S²/(2w) entry by entry, and λ‖Z̃‖_* ≥ ⟨S̃, Z̃⟩ = Σ S z. ∎

With biases, z_ij = x_i·y_j + b_i + c_j with a ridge ρ, ½ρs_i b_i² ≥ b_i S_i − S_i²/(2ρs_i), S_i = Σ_j S_ij, takes
care of them: D loses Σ_i S_i²/(2ρs_i) + Σ_j S_j²/(2ρt_j). A fixed μ is subtracted from a.

**The candidate.** S = cW with the weighted residual W = w∘(a − z): at the best fit W̃ has the singular value λ as often
as the fit has rank, and none above, so that c = 1. D(cW) = cα − ½c²β with α = ⟨W, a⟩ and β = Σ W²/w plus the terms of
the biases, so c = α/β clipped to ±λ/‖W̃‖₂; the bound on ‖W̃‖₂ (`spectral_norm`) must be tight, or the gap never closes.

F − D(cW) bounds the distance to the least F of *every* rank. Where the best Z̃ has a rank above d, it stays open: no fit
with d columns reaches the convex optimum. It says nothing about entries that are not known.

*Rounding.* W is whatever numbers are stored, so α and β are sums of numbers each known to a few ε = 2⁻⁵². F rests on
residuals, each off by about (d + 4)ε times what it is the difference of.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lopside.krylov import EPSILON

_ROUNDING = 64.0 * EPSILON
"""Rounding in a sum, over the sum of moduli: sums within a line, then exact ones over the lines."""


class Candidate(NamedTuple):
    """Numbers of a weighted residual W.

    Attributes
    ----------
    agreement : float
        α = Σ W a.
    size : float
        β = Σ W²/w + Σ_i W_i²/(ρs_i) + Σ_j W_j²/(ρt_j), the last two with biases only.
    moduli : float
        Σ |W a| + β: what rounding is measured by.
    """

    agreement: float
    size: float
    moduli: float


class DualityGap(NamedTuple):
    """What is proved about a fit.

    Attributes
    ----------
    loss : float
        F(X, Y), as computed.
    dual : float
        D(cW), less rounding: no fit of any rank is below.
    scale : float
        c.
    rounding : float
        What `loss` is known up to.
    """

    loss: float
    dual: float
    scale: float
    rounding: float

    @property
    def gap(self) -> float:
        """A bound on F(X, Y) − min F over every rank."""
        return max(0.0, self.loss + self.rounding - self.dual)

    @property
    def relative(self) -> float:
        """`gap` over F(X, Y); 0 where F is 0."""
        return self.gap / self.loss if self.loss > 0.0 else 0.0


def duality_gap(loss: float, found: Candidate, ridge: float, norm: float, slip: float = 0.0) -> DualityGap:
    """Return the gap for a residual with ‖W̃‖₂ ≤ `norm`.

    Parameters
    ----------
    loss : float
        F(X, Y) ≥ 0.
    found : Candidate
    ridge : float
        λ ≥ 0; with 0 only D = 0 is left.
    norm : float
        An upper bound on ‖W̃‖₂.
    slip : float
        What `loss` is known up to.

    Examples
    --------
    >>> gap = duality_gap(0.095, Candidate(0.1, 0.01, 0.11), 0.1, 0.1)  # a = w = 1, λ = 0.1, x y = 0.9
    >>> round(gap.dual, 12), gap.gap < 1e-12
    (0.095, True)
    """
    slip += _ROUNDING * loss
    if found.size == 0.0 or not math.isfinite(found.size) or ridge == 0.0:
        return DualityGap(loss, 0.0, 0.0, slip)
    most = ridge / norm * (1.0 - 16.0 * EPSILON) if norm > 0.0 else math.inf
    scale = min(max(found.agreement / found.size, -most), most)
    dual = scale * found.agreement - 0.5 * scale * scale * found.size
    dual -= _ROUNDING * (abs(scale) + scale * scale) * found.moduli
    return DualityGap(loss, dual, scale, slip) if dual > 0.0 else DualityGap(loss, 0.0, 0.0, slip)
