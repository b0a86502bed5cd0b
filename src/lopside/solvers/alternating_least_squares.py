"""Alternating least squares: the best X for this Y, then the best Y for that X."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lopside.problems.protocol import Order
from lopside.solvers.scaled import Scaled, require_damping


@dataclass(frozen=True)
class AlternatingLeastSquares(Scaled):
    """X⁺ = argmin f(·, Y), then Y⁺ = argmin f(X⁺, ·), that is X⁺ = A Y(YᵀY)⁻¹ and Y⁺ = AᵀX⁺(X⁺ᵀX⁺)⁻¹.

    On a fully known matrix this is subspace iteration: what is missed falls by (σ_{d+1}/σ_d)² a step, and a matrix
    of rank d is fitted in one. It has no step size.

    Parameters
    ----------
    damping : float or "loss"
        λ ≥ 0 in the unit of A: minimize f(·, Y) + ½λ‖· − X‖² instead, which moves less and has the same answers.
        "loss" is λ = √f at every step.
    """

    damping: Any = 0.0
    step_size: ClassVar[None] = None
    moves: ClassVar[Order] = "alternating"

    def __post_init__(self) -> None:
        require_damping(self.damping)
