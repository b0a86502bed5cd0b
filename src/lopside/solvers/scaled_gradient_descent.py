"""Gradient descent scaled by the Gram matrices, whose rate does not depend on the condition number of A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lopside.problems.protocol import Order
from lopside.solvers.scaled import Scaled, require_damping, require_pure


@dataclass(frozen=True)
class ScaledGradientDescent(Scaled):
    """X⁺ = X − η∇_X f(X, Y)(YᵀY + λI)⁻¹ and Y⁺ = Y − η∇_Y f(X, Y)(XᵀX + λI)⁻¹ [TMC21].

    Near an exact answer the error falls by 1 − η a step, by |1 − 2η| where the factors span what A spans. From a
    random start it is erratic from η ≈ ½ on; from X₀ = AΦ, Y₀ = 0 every η ≤ 1 works [LZMH25].

    Parameters
    ----------
    step_size : float
        0 < η ≤ 1, a pure number.
    damping : float or "loss"
        λ ≥ 0 in the unit of A [XSCM23], or "loss" for λ = √f [ZFZ21]; for more columns than A has rank.
    """

    step_size: float = 0.5
    damping: Any = 0.0
    moves: ClassVar[Order] = "simultaneous"

    def __post_init__(self) -> None:
        require_pure(self.step_size, 1.0)
        require_damping(self.damping)


@dataclass(frozen=True)
class AlternatingScaledGradientDescent(Scaled):
    """X⁺ = X − η∇_X f(X, Y)(YᵀY + λI)⁻¹, then Y⁺ = Y − η∇_Y f(X⁺, Y)(X⁺ᵀX⁺ + λI)⁻¹ [JWPFM23].

    On a matrix of rank d the squared error falls by (1 − η)² a step from any start, by (1 − η)⁴ where X spans what A
    spans, whatever its condition number. η = 1 is `AlternatingLeastSquares`.

    Parameters
    ----------
    step_size : float
        0 < η ≤ 2, a pure number; beyond 1 it overshoots.
    damping : float or "loss"
        λ ≥ 0 in the unit of A, or "loss" for λ = √f [ZFZ21].
    """

    step_size: float = 0.5
    damping: Any = 0.0
    moves: ClassVar[Order] = "alternating"

    def __post_init__(self) -> None:
        require_pure(self.step_size, 2.0)
        require_damping(self.damping)
