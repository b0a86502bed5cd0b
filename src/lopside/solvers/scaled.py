"""What the methods scaled by a Gram matrix share: steps that are pure numbers, and damping."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from lopside.arrays import as_positive
from lopside.errors import InputError
from lopside.solvers.first_order import FirstOrder
from lopside.solvers.metric import Gram


class Scaled(FirstOrder):
    """X⁺ = X − η∇_X f (YᵀY + λI)⁻¹, and Y⁺ likewise: nothing changes under X → XT, Y → YT⁻ᵀ where λ = 0.

    Attributes
    ----------
    damping : float or "loss"
        λ ≥ 0, in the unit of A, or λ = √f at every step [ZFZ21].
    """

    damping: Any
    order: ClassVar[None] = None
    scale_free: ClassVar[bool] = True

    def metric(self, point: Any, step_size: Any) -> Gram:
        """Return the step scaled by the other factor's Gram matrix; a method without η takes η = 1."""
        damping = (
            math.sqrt(point.loss / getattr(point.problem, "scale", 1.0))
            if self.damping == "loss"
            else float(self.damping)
        )
        precision = 0.5 * float(np.finfo(point.X.dtype).eps)
        return Gram(1.0 if step_size is None else step_size, damping, precision)


def require_damping(damping: Any) -> None:
    """Raise unless λ is a number ≥ 0 or "loss"."""
    if not (isinstance(damping, str) and damping == "loss"):
        try:
            as_positive(damping, "damping", zero=True)
        except InputError as error:
            raise InputError(f'{error}, or "loss" for √f at every step') from None


def require_pure(step_size: Any, largest: float) -> None:
    """Raise unless η is a number with 0 < η ≤ `largest`."""
    number = isinstance(step_size, int | float | np.number) and not isinstance(step_size, bool)
    if not number or not 0.0 < step_size <= largest:
        raise InputError(
            f"got step size {step_size!r}; expected a pure number, 0 < η ≤ {largest:g}: a scaled method divides by "
            "the Gram matrices itself and knows no unit 1/σ₁(A). Try 0.5"
        )
