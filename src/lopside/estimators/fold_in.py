"""What a fit knows of the columns, and with it of any row of which some entries are known, without another fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.observations import Observations
from lopside.problems import Completion
from lopside.problems.biases import Layout
from lopside.problems.completion_point import CompletionPoint
from lopside.problems.penalty import Penalty
from lopside.problems.prediction import Cold, predicted
from lopside.storage.lines import Lines
from lopside.threads import one_blas_thread, thread_count


@dataclass(frozen=True, eq=False)
class FoldIn:
    """min over x of ½ Σ w_j(x·y_j + μ − a_j)² + ½ λ s‖x‖², for each row on its own.

    Attributes
    ----------
    Y : ndarray, shape (n, D)
        With the columns of the biases.
    layout : Layout
    penalty : Penalty
    mean : float
        μ.
    average : float
        Entries that a row of the fit had on average, which the ridge scaling "smoothed" asks for.
    """

    Y: Array
    layout: Layout
    penalty: Penalty
    mean: float
    average: float

    @classmethod
    def of(cls, problem: Completion, X: Array, Y: Array) -> Self:
        """Return what factors of a problem know of its columns."""
        point = problem.fitted((X, Y))
        average = float(problem.by_rows.counts().mean())
        return cls(point.Y, point.layout, problem.penalty, problem.mean, average)

    def rows(self, lines: Lines, Y: Array | None = None) -> Array:
        """Return X (r × D), best for these rows.

        Parameters
        ----------
        lines : Lines
            Of values less μ, in the precision of Y.
        Y : ndarray, optional
            Where the lines are about some of the columns only.
        """
        free, still = self.layout.order(left=True)
        units = self.penalty.units(self.layout, left=True).astype(self.Y.dtype)
        table = lines.table(self.Y if Y is None else Y, free + still, units)
        ridges, nothing = self._ridges(lines.counts()), self.nothing(lines.shape[0])
        with one_blas_thread:
            return lines.solve(nothing, table, ridges, columns=free, units=units, fixed=bool(still))[0]

    def known(self, known: Observations, count: int) -> Array:
        """Return X (count × D) for checked observations of rows; where there are none, of a row only the mean is known.

        Parameters
        ----------
        known : Observations
            Of the columns in their order, and of some of the rows.
        count : int
        """
        kind = self.Y.dtype
        values = (known.values - self.mean).astype(kind, copy=False)
        weights = None if known.weights is None else known.weights.astype(kind, copy=False)
        lines = Lines(known.indptr, known.indices, values, weights, known.shape[1], thread_count())
        some = self.rows(lines, None if known.column_ids is None else self.Y[known.column_ids])
        if known.row_ids is None and len(some) == count:
            return some
        X = self.nothing(count)
        X[np.arange(len(some)) if known.row_ids is None else known.row_ids] = some
        return X

    def predicted(self, X: Array, rows: NDArray[Any], columns: NDArray[Any], *, cold: Cold) -> Array:
        """Return μ + x_i·y_j for each pair of positions, −1 for what was not there; see `prediction.predicted`."""
        return predicted(CompletionPoint(None, X, self.Y, self.layout), self.mean, rows, columns, cold=cold)

    def _ridges(self, counts: NDArray[np.int64]) -> Array:
        if self.penalty.scaling == "smoothed":
            return 0.5 * self.penalty.ridge * (counts + self.average)
        return self.penalty.ridges(counts)

    def nothing(self, count: int) -> Array:
        """Return the rows of X of which nothing is known."""
        X = np.zeros((count, self.layout.width), self.Y.dtype)
        X[:, self.layout.order(left=True)[1]] = 1
        return X
