"""What factors of a completion mean: what is added to X Yᵀ, the ridge they were fitted under, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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

_LINES = ("row_ids", "column_ids", "empty_rows", "empty_columns")


def _none() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


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
    empty_rows, empty_columns : ndarray of int, optional
        Positions of the lines without entries.
    """

    mean: float
    penalty: Penalty
    row_ids: NDArray[Any] | None = None
    column_ids: NDArray[Any] | None = None
    empty_rows: NDArray[np.int64] = field(default_factory=_none)
    empty_columns: NDArray[np.int64] = field(default_factory=_none)

    @classmethod
    def of(cls, problem: Any) -> Self:
        """Return that of a completion problem."""
        return cls(float(problem.mean), problem.penalty, *(getattr(problem, name) for name in _LINES))

    def predict(self, solution: Any, rows: Any, cols: Any, *, cold: Cold = "mean") -> Array:
        """Return μ + x_i·y_j for pairs of rows and columns; see `Completion.predict`."""
        return self.at(self.point(solution.X, solution.Y), rows, cols, cold=cold)

    def at(self, point: CompletionPoint, rows: Any, cols: Any, *, cold: Cold) -> Array:
        """Return the same for the factors at a point."""
        i = positions(rows, self.row_ids, len(point.X), "rows", self.empty_rows)
        j = positions(cols, self.column_ids, len(point.Y), "columns", self.empty_columns)
        if len(i) != len(j):
            raise InputError(f"got {len(i)} rows and {len(j)} columns; expected pairs of them")
        return predicted(point, self.mean, i, j, cold=cold)

    def point(self, X: Array, Y: Array) -> CompletionPoint:
        """Return the point at factors, without a problem that could say anything of their loss."""
        return CompletionPoint(None, *with_biases(X, Y, self.penalty.bias))

    def stored(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the ids as arrays, and all else as what JSON takes."""
        lines = {name: getattr(self, name) for name in _LINES}
        facts = {
            "mean": self.mean,
            "ridge": self.penalty.ridge,
            "ridge_scaling": self.penalty.scaling,
            "bias": self.penalty.bias,
            "bias_ridge": self.penalty.bias_ridge,
        }
        return {name: array for name, array in lines.items() if array is not None and len(array)}, facts

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
        m, n = shape
        return cls(
            mean,
            penalty,
            row_ids=_ids(arrays, "row_ids", m),
            column_ids=_ids(arrays, "column_ids", n),
            empty_rows=_places(arrays, "empty_rows", m),
            empty_columns=_places(arrays, "empty_columns", n),
        )


def _ids(arrays: Mapping[str, Array], name: str, side: int) -> NDArray[Any] | None:
    if name not in arrays:
        return None
    ids = Ids(arrays[name]).ids
    if len(ids) != side:
        raise ValueError(f"{len(ids)} {name}, expected {side}")
    return ids


def _places(arrays: Mapping[str, Array], name: str, side: int) -> NDArray[np.int64]:
    places = arrays.get(name, _none())
    if places.ndim != 1 or places.dtype.kind != "i" or (len(places) and not 0 <= places.min() <= places.max() < side):
        raise ValueError(f"{name} of shape {places.shape} and type {places.dtype}, expected places below {side}")
    return places.astype(np.int64)
