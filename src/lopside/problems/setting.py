"""What factors of a completion mean: what is added to X Yᵀ, the ridge they were fitted under, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.ids import Ids
from lopside.problems.biases import with_biases
from lopside.problems.completion_point import CompletionPoint
from lopside.problems.penalty import Penalty
from lopside.problems.prediction import Cold, positions, predicted


@dataclass(frozen=True, eq=False)
class Setting:
    """The part of a completion problem that its entries are not needed for; kept with the factors in a file.

    Attributes
    ----------
    mean : float
        μ.
    penalty : Penalty
    row_ids, column_ids : ndarray or None
        None where lines are simply counted from 0.
    """

    mean: float
    penalty: Penalty
    row_ids: NDArray[Any] | None = None
    column_ids: NDArray[Any] | None = None

    @classmethod
    def of(cls, problem: Any) -> Self | None:
        """Return that of a completion problem, None for every other problem."""
        penalty = getattr(problem, "penalty", None)
        if not isinstance(penalty, Penalty):
            return None
        return cls(float(problem.mean), penalty, problem.row_ids, problem.column_ids)

    def predict(self, solution: Any, rows: Any, cols: Any, *, cold: Cold = "mean") -> Array:
        """Return μ + x_i·y_j for pairs of rows and columns; see `Completion.predict`."""
        X, Y = solution.X, solution.Y
        i = positions(rows, self.row_ids, len(X), "rows")
        j = positions(cols, self.column_ids, len(Y), "columns")
        if len(i) != len(j):
            raise InputError(f"got {len(i)} rows and {len(j)} columns; expected pairs of them")
        return predicted(self.point(X, Y), self.mean, i, j, cold=cold)

    def point(self, X: Array, Y: Array) -> CompletionPoint:
        """Return the point at factors, without a problem that could say anything of their loss."""
        return CompletionPoint(None, *with_biases(X, Y, self.penalty.bias))

    def stored(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the ids as arrays, and all else as what JSON takes."""
        ids = {"row_ids": self.row_ids, "column_ids": self.column_ids}
        facts = {
            "mean": self.mean,
            "ridge": self.penalty.ridge,
            "ridge_scaling": self.penalty.scaling,
            "bias": self.penalty.bias,
            "bias_ridge": self.penalty.bias_ridge,
        }
        return {name: array for name, array in ids.items() if array is not None}, facts

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any], shape: tuple[int, int]) -> Self:
        """Return what `stored` took apart.

        Raises
        ------
        KeyError, TypeError, ValueError
            If that cannot be what these are.
        """
        mean, bias_ridge = facts["mean"], facts["bias_ridge"]
        if type(mean) is not float or not np.isfinite(mean):
            raise ValueError(f"mean = {mean!r}, expected a finite number")
        penalty = Penalty(facts["ridge"], facts["ridge_scaling"], facts["bias"], bias_ridge)
        ids = [_ids(arrays, name, side) for name, side in zip(("row_ids", "column_ids"), shape, strict=True)]
        return cls(mean, penalty, *ids)


def _ids(arrays: Mapping[str, Array], name: str, side: int) -> NDArray[Any] | None:
    if name not in arrays:
        return None
    ids = Ids(arrays[name]).ids
    if len(ids) != side:
        raise ValueError(f"{len(ids)} {name}, expected {side}")
    return ids
