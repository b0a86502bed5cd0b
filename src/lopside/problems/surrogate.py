"""A sparse matrix M at the places of the entries, as w∘(a − μ): what starts and step sizes take for A."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lopside.arrays import Array
from lopside.linalg import largest_singular_value, leading_triplets
from lopside.storage.lines import Lines
from lopside.storage.sparse import Sparse

_LEAST = 0.01
"""Share of the best scalar that a start keeps where the ridge would make it vanish."""


class Surrogate:
    """M, and what is asked of it.

    Parameters
    ----------
    lines : Lines
        The entries row by row.
    values : ndarray, optional
        What M has at their places; default w∘(a − μ).
    """

    def __init__(self, lines: Lines, values: Array | None = None) -> None:
        if values is None:
            values = lines.values if lines.weights is None else lines.values * lines.weights
        self._lines, self.values = lines, values
        self.reads = 0
        self._sigma1: float | None = None

    def matrix(self) -> Sparse:
        """Return M. What it keeps to be fast goes with it: it is not for keeping."""
        return self._lines.matrix(self.values)

    def sigma1(self) -> float:
        """Return an estimate of σ₁(M) from below."""
        if self._sigma1 is None:
            held = self.matrix()

            def gram(V: Array) -> tuple[Array, Array]:
                V = V.astype(held.dtype, copy=False)
                self.reads += 1
                swept = held.sweep(None, V, np.eye(V.shape[1], dtype=V.dtype))
                return swept.probe, swept.gram

            self._sigma1 = largest_singular_value(gram, held.shape[1])
        return self._sigma1

    def triplets(self, rank: int) -> tuple[Array, Array, Array]:
        """Return about the leading singular triplets of M: U (m × d), s, Vᵗ."""

        def counted(product: Callable[[Array], Array]) -> Callable[[Array], Array]:
            def read(F: Array) -> Array:
                self.reads += 1
                return product(F)

            return read

        held = self.matrix()
        times, transpose_times = counted(held.times), counted(held.transpose_times)
        return leading_triplets(times, transpose_times, held.shape, rank, kind=held.dtype)

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
        kind = self.values.dtype
        X, Y = (U * s).astype(kind, copy=False), Vt.T.astype(kind)
        plus, minus = square(X, Y), square(X, np.negative(Y, out=Y))
        fitted, agreement = 0.5 * (plus + minus) - nothing, 0.25 * (minus - plus)
        if not fitted > 0.0:
            return U, s, Vt
        return U, s * max((agreement - ridge * s.sum()) / fitted, _LEAST * agreement / fitted), Vt
