"""Every entry of A is known: min ½‖X Yᵀ − A‖_F²."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from lopside.arrays import Array, as_factors, as_matrix
from lopside.errors import InputError
from lopside.linalg import frobenius, gram, inner, largest_singular_value, one_blas_thread, thin_svd
from lopside.problems.protocol import Metric, Order
from lopside.storage import Dense, Storage


class Full:
    """All entries of A count: f(X, Y) = ½‖X Yᵀ − A‖_F².

    Parameters
    ----------
    A : array_like, shape (m, n)
        Real and finite. float64 and float32 are kept, integers and booleans become float64. The array
        is held, not copied: do not change it while the problem lives.
    threads : int, optional
        How many threads read A; the result has the same bits for any number. Default: the environment
        variable LOPSIDE_THREADS, else every usable core.

    Raises
    ------
    InputError
        If A is not a finite, non-empty real matrix, or so large that ‖A‖_F² overflows.

    Examples
    --------
    >>> import lopside as lo
    >>> problem = lo.Full([[3.0, 0.0], [0.0, 4.0]])
    >>> problem.shape, problem.norm
    ((2, 2), 5.0)
    """

    def __init__(self, A: Any, *, threads: int | None = None) -> None:
        self.storage: Storage = Dense(as_matrix(A), threads)
        self.shape = self.storage.shape
        self.dtype = self.storage.dtype
        self.norm = self.storage.norm()
        self.reads = 0
        self.trust = _TRUST[self.dtype.name]
        # Shared by all handles on this matrix: what is true of A need be computed once.
        self._known: dict[str, Any] = {}
        if self.norm > 1e153 or 0.0 < self.norm < 1e-153:
            raise InputError(
                f"got a matrix with ‖A‖_F = {self.norm:.3g}, whose square is outside the range of float64; "
                "expected 1e-153 to 1e153. Try dividing A by its largest entry"
            )

    def __repr__(self) -> str:
        m, n = self.shape
        return f"Full({m} × {n}, {self.dtype.name}, ‖A‖_F = {self.norm:.6g})"

    def metered(self) -> Self:
        """Return a handle on the same matrix whose `reads` starts at 0."""
        handle = type(self).__new__(type(self))
        handle.__dict__.update(self.__dict__, reads=0)
        return handle

    def sigma1(self) -> float:
        """Return an estimate of σ₁(A) from below, a few per cent off at worst as a rule.

        See `linalg.largest_singular_value`; give `sigma1` to `solve` where you know better.
        """
        if "sigma1" not in self._known:
            self._known["sigma1"] = largest_singular_value(
                lambda V: self.gram(V.astype(self.dtype, copy=False)), self.shape[1]
            )
        return self._known["sigma1"]

    def svd(self) -> tuple[Array, Array, Array]:
        """Return LAPACK's thin SVD of A in float64, kept for the next call; O(mn·min(m, n)) work."""
        if "svd" not in self._known:
            m, n = self.shape
            A = self.times(np.eye(n)) if n <= m else self.transpose_times(np.eye(m)).T
            self._known["svd"] = thin_svd(A)
        return self._known["svd"]

    def gram(self, V: Array) -> tuple[Array, Array]:
        """Return AᵀA V and (AV)ᵀ(AV) from one read of A, in the wider of A's and V's precision; V is n × k."""
        self.reads += self.storage.reads_per_sweep
        swept = self.storage.sweep(None, V, np.eye(V.shape[1], dtype=V.dtype))
        return swept.probe, swept.gram

    def times(self, Y: Array) -> Array:
        """Return A Y in the wider of their precisions; Y has shape (n, k)."""
        self.reads += 1
        return self.storage.times(Y)

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X in the wider of their precisions; X has shape (m, k)."""
        self.reads += 1
        return self.storage.transpose_times(X)

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        self.reads += 1
        return self.storage.residual_norm(X, Y)

    def point(self, X: Array, Y: Array) -> Point:
        """Return the `Point` at copies of X (m × d) and Y (n × d); one read of A."""
        with np.errstate(over="ignore", invalid="ignore"):  # the loss says so, and the loop with it
            X, Y = as_factors(X, Y, self.shape, self.dtype)
            return Point(self, X, Y, self.transpose_times(X), gram(X), gram(Y))

    def advance(self, point: Point, x: Metric, y: Metric, *, order: Order) -> Point:
        """Return the point after one iteration, from one read of A.

        X⁺ = X B_x + (A Y) C_x with (B_x, C_x) = x(YᵀY), then Y⁺ = Y B_y + (Aᵀ X̂) C_y with (B_y, C_y) = y(X̂ᵀX̂),
        where X̂ = X⁺ if `order` is "alternating" [WK23, Assumption 1] and X̂ = X if "simultaneous".
        """
        self.reads += self.storage.reads_per_sweep
        kind = self.dtype
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
            swept = self.storage.sweep(
                point.X, point.Y, np.concatenate(x.coefficients(point.gram_y)).astype(kind, copy=False)
            )
            new = order == "alternating"
            B, C = y.coefficients(swept.gram if new else point.gram_x)
            AtX = swept.probe if new else point.AtX
            Y = point.Y.dot(B.astype(kind, copy=False)) + AtX.dot(C.astype(kind, copy=False))
            return Point(self, swept.rows, Y, swept.probe, swept.gram, gram(Y))


class Point:
    """f at one pair (X, Y), with AᵀX and both Gram matrices; the loss is computed when first read.

    The Gram form ½(‖A‖² − 2⟨AᵀX, Y⟩ + ⟨XᵀX, YᵀY⟩) costs no read of A but is noise below about u‖A‖²;
    within a factor of that noise the residual form takes over, at one more read.
    """

    __slots__ = ("AtX", "X", "Y", "_loss", "_residual", "gram_x", "gram_y", "problem")

    def __init__(self, problem: Full, X: Array, Y: Array, AtX: Array, gram_x: Array, gram_y: Array) -> None:
        self.problem = problem
        self.X, self.Y, self.AtX = X, Y, AtX
        self.gram_x, self.gram_y = gram_x, gram_y
        self._loss: float | None = None
        self._residual: float | None = None

    @property
    def loss(self) -> float:
        """f(X, Y) = ½‖X Yᵀ − A‖_F² (inf or nan where the factors overflow)."""
        if self._loss is None:
            self._loss = self._gram_loss()
        return self._loss

    def _gram_loss(self) -> float:
        known, fitted = self.problem.norm**2, inner(self.gram_x, self.gram_y)
        loss = 0.5 * (known - 2.0 * inner(self.AtX, self.Y) + fitted)
        if loss <= self.problem.trust * max(known, fitted):
            return 0.5 * self.residual_norm * self.residual_norm
        return loss

    @property
    def residual_norm(self) -> float:
        """‖X Yᵀ − A‖_F from the residual itself: right at any size, one more read of A."""
        if self._residual is None:
            self._residual = self.problem.residual_norm(self.X, self.Y)
        return self._residual

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
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
            AY = self.problem.times(self.Y)
            return frobenius(self.X @ self.gram_y - AY), frobenius(self.Y @ self.gram_x - self.AtX)


_TRUST = {"float64": 1e6 * 2.0**-54, "float32": 1e3 * 2.0**-25}
"""The Gram form is used above this share of ‖A‖²: about u/3 times the accuracy wanted, 1e-5 or (float32) 1e-2."""
