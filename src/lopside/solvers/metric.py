"""The d × d rules that turn gradients into steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from lopside.arrays import Array
from lopside.linalg import UNIT_ROUNDOFF, tall_times
from lopside.problems import Coefficients


@dataclass(frozen=True, slots=True)
class Identity:
    """Plain gradient steps: C = ηI and B = I − ηYᵀY, so that X⁺ = X − η∇_X f.

    Parameters
    ----------
    step_size : float
        η > 0, in units of 1/σ₁(A).
    """

    step_size: float

    def step(self, gradient: Array, gram: Array, scales: Array, ridges: Array) -> Array:
        """Return η times the gradient."""
        return self.step_size * gradient

    def coefficients(self, gram: Array) -> Coefficients:
        """Return B = I − ηG and C = ηI for the other factor's Gram matrix G, d × d."""
        B = gram * -self.step_size
        B.flat[:: len(B) + 1] += 1.0
        return Coefficients(B, None, _multiple_of_identity(self.step_size, len(B)))


@dataclass(frozen=True, slots=True)
class Still:
    """No step: B = I and C = 0."""

    def step(self, gradient: Array, gram: Array, scales: Array, ridges: Array) -> Array:
        """Return 0."""
        return np.zeros_like(gradient)

    def coefficients(self, gram: Array) -> Coefficients:
        """Return I and 0, d × d."""
        return Coefficients(_multiple_of_identity(1.0, len(gram)), None, _multiple_of_identity(0.0, len(gram)))


@dataclass(frozen=True, slots=True)
class Gram:
    """Steps scaled by the other factor: C = η(G + λI)⁻¹ and B = I − G C = (1 − η)I + ηλ(G + λI)⁻¹, G = YᵀY.

    Directions in which G + λI vanishes to rounding are left alone (the pseudo-inverse): there C = 0 and B = I.

    Parameters
    ----------
    step_size : float
        η > 0, a pure number; η = 1 without damping solves the least-squares problem for one factor.
    damping : float
        λ ≥ 0, in the unit of A.
    precision : float
        Unit roundoff u′ of the factors. A singular value of Y below √(d·u′)·σ₁(Y) would bring in more rounding than
        it carries; one whose square is below 16d·u·σ₁(Y)² is rounding of G itself.
    """

    step_size: float
    damping: float = 0.0
    precision: float = UNIT_ROUNDOFF
    scaled: ClassVar[bool] = True

    def step(self, gradient: Array, gram: Array, scales: Array, ridges: Array) -> Array:
        """Return η g_i(s_i G + (r_i + λ)I)⁻¹ for each row g_i of the gradient, s_i its scale and r_i its ridge."""
        if not np.isfinite(gram).all():
            return np.full_like(gradient, np.nan)
        values, V = np.linalg.eigh(gram)
        levels = scales[:, None] * np.maximum(values, 0.0)
        damped = levels + (ridges + self.damping)[:, None]
        kept = damped > relative_cutoff(len(gram), self.precision) * levels[:, -1:]
        inverse = np.divide(self.step_size, damped, out=np.zeros(damped.shape), where=kept)
        turned = tall_times(gradient, V.astype(gradient.dtype)) * inverse.astype(gradient.dtype)
        return tall_times(turned, V.T.astype(gradient.dtype))

    def coefficients(self, gram: Array) -> Coefficients:
        """Return B, and C in two halves, for the other factor's Gram matrix G, d × d; NaN where G is not finite."""
        d = len(gram)
        if not np.isfinite(gram).all():
            lost = np.full((d, d), np.nan)
            return Coefficients(lost, None, lost)
        values, V = np.linalg.eigh(gram)
        values = np.maximum(values, 0.0)
        damped = values + self.damping
        kept = damped > relative_cutoff(d, self.precision) * values[-1]
        inverse = np.divide(1.0, damped, out=np.zeros(d), where=kept)
        B = (V * np.where(kept, self.step_size * self.damping * inverse, self.step_size)) @ V.T
        B.flat[:: d + 1] += 1.0 - self.step_size
        root = V * np.sqrt(inverse)
        return Coefficients(B, root, self.step_size * root.T)


@dataclass(frozen=True, slots=True)
class Exact(Gram):
    """The minimizer over one factor, plus ½λ‖· − X‖²: on a fully known matrix the same as `Gram` with η = 1.

    Parameters
    ----------
    inner_steps : int, optional
        Where each row has a system of its own: that many steps of conjugate gradients on it instead of Cholesky.
    """

    inner_steps: int | None = None
    exact: ClassVar[bool] = True


def relative_cutoff(d: int, precision: float) -> float:
    """Return the share of the largest eigenvalue of a d × d Gram matrix below which one is rounding.

    >>> relative_cutoff(1, 2.0**-53) < 2e-15
    True
    """
    return d * max(16.0 * UNIT_ROUNDOFF, precision)


@lru_cache(maxsize=64)
def _multiple_of_identity(value: float, d: int) -> Array:
    matrix = value * np.eye(d)
    matrix.flags.writeable = False
    return matrix
