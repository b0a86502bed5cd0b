"""A table's observed entries in units of their columns, and what a fit to them says of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array, row_blocks
from lopside.estimators.fold_in import FoldIn
from lopside.observed_tables import of_table
from lopside.threads import one_blas_thread

_CONSTANT = 100.0 * float(np.finfo(np.float64).eps)
"""A deviation below this share of the largest entry is rounding."""


@dataclass(frozen=True, eq=False)
class Columns:
    """a = size·(center + spread·z), column by column.

    Attributes
    ----------
    size : ndarray, shape (n,)
        A power of 2 near the largest modulus, so that no square leaves the range of float64.
    center, spread : ndarray, shape (n,)
    """

    size: Array
    center: Array
    spread: Array

    @classmethod
    def of(cls, table: Array, hidden: NDArray[np.bool_], *, standardize: bool) -> Self:
        """Return the columns of a table; one that is constant where it is observed keeps its unit.

        Parameters
        ----------
        table : ndarray, shape (m, n)
        hidden : ndarray of bool, shape (m, n)
            What is not observed: not all of any column.
        standardize : bool
            Means and standard deviations of what is observed; with False a = z.
        """
        n = table.shape[1]
        if not standardize:
            return cls(np.ones(n), np.zeros(n), np.ones(n))
        known = ~hidden
        largest = np.max(np.abs(table), axis=0, where=known, initial=0.0).astype(np.float64)
        size = np.exp2(np.frexp(largest)[1] - 1.0)
        scaled = np.where(known, table, 0.0) / size
        center = scaled.mean(axis=0, where=known)
        spread = np.sqrt(np.square(scaled - center).mean(axis=0, where=known))
        return cls(size, center, np.where(spread > _CONSTANT, spread, 1.0 / size))

    def inward(self, table: Array, hidden: NDArray[np.bool_]) -> Array:
        """Return z in the precision of the table, NaN where it is hidden."""
        z = (np.where(hidden, 0.0, table) / self.size - self.center) / self.spread
        z[hidden] = np.nan
        return z.astype(table.dtype, copy=False)

    def outward(self, z: Array) -> Array:
        """Return a, in float64."""
        return self.size * (self.center + self.spread * z)


@dataclass(frozen=True, eq=False)
class Filler:
    """What fills a table of such columns.

    Attributes
    ----------
    columns : Columns
    known : FoldIn
    """

    columns: Columns
    known: FoldIn

    def filled(self, table: Array, hidden: NDArray[np.bool_]) -> Array:
        """Return a copy of a table with what is hidden replaced."""
        out = table.copy()
        rows = np.flatnonzero(hidden.any(axis=1))
        if not len(rows):
            return out
        X = self._factor(table[rows], hidden[rows])
        for block in row_blocks((len(rows), table.shape[1]), X.itemsize):
            with one_blas_thread:
                z = X[block] @ self.known.Y.T + self.known.mean
            here = rows[block]
            out[here] = np.where(hidden[here], self.columns.outward(z), table[here])
        return out

    def of_nothing(self) -> Array:
        """Return what a row is filled with of which nothing is observed."""
        n = len(self.columns.size)
        return self.filled(np.zeros((1, n)), np.ones((1, n), np.bool_))[0]

    def _factor(self, table: Array, hidden: NDArray[np.bool_]) -> Array:
        if hidden.all():
            return self.known.nothing(len(table))
        return self.known.known(of_table(self.columns.inward(table, hidden)), len(table))
