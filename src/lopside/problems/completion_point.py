"""F at one pair of factors of a matrix with missing entries."""

from __future__ import annotations

import math
from typing import Any

from lopside.arrays import Array
from lopside.linalg import frobenius, gram
from lopside.problems.biases import Layout


class CompletionPoint:
    """F(X, Y), with residual sums and gradients made when first asked for, each from one read of the entries.

    Parameters
    ----------
    problem : Completion
    X, Y : ndarray, shapes (m, D) and (n, D)
        With the columns of the biases.
    layout : Layout
    ahead : CompletionPoint, optional
        Where momentum takes the next gradients.
    square : float, optional
        Σ w(x_i·y_j − a)², where it is known.
    """

    def __init__(
        self,
        problem: Any,
        X: Array,
        Y: Array,
        layout: Layout,
        ahead: CompletionPoint | None = None,
        square: float | None = None,
    ) -> None:
        self.problem, self.X, self.Y, self.layout, self.ahead = problem, X, Y, layout, ahead
        self._square = square
        self._slopes: dict[str, Array] = {}

    def settled(self) -> CompletionPoint:
        """Return the same point without momentum."""
        point = CompletionPoint(self.problem, self.X, self.Y, self.layout, square=self._square)
        point._slopes = self._slopes
        return point

    def forget(self) -> None:
        """Give the memory of the gradients back: nothing that follows is made from them."""
        self._slopes.clear()

    @property
    def gram_x(self) -> Array:
        """XᵀX in float64."""
        return gram(self.X)

    @property
    def gram_y(self) -> Array:
        """YᵀY in float64."""
        return gram(self.Y)

    def slope(self, side: str) -> Array:
        """Return ∇_X F or ∇_Y F, for `side` "x" or "y", in the columns that are free."""
        if side not in self._slopes:
            self._slopes[side], square = self.problem.gradient(self, side)
            if self._square is None:
                self._square = square
        return self._slopes[side]

    @property
    def square(self) -> float:
        """Σ w(x_i·y_j − a)² over the observed entries."""
        if self._square is None:
            self._square = self.problem.square(self.X, self.Y)
        return self._square

    @property
    def charge(self) -> float:
        """What the ridge adds to the loss: ½ Σ λ_i‖x_i‖² + ½ Σ λ_j‖y_j‖²."""
        return self.problem.charge(self)

    @property
    def loss(self) -> float:
        """F(X, Y)."""
        return 0.5 * self.square + self.charge

    @property
    def residual_norm(self) -> float:
        """√Σ w(x_i·y_j − a)² over the observed entries."""
        return math.sqrt(self.square)

    @property
    def relative_error(self) -> float:
        """`residual_norm` over that of X = 0; where all entries equal the mean, 0 for a perfect fit, else infinite."""
        norm = self.problem.norm
        if norm == 0.0:
            return 0.0 if self.square == 0.0 else float("inf")
        return self.residual_norm / norm

    def gradient_norms(self) -> tuple[float, float]:
        """(‖∇_X F‖_F, ‖∇_Y F‖_F)."""
        return frobenius(self.slope("x")), frobenius(self.slope("y"))
