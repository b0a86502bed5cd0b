"""f at one pair of factors of a matrix known by linear measurements."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.linalg import frobenius, gram
from lopside.problems.sensing_maps import product
from lopside.threads import one_blas_thread


class SensingPoint:
    """f(X, Y), with the residual and the gradients made when first asked for, from one application of 𝒜 or 𝒜* each.

    Parameters
    ----------
    problem : Sensing
    X, Y : ndarray, shapes (m, d) and (n, d)
    ahead : SensingPoint, optional
        Where momentum takes the next gradients.
    """

    def __init__(self, problem: Any, X: Array, Y: Array, ahead: SensingPoint | None = None) -> None:
        self.problem, self.X, self.Y, self.ahead = problem, X, Y, ahead

    def settled(self) -> SensingPoint:
        """Return the same point without momentum."""
        point = SensingPoint(self.problem, self.X, self.Y)
        point.__dict__.update(self.__dict__, ahead=None)
        return point

    @cached_property
    def gram_x(self) -> Array:
        """XᵀX in float64."""
        return gram(self.X)

    @cached_property
    def gram_y(self) -> Array:
        """YᵀY in float64."""
        return gram(self.Y)

    @cached_property
    def residual(self) -> Array:
        """𝒜(X Yᵀ) − y, shape (k,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.problem.measure(self.X, self.Y) - self.problem.values

    @cached_property
    def _back(self) -> Any:
        return self.problem.adjoint(self.residual)

    def slope(self, side: str) -> Array:
        """Return ∇_X f = 𝒜*(r)Y + λX or ∇_Y f = 𝒜*(r)ᵀX + λY, r the residual, for `side` "x" or "y"."""
        F, other, M = (self.X, self.Y, self._back) if side == "x" else (self.Y, self.X, self._back.T)
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
            gradient = product(M, other).astype(F.dtype, copy=False)
            return gradient + self.problem.ridge * F if self.problem.ridge else gradient

    @cached_property
    def residual_norm(self) -> float:
        """‖𝒜(X Yᵀ) − y‖."""
        return frobenius(self.residual)

    @property
    def charge(self) -> float:
        """What the ridge adds to the loss: (λ/2)(‖X‖_F² + ‖Y‖_F²)."""
        return 0.5 * self.problem.ridge * float(np.trace(self.gram_x) + np.trace(self.gram_y))

    @property
    def loss(self) -> float:
        """f(X, Y)."""
        return 0.5 * self.residual_norm * self.residual_norm + self.charge

    @property
    def relative_error(self) -> float:
        """‖𝒜(X Yᵀ) − y‖/‖y‖, not squared; for y = 0, 0 if the residual is 0 and infinity otherwise."""
        norm = self.problem.norm
        if norm == 0.0:
            return 0.0 if self.residual_norm == 0.0 else float("inf")
        return self.residual_norm / norm

    def gradient_norms(self) -> tuple[float, float]:
        """(‖∇_X f‖_F, ‖∇_Y f‖_F)."""
        return frobenius(self.slope("x")), frobenius(self.slope("y"))
