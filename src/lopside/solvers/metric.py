"""The d × d rules that turn gradients into steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lopside.arrays import Array


@dataclass(frozen=True, slots=True)
class Identity:
    """Plain gradient steps: C = ηI and B = I − ηYᵀY, so that X⁺ = X − η∇_X f.

    Parameters
    ----------
    step_size : float
        η > 0, in units of 1/σ₁(A).
    """

    step_size: float

    def coefficients(self, gram: Array) -> tuple[Array, Array]:
        """Return (I − ηG, ηI) for the other factor's Gram matrix G, d × d."""
        B = gram * -self.step_size
        B.flat[:: len(B) + 1] += 1.0
        return B, _multiple_of_identity(self.step_size, len(B))


@lru_cache(maxsize=64)
def _multiple_of_identity(value: float, d: int) -> Array:
    matrix = value * np.eye(d)
    matrix.flags.writeable = False
    return matrix
