"""f at one pair (X, Y) of factors of a fully known matrix."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from lopside.arrays import Array
from lopside.linalg import frobenius, inner
from lopside.threads import one_blas_thread


class Owner(Protocol):
    """What a point asks of the problem it belongs to."""

    transposed: bool
    norm: float
    trust: float

    def times(self, Y: Array) -> Array:
        """Return A Y."""
        ...

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X."""
        ...

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F."""
        ...


class Point:
    """f at one pair (X, Y), with both Gram matrices and one product with A; the loss is computed when first read.

    The storage holds B = A, or B = Aᵀ where the problem is transposed. `rows` is the factor along the rows of B,
    `side` the other one and `probe` = Bᵀ rows: X, Y and AᵀX, or Y, X and A Y.

    The Gram form of the loss, ½(‖A‖² − 2⟨probe, side⟩ + ⟨XᵀX, YᵀY⟩), costs no read of A but is noise below about
    u‖A‖²; within a factor of that noise the residual form takes over, at one more read.

    Attributes
    ----------
    ahead : Point or None
        Where momentum takes the next gradients: X + β(X − X₋), Y + β(Y − Y₋). Without momentum, None.
    """

    __slots__ = ("_loss", "_residual", "ahead", "gram_rows", "gram_side", "probe", "problem", "rows", "side")

    def __init__(
        self,
        problem: Owner,
        rows: Array,
        side: Array,
        probe: Array,
        gram_rows: Array,
        gram_side: Array,
        ahead: Point | None = None,
        loss: float | None = None,
    ) -> None:
        self.problem = problem
        self.rows, self.side, self.probe = rows, side, probe
        self.gram_rows, self.gram_side = gram_rows, gram_side
        self.ahead = ahead
        self._loss = loss
        self._residual: float | None = None

    @property
    def X(self) -> Array:
        """The left factor, m × d."""
        return self.side if self.problem.transposed else self.rows

    @property
    def Y(self) -> Array:
        """The right factor, n × d."""
        return self.rows if self.problem.transposed else self.side

    @property
    def gram_x(self) -> Array:
        """XᵀX in float64."""
        return self.gram_side if self.problem.transposed else self.gram_rows

    @property
    def gram_y(self) -> Array:
        """YᵀY in float64."""
        return self.gram_rows if self.problem.transposed else self.gram_side

    def settled(self) -> Point:
        """Return the same point without momentum."""
        point = Point(self.problem, self.rows, self.side, self.probe, self.gram_rows, self.gram_side, loss=self._loss)
        point._residual = self._residual
        return point

    @property
    def loss(self) -> float:
        """f(X, Y) = ½‖X Yᵀ − A‖_F² (inf or nan where the factors overflow)."""
        if self._loss is None:
            self._loss = self._gram_loss()
        return self._loss

    def _gram_loss(self) -> float:
        known, fitted = self.problem.norm**2, inner(self.gram_rows, self.gram_side)
        loss = 0.5 * (known - 2.0 * inner(self.probe, self.side) + fitted)
        if loss <= self.problem.trust * max(known, fitted):
            return 0.5 * self.residual_norm * self.residual_norm
        return loss

    @property
    def residual_norm(self) -> float:
        """‖X Yᵀ − A‖_F from the residual itself: right at any size, one more read of A."""
        missed = self._residual
        if missed is None:
            missed = self._residual = self.problem.residual_norm(self.X, self.Y)
        return missed

    @property
    def relative_error(self) -> float:
        """‖X Yᵀ − A‖_F / ‖A‖_F, not squared; for A = 0, 0 if X Yᵀ = 0 and infinity otherwise."""
        loss, norm = self.loss, self.problem.norm
        # ½‖·‖² of a matrix near 1e-150 underflows where its norm does not.
        missed = self._residual if self._residual is not None else math.sqrt(max(0.0, 2.0 * loss))
        if norm == 0.0:
            return 0.0 if missed == 0.0 else float("inf")
        return missed / norm

    def gradient_norms(self) -> tuple[float, float]:
        """(‖∇_X f‖_F, ‖∇_Y f‖_F) = (‖X YᵀY − A Y‖_F, ‖Y XᵀX − AᵀX‖_F); one more read of A."""
        problem = self.problem
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
            product = (problem.transpose_times if problem.transposed else problem.times)(self.side)
            rows = frobenius(self.rows @ self.gram_side - product)
            side = frobenius(self.side @ self.gram_rows - self.probe)
        return (side, rows) if problem.transposed else (rows, side)
