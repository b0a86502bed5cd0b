"""Observed entries of a matrix as triples, checked before compiled code trusts their indices, by rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import FLOAT32_SAFE, Array, as_float
from lopside.errors import InputError, counted

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
    if duplicates not in DUPLICATES:
        raise InputError(f"got duplicates = {duplicates!r}; expected one of {', '.join(DUPLICATES)}")
    a = _numbers(values, "values")
    i, j = _places(rows, "rows", len(a)), _places(columns, "columns", len(a))
    w = None if weights is None else _numbers(weights, "weights")
    notes: list[str] = []
    if w is not None:
        i, j, a, w = _weighted(i, j, a, w, notes)
        kind = a.dtype if _fits(w) else np.dtype(np.float64)
        a, w = a.astype(kind, copy=False), w.astype(kind, copy=False)
    if len(a) == 0:
        raise InputError("got no observed entries; expected at least one. Try a table in which something is known")
    size = _shape(shape, i, j)
    i, m, row_ids = _compressed(i, size[0], len(a), "rows", notes)
    j, n, column_ids = _compressed(j, size[1], len(a), "columns", notes)
    lines, weighed = _by_rows(i, j, a, w, (m, n), duplicates, notes)
    return Observations(lines.indptr, lines.indices, lines.data, weighed, (m, n), row_ids, column_ids, tuple(notes))


def _fits(w: Array) -> bool:
    """Whether float32 holds all of these positive weights without loss of range."""
    return not w.size or (float(w.min()) >= 1.0 / FLOAT32_SAFE and float(w.max()) <= FLOAT32_SAFE)


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
    largest = max(float(a.max()), -float(a.min())) if a.size else 0.0
    if largest > _LARGEST or 0.0 < largest < 1.0 / _LARGEST:
        raise InputError(
            f"got {name} of which the largest is {largest:.3g}, whose square is outside the range of float64; expected "
            f"{1.0 / _LARGEST:g} to {_LARGEST:g}. Try dividing them by it"
        )
    safe = largest == 0.0 or 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE
    return a if safe or a.dtype == np.float64 else a.astype(np.float64)


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


def _weighted(
    i: NDArray[Any], j: NDArray[Any], a: Array, w: Array, notes: list[str]
) -> tuple[NDArray[Any], NDArray[Any], Array, Array]:
    if len(w) != len(a):
        raise InputError(f"got {len(w)} weights for {len(a)} values; expected one for each")
    if len(w) and w.min() < 0:
        first = int(np.argmin(w))
        raise InputError(f"got weights[{first}] = {w[first]}; expected weights ≥ 0")
    known = w > 0
    if known.all():
        return i, j, a, w
    notes.append(
        counted(len(a) - int(known.sum()), "entry of weight 0 counts", "entries of weight 0 count") + " as not observed"
    )
    return i[known], j[known], a[known], w[known]


def _shape(shape: Any, i: NDArray[Any], j: NDArray[Any]) -> tuple[int, int]:
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


def _compressed(
    places: NDArray[Any], side: int, entries: int, name: str, notes: list[str]
) -> tuple[NDArray[Any], int, NDArray[Any] | None]:
    """Leave out the lines without entries where they are so many that factors for all of them would be large."""
    if side <= _SPARE + _ROOM * entries:
        return places, side, None
    ids, codes = np.unique(places, return_inverse=True)
    notes.append(
        f"{len(ids)} of {side} {name} have entries: the factors are for these, row_ids and column_ids name them"
    )
    return codes.astype(np.int32), len(ids), ids


def _by_rows(
    i: NDArray[Any],
    j: NDArray[Any],
    a: Array,
    w: Array | None,
    shape: tuple[int, int],
    duplicates: str,
    notes: list[str],
) -> tuple[Any, Array | None]:
    lines = _csr(i, j, a, shape)
    if lines.nnz == len(a):
        return lines, None if w is None else _csr(i, j, w, shape).data
    again = len(a) - lines.nnz
    del lines
    order = np.lexsort((j, i))  # stable: entries at one place stay in the order given
    i, j, a, w = i[order], j[order], a[order], None if w is None else w[order]
    new = np.concatenate([[True], (np.diff(i) != 0) | (np.diff(j) != 0)])
    if duplicates == "error":
        first = int(np.argmin(new))
        raise InputError(
            f"got {counted(again, 'entry', 'entries')} at a place that is there before, the first at row {i[first]}, "
            f"column {j[first]} ({a[first - 1]} and {a[first]}); expected one entry at a place. "
            "Try duplicates='mean' or 'last'"
        )
    notes.append(f"{counted(again, 'entry', 'entries')} at a place that was there before: {duplicates} taken")
    if duplicates == "last":
        kept = np.append(np.flatnonzero(new)[1:] - 1, len(a) - 1)
        a, w = a[kept], None if w is None else w[kept]
    else:
        starts = np.flatnonzero(new)
        count = np.diff(np.append(starts, len(a)))
        weight = np.ones_like(a) if w is None else w
        total = np.add.reduceat(weight, starts, dtype=np.float64)
        a = (np.add.reduceat(weight * a, starts, dtype=np.float64) / total).astype(a.dtype)
        w = None if w is None else (total / count).astype(a.dtype)
    i, j = i[new], j[new]
    return _csr(i, j, a, shape), None if w is None else _csr(i, j, w, shape).data


def _csr(i: NDArray[Any], j: NDArray[Any], a: Array, shape: tuple[int, int]) -> Any:
    """Return SciPy's CSR array, which has fewer entries than were given where a place was given twice."""
    from scipy import sparse

    lines = sparse.coo_array((a, (i, j)), shape=shape).tocsr()
    lines.sort_indices()
    if lines.data is a:  # a handful of entries that were in order already
        lines.data = a.copy()
    return lines
