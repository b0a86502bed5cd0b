"""Alternating least squares: the best X for this Y, then the best Y for that X."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lopside.errors import InputError
from lopside.problems.protocol import Order
from lopside.solvers.metric import Exact
from lopside.solvers.scaled import Scaled, require_damping


@dataclass(frozen=True)
class AlternatingLeastSquares(Scaled):
    """X⁺ = argmin f(·, Y), then Y⁺ = argmin f(X⁺, ·), that is X⁺ = A Y(YᵀY)⁻¹ and Y⁺ = AᵀX⁺(X⁺ᵀX⁺)⁻¹.

    On a fully known matrix this is subspace iteration: what is missed falls by (σ_{d+1}/σ_d)² a step, and a matrix
    of rank d is fitted in one. Where entries are missing, each row is a least-squares problem of its own [ZWSP08]. It
    has no step size.

    Parameters
    ----------
    damping : float or "loss"
        λ ≥ 0 in the unit of A: minimize f(·, Y) + ½λ‖· − X‖² instead, which moves less and has the same answers.
        "loss" is λ = √f at every step.
    inner_steps : int, optional
        Where each row has a problem of its own: that many steps of conjugate gradients on it [TPT11], which is faster
        for large d. Default: Cholesky's decomposition.
    """

    damping: Any = 0.0
    inner_steps: int | None = None
    step_size: ClassVar[None] = None
    moves: ClassVar[Order] = "alternating"

    def __post_init__(self) -> None:
        require_damping(self.damping)
        if self.inner_steps is not None and (type(self.inner_steps) is not int or self.inner_steps < 1):
            raise InputError(f"got inner_steps = {self.inner_steps!r}; expected an integer ≥ 1 or None")

    def metric(self, point: Any, step_size: Any) -> Exact:
        """Return the minimizer over one factor."""
        rule = super().metric(point, 1.0)
        return Exact(1.0, rule.damping, rule.precision, self.inner_steps)
