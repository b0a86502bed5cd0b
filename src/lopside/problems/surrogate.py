"""A sparse matrix M at the places of the entries, as w∘(a − μ): what starts and step sizes take for A."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from lopside.arrays import Array
from lopside.linalg import gram, largest_singular_value, leading_triplets
from lopside.storage.known import Product
from lopside.storage.lines import Lines
from lopside.storage.protocol import EPSILON, Sweep

_LEAST = 0.01
"""Share of the best scalar that a start keeps where the ridge would make it vanish."""


class Surrogate:
    """M, and what is asked of it.

    Parameters
    ----------
    times, transpose_times : callable
        V (n × k) ↦ M V and U (m × k) ↦ MᵀU, one read each.
    shape : (m, n)
    dtype : float32 or float64
    """

    epsilon = EPSILON
    transposed = False
    norm = 0.0

    def __init__(self, times: Product, transpose_times: Product, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype, self.reads = shape, dtype, 0
        self._times, self._transpose_times = times, transpose_times
        self._sigma1: float | None = None

    @classmethod
    def of(cls, lines: Any) -> Self:
        """Return the matrix of the values of lines without weights; see `norm_bound` for what it is asked."""
        times, transpose_times = lines.products()
        made = cls(times, transpose_times, lines.shape, lines.dtype)
        made.norm = lines.norm()
        return made

    @classmethod
    def at(cls, lines: Lines, values: Array) -> Self:
        """Return the matrix of these values at the places of the entries."""
        held = lines.matrix(values)
        return cls(held.times, held.transpose_times, held.shape, held.dtype)

    def times(self, V: Array) -> Array:
        """Return M V."""
        self.reads += 1
        return self._times(V)

    def transpose_times(self, U: Array) -> Array:
        """Return MᵀU."""
        self.reads += 1
        return self._transpose_times(U)

    @property
    def side(self) -> int:
        """Columns of M."""
        return self.shape[1]

    def image(self, V: Array) -> Sweep:
        """Return M V as `rows`, MᵀM V as `probe` and (M V)ᵀ(M V) as `gram`; two reads."""
        rows = self.times(V)
        return Sweep(rows, self.transpose_times(rows), gram(rows), None)

    def sigma1(self) -> float:
        """Return an estimate of σ₁(M) from below."""
        if self._sigma1 is None:

            def both(V: Array) -> tuple[Array, Array]:
                swept = self.image(V.astype(self.dtype, copy=False))
                return swept.probe, swept.gram

            self._sigma1 = largest_singular_value(both, self.shape[1])
        return self._sigma1

    def triplets(self, rank: int) -> tuple[Array, Array, Array]:
        """Return about the leading singular triplets of M: U (m × d), s, Vᵗ."""
        return leading_triplets(self.times, self.transpose_times, self.shape, rank, kind=self.dtype)

    def leading(
        self, rank: int, square: Callable[[Array, Array], float], nothing: float, ridge: float
    ) -> tuple[Array, Array, Array]:
        """Return U (m × d), s, Vᵗ: about the leading singular vectors of M, with s = cσ for the c that fits best.

        Parameters
        ----------
        rank : int
        square : callable
            X, Y ↦ Σ w(x_i·y_j − a)².
        nothing : float
            That sum for X = 0.
        ridge : float
            λ: c minimizes Σ w(c u_iᵀΣv_j − a)² + 2λc Σσ.
        """
        U, s, Vt = self.triplets(rank)
        kind = self.dtype
        X, Y = (U * s).astype(kind, copy=False), Vt.T.astype(kind)
        plus, minus = square(X, Y), square(X, np.negative(Y, out=Y))
        fitted, agreement = 0.5 * (plus + minus) - nothing, 0.25 * (minus - plus)
        if not fitted > 0.0:
            return U, s, Vt
        return U, s * max((agreement - ridge * s.sum()) / fitted, _LEAST * agreement / fitted), Vt
