"""Observed entries of a matrix as triples, checked before compiled code trusts their indices, by rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import FLOAT32_SAFE, Array, as_float
from lopside.errors import InputError, counted
from lopside.sparse_arrays import by_rows

_SPARE = 100_000
_ROOM = 4
"""A side longer than `_SPARE` + `_ROOM` times the entries is compressed to the lines that have any."""

_LARGEST = 1e120
"""The largest value must be below this and above its inverse: products of two, and their sums, are then in range."""

DUPLICATES = ("error", "mean", "last")


class Observations(NamedTuple):
    """Entries a_ij of an m × n matrix at distinct places, row by row, columns rising.

    Attributes
    ----------
    indptr, indices : ndarray of int
    values : ndarray, float32 or float64
    weights : ndarray of the same type, or None
        Positive.
    shape : (m, n)
    row_ids, column_ids : ndarray of int, or None
        Which rows (columns) of the matrix asked about these are, where those without entries were left out.
    notes : tuple of str
    """

    indptr: NDArray[Any]
    indices: NDArray[Any]
    values: Array
    weights: Array | None
    shape: tuple[int, int]
    row_ids: NDArray[Any] | None
    column_ids: NDArray[Any] | None
    notes: tuple[str, ...]


def as_observations(
    rows: Any, columns: Any, values: Any, *, shape: Any = None, weights: Any = None, duplicates: str = "error"
) -> Observations:
    """Return triples row by row; the arrays given are not kept.

    Parameters
    ----------
    rows, columns : array_like of int, shape (k,)
        Places, counted from 0.
    values : array_like of float, shape (k,)
    shape : (m, n), optional
        Default: the largest places plus 1.
    weights : array_like, shape (k,), optional
        Finite, ≥ 0; an entry of weight 0 counts as not observed.
    duplicates : "error", "mean" or "last"
        What to do with several entries at one place: refuse, take the weighted mean of the values with the mean of the
        weights, or take the last one given.

    Raises
    ------
    InputError
        For lengths that differ, places out of range, values that are not finite, negative weights, duplicates that
        were not allowed, and if nothing is observed.
    """
    require_duplicates(duplicates)
    notes: list[str] = []
    given = as_triples(rows, columns, values, weights)
    if given.dropped:
        notes.append(about_dropped(given.dropped))
    if not len(given.values):
        raise InputError(NOTHING)
    kind = kind_of([given.extent])
    i, j, (m, n) = given.rows, given.columns, size_of(shape, given.rows, given.columns)
    count = len(given.values)
    row_ids = column_ids = None
    if is_long(m, count):
        row_ids, i = compressed(i)
        notes.append(about_long(len(row_ids), m, "rows"))
        m = len(row_ids)
    if is_long(n, count):
        column_ids, j = compressed(j)
        notes.append(about_long(len(column_ids), n, "columns"))
        n = len(column_ids)
    a, w = (None if x is None else x.astype(kind, copy=False) for x in (given.values, given.weights))
    lines, weighed, again = by_rows(i, j, np.asarray(a), w, (m, n), duplicates)
    if again:
        notes.append(about_duplicates(again, duplicates))
    return Observations(lines.indptr, lines.indices, lines.data, weighed, (m, n), row_ids, column_ids, tuple(notes))


NOTHING = "got no observed entries; expected at least one. Try a table in which something is known"


class Extent(NamedTuple):
    """What the precision of values depends on, with the largest modulus and the range of positive weights."""

    values: np.dtype[Any]
    largest: float
    weights: np.dtype[Any] | None
    lightest: float
    heaviest: float


class Triples(NamedTuple):
    """Checked triples with positive weights, and how many there were of weight 0."""

    rows: NDArray[Any]
    columns: NDArray[Any]
    values: Array
    weights: Array | None
    dropped: int
    extent: Extent


def require_duplicates(duplicates: str) -> None:
    """Raise InputError for an unknown word."""
    if duplicates not in DUPLICATES:
        raise InputError(f"got duplicates = {duplicates!r}; expected one of {', '.join(DUPLICATES)}")


def as_triples(rows: Any, columns: Any, values: Any, weights: Any = None) -> Triples:
    """Return triples with finite values, places of integers, and positive weights; see `as_observations`."""
    a = _numbers(values, "values")
    i, j = _places(rows, "rows", len(a)), _places(columns, "columns", len(a))
    largest, count = _largest(a), len(a)
    if weights is None:
        return Triples(i, j, a, None, 0, Extent(a.dtype, largest, None, math.inf, 0.0))
    i, j, a, w = _weighted(i, j, a, _numbers(weights, "weights"))
    low, high = (float(w.min()), float(w.max())) if w.size else (math.inf, 0.0)
    return Triples(i, j, a, w, count - len(a), Extent(a.dtype, largest, w.dtype, low, high))


def kind_of(extents: Sequence[Extent]) -> np.dtype[Any]:
    """Return float32 where all values are float32 and neither they nor the weights leave its range, else float64.

    Raises
    ------
    InputError
        If squares would be outside the range of float64.
    """
    largest, heaviest = (max(getattr(extent, name) for extent in extents) for name in ("largest", "heaviest"))
    for name, most in (("values", largest), ("weights", heaviest)):
        if most > _LARGEST or 0.0 < most < 1.0 / _LARGEST:
            raise InputError(
                f"got {name} of which the largest is {most:.3g}, whose square is outside the range of float64; "
                f"expected {1.0 / _LARGEST:g} to {_LARGEST:g}. Try dividing them by it"
            )
    lightest = min(extent.lightest for extent in extents)
    safe = largest == 0.0 or 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE
    fits = heaviest == 0.0 or (lightest >= 1.0 / FLOAT32_SAFE and heaviest <= FLOAT32_SAFE)
    single = safe and fits and all(extent.values == np.float32 for extent in extents)
    return np.dtype(np.float32 if single else np.float64)


def _numbers(values: Any, name: str) -> Array:
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(
            f"got a masked array of {name}; expected what is known, and nothing else. Try values[~mask], with the rows "
            "and columns likewise, or a masked table through Completion.from_dense"
        )
    try:
        given = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InputError(f"got {name} that are not numbers ({error}); expected one number for each entry") from None
    if given.ndim != 1:
        raise InputError(f"got {name} of shape {given.shape}; expected one dimension: one number for each entry")
    a = as_float(given) if given.size else given.astype(np.float64)
    finite = np.isfinite(a)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(
            f"got {name}[{first}] = {a[first]}; expected finite numbers. Entries that are not known are left out of "
            "the triples; a table with NaN in their places goes through Completion.from_dense"
        )
    return a


def _largest(a: Array) -> float:
    return max(float(a.max()), -float(a.min())) if a.size else 0.0


def _places(places: Any, name: str, count: int) -> NDArray[Any]:
    try:
        given = np.asarray(places)
    except ValueError as error:
        raise InputError(f"got {name} that are no list of places ({error}); expected one for each value") from None
    if given.ndim != 1 or len(given) != count:
        raise InputError(f"got {name} of shape {given.shape} for {count} values; expected one place for each value")
    if count and given.dtype.kind not in "iu":
        raise InputError(
            f"got {name} of type {given.dtype}; expected integers counted from 0. Names and other ids are mapped by "
            "Completion.from_frame"
        )
    if given.dtype.kind == "u" and count and given.max() > np.iinfo(np.int64).max:
        raise InputError(f"got {name}[{int(np.argmax(given))}] = {given.max()}; expected at most 2^63 − 1")
    return given.astype(np.int64, copy=False) if given.dtype.kind == "u" or not count else given


def _weighted(i: NDArray[Any], j: NDArray[Any], a: Array, w: Array) -> tuple[NDArray[Any], NDArray[Any], Array, Array]:
    if len(w) != len(a):
        raise InputError(f"got {len(w)} weights for {len(a)} values; expected one for each")
    if len(w) and w.min() < 0:
        first = int(np.argmin(w))
        raise InputError(f"got weights[{first}] = {w[first]}; expected weights ≥ 0")
    known = w > 0
    return (i, j, a, w) if known.all() else (i[known], j[known], a[known], w[known])


def about_dropped(count: int) -> str:
    """Return the note on entries of weight 0."""
    return counted(count, "entry of weight 0 counts", "entries of weight 0 count") + " as not observed"


def size_of(shape: Any, i: NDArray[Any], j: NDArray[Any]) -> tuple[int, int]:
    """Return the shape, or the largest places plus 1 where there is none given; refuse places outside of it."""
    for name, places in (("rows", i), ("columns", j)):
        if (low := int(places.min())) < 0:
            raise InputError(f"got {name}[{int(np.argmin(places))}] = {low}; expected places counted from 0")
    reached = int(i.max()) + 1, int(j.max()) + 1
    if shape is None:
        return reached
    try:
        m, n = (int(side) for side in shape)
        whole = (m, n) == tuple(shape)
    except (TypeError, ValueError):
        raise InputError(f"got shape {shape!r}; expected two integers (m, n)") from None
    if not whole or m < 1 or n < 1:
        raise InputError(f"got shape {shape!r}; expected two positive integers (m, n)")
    for name, places, side, most in (("rows", i, m, reached[0]), ("columns", j, n, reached[1])):
        if most > side:
            first = int(np.argmax(places >= side))
            raise InputError(
                f"got {name}[{first}] = {int(places[first])} in a matrix of shape {m} × {n}; expected at most "
                f"{side - 1}. Try a larger shape, or places counted from 0 instead of 1"
            )
    return m, n


def is_long(side: int, entries: int) -> bool:
    """Whether a side has so many lines without entries that factors for all of them would be large."""
    return side > _SPARE + _ROOM * entries


def compressed(places: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the lines that have entries, and the places among them."""
    ids, codes = np.unique(places, return_inverse=True)
    return ids, codes.astype(np.int32)


def about_long(kept: int, side: int, name: str) -> str:
    """Return the note on a side that was compressed."""
    return f"{kept} of {side} {name} have entries: the factors are for these, row_ids and column_ids name them"


def about_duplicates(again: int, duplicates: str) -> str:
    """Return the note on entries at one place."""
    return f"{counted(again, 'entry', 'entries')} at a place that was there before: {duplicates} taken"
