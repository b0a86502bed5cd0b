"""Predicted entries μ + x_i·y_j at places that ids or positions name."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.errors import InputError, counted
from lopside.ids import Ids
from lopside.problems.completion_point import CompletionPoint

Cold = Literal["mean", "raise", "nan"]

_STRETCH = 1 << 16


def predicted(point: CompletionPoint, mean: float, rows: NDArray[Any], columns: NDArray[Any], *, cold: Cold) -> Array:
    """Return μ + x_i·y_j for each pair of positions; −1 stands for a line that was not there.

    Parameters
    ----------
    cold : "mean", "raise" or "nan"
        What to do with −1: take 0 for its factors (what is left is the mean and the bias of the other side), refuse, or
        predict NaN.
    """
    if cold not in ("mean", "raise", "nan"):
        raise InputError(f"got cold = {cold!r}; expected 'mean', 'raise' or 'nan'")
    strange = (rows < 0) | (columns < 0)
    if cold == "raise" and strange.any():
        k = int(np.argmax(strange))
        raise InputError(
            f"got {counted(int(strange.sum()), 'place')} whose row or column was not there, or had no entries, when "
            f"the factors were fitted, the first number {k}; expected known ones. Try cold='mean' or 'nan'"
        )
    X, Y = point.X, point.Y
    still_x, still_y = (point.layout.order(left=left)[1] for left in (True, False))
    out = np.empty(len(rows), X.dtype)
    for a in range(0, len(rows), _STRETCH):
        part = slice(a, a + _STRETCH)
        x, y = _lines(X, rows[part], still_x), _lines(Y, columns[part], still_y)
        out[part] = np.einsum("ij,ij->i", x, y, dtype=np.float64) + mean
    if cold == "nan":
        out[strange] = np.nan
    return out


def _lines(F: Array, positions: NDArray[Any], still: list[int]) -> Array:
    lines = F[positions]
    strange = positions < 0
    lines[strange] = 0
    for column in still:  # which carries the other side's bias
        lines[strange, column] = 1
    return lines


def positions(
    ids: Any, known: NDArray[Any] | None, count: int, name: str, empty: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Return the position of each id, −1 where there is none, or the line has no entries.

    Parameters
    ----------
    ids : array_like, shape (k,)
    known : ndarray or None
        The ids of the lines; None if they are simply counted from 0 to `count`.
    empty : ndarray, optional
        Positions of the lines without entries.
    """
    found = _found(ids, known, count, name)
    if empty is not None and len(empty):
        found[np.isin(found, empty)] = -1
    return found


def _found(ids: Any, known: NDArray[Any] | None, count: int, name: str) -> NDArray[Any]:
    if known is not None:
        return Ids(known).codes(ids, name)
    given = np.asarray(ids)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InputError(
            f"got {name} of type {given.dtype} and shape {given.shape}; expected integers in one dimension"
        )
    return np.where((given >= 0) & (given < count), given, -1).astype(np.int64)
