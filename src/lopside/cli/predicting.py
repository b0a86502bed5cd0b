"""Predictions and filled tables out of a fit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside import Completion, Solution
from lopside.arrays import Array
from lopside.ids import Ids
from lopside.io import Pairs
from lopside.observations import Observations
from lopside.problems.prediction import positions, predicted

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


class Located(NamedTuple):
    """Pairs of ids, and where they are.

    Attributes
    ----------
    rows, columns : ndarray, shape (k,)
        Ids.
    places : (ndarray, ndarray)
        Positions, −1 for what is not there.
    """

    rows: NDArray[Any]
    columns: NDArray[Any]
    places: tuple[NDArray[Any], NDArray[Any]]


def located(
    pairs: Pairs, problem: Completion, name: str, titles: tuple[str, ...] = ()
) -> tuple[Located, tuple[str, ...]]:
    """Return pairs with their places in a problem, and what has to be said about them.

    The first line of a text file is a header if neither of its cells is an id, and one of them is no number where ids
    are numbers, or both are what the entries' columns are called.

    Parameters
    ----------
    pairs : Pairs
    problem : Completion
    name : str
        Of the file.
    titles : tuple of str
        What the columns of row ids, column ids and whatever follows are called where the entries come from.
    """
    m, n = problem.shape
    i = _places(pairs.rows, problem.row_ids, m, "rows")
    j = _places(pairs.columns, problem.column_ids, n, "columns")
    notes = []
    first = [str(ids[0]) for ids in pairs[:2] if len(ids)]
    named = not pairs.named and first and i[0] < 0 and j[0] < 0
    if named and (_impossible(first, problem) or _plain(first) == _plain(titles[:2])):
        notes.append(f"the first line of {name} is read as a header ({', '.join(first)}): neither is an id")
        pairs, i, j = Pairs(pairs.rows[1:], pairs.columns[1:], named=True), i[1:], j[1:]
    strange = int(np.count_nonzero((i < 0) | (j < 0)))
    if strange:
        notes.append(
            f"{strange} of {len(i)} pairs in {name} have a row or column that was not there before: predicted is what "
            "is known without it, the mean and the bias of the other side"
        )
    return Located(pairs.rows, pairs.columns, (i, j)), tuple(notes)


def _impossible(cells: list[str], problem: Completion) -> bool:
    """Say whether an id cannot look like that."""
    known = zip(cells, (problem.row_ids, problem.column_ids), strict=True)
    return any((ids is None or ids.dtype.kind in "iu") and not _WHOLE.fullmatch(cell) for cell, ids in known)


def _plain(names: Iterable[str]) -> list[str]:
    return [name.partition(":")[0].strip().casefold() for name in names]


def _places(ids: NDArray[Any], known: NDArray[Any] | None, count: int, name: str) -> NDArray[Any]:
    if ids.dtype.kind != "U" or (known is not None and known.dtype.kind == "U"):
        return positions(ids, known, count, name)
    if known is not None:
        return Ids(known.astype(np.str_)).codes(ids, name)
    whole = [int(cell) if _WHOLE.fullmatch(cell) else -1 for cell in ids.tolist()]
    return positions(np.array(whole, dtype=np.int64), None, count, name)


def predictions(problem: Completion, solution: Solution, pairs: Located, bounds: tuple[float, float] | None) -> Array:
    """Return what is predicted for pairs, within bounds."""
    values = predicted(problem.fitted(solution), problem.mean, *pairs.places, cold="mean")
    return values if bounds is None else np.clip(values, *bounds)


def filled(problem: Completion, solution: Solution, known: Observations, bounds: tuple[float, float] | None) -> Array:
    """Return the whole table: what is known as it was given, the rest as predicted."""
    A = solution.matrix()
    A += A.dtype.type(problem.mean)
    if bounds is not None:
        np.clip(A, *bounds, out=A)
    A[np.repeat(np.arange(len(A)), np.diff(known.indptr)), known.indices] = known.values
    return A
