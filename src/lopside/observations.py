"""Observed entries of a matrix as triples, checked before compiled code trusts their indices, by rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import FLOAT32_SAFE, Array, as_float
from lopside.errors import InputError
from lopside.sparse_arrays import checked, is_sparse

_SPARE = 100_000
_ROOM = 4
"""A side longer than `_SPARE` + `_ROOM` times the entries is compressed to the lines that have any."""

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
    w = None if weights is None else _numbers(weights, "weights").astype(a.dtype, copy=False)
    notes: list[str] = []
    if w is not None:
        i, j, a, w = _weighted(i, j, a, w, notes)
    if len(a) == 0:
        raise InputError("got no observed entries; expected at least one. Try a table in which something is known")
    size = _shape(shape, i, j)
    i, m, row_ids = _compressed(i, size[0], len(a), "rows", notes)
    j, n, column_ids = _compressed(j, size[1], len(a), "columns", notes)
    lines, weighed = _by_rows(i, j, a, w, (m, n), duplicates, notes)
    return Observations(lines.indptr, lines.indices, lines.data, weighed, (m, n), row_ids, column_ids, tuple(notes))


def of_table(A: Any, weights: Any = None) -> Observations:
    """Return what is known of a dense table, in which NaN, or a mask, stands for what is not.

    Parameters
    ----------
    A : array_like or masked array, shape (m, n)
    weights : array_like, shape (m, n), optional
        Looked at where A is known.

    Raises
    ------
    InputError
        As for `as_observations`.
    """
    hidden = np.ma.getmaskarray(A) if isinstance(A, np.ma.MaskedArray) else None
    table = np.asarray(np.ma.getdata(A) if hidden is not None else A)
    if table.ndim != 2:
        raise InputError(f"got a table of shape {table.shape}; expected two dimensions, rows and columns")
    table = as_float(table) if table.size else table.astype(np.float64)
    known = ~np.isnan(table) if hidden is None else ~(np.isnan(table) | hidden)
    i, j = np.nonzero(known)
    w = None
    if weights is not None:
        given = np.asarray(weights)
        if given.shape != table.shape:
            raise InputError(
                f"got weights of shape {given.shape} for a table of shape {table.shape}; expected the same"
            )
        w = given[known]
    return as_observations(i, j, table[known], shape=table.shape if table.size else None, weights=w)


def of_sparse(S: Any, weights: Any = None, *, duplicates: str = "error") -> Observations:
    """Return the stored entries of a SciPy matrix, zeros included.

    Raises
    ------
    InputError
        As for `as_observations`; for formats that fill up with zeros of their own, and weights stored elsewhere.
    """
    for matrix, name in ((S, "matrix"), (weights, "matrix of weights")):
        kind = getattr(matrix, "format", None)
        if kind in ("bsr", "dia"):
            raise InputError(
                f"got a {name} in {kind.upper()} format, which stores zeros where nothing is known; expected COO, CSR "
                "or CSC. Try tocoo() and eliminate_zeros() if no zero is an observation"
            )
    if not is_sparse(S) or (weights is not None and not is_sparse(weights)):
        raise InputError(
            f"got {type(S).__name__}{'' if weights is None else f' with weights {type(weights).__name__}'}; expected "
            "SciPy's sparse matrices. Try Completion.from_dense for a table with NaN"
        )
    a = checked(S).tocoo()
    w = None
    if weights is not None:
        other = checked(weights).tocoo()
        same = a.shape == other.shape and a.nnz == other.nnz
        if not same:
            raise InputError("got weights stored at other places than the entries; expected the same places")
        order, again = (np.lexsort((C.col, C.row)) for C in (a, other))
        if any((p[order] != q[again]).any() for p, q in zip(a.coords, other.coords, strict=True)):
            raise InputError("got weights stored at other places than the entries; expected the same places")
        w = np.empty_like(other.data)
        w[order] = other.data[again]
    return as_observations(a.row, a.col, a.data, shape=a.shape, weights=w, duplicates=duplicates)


def _numbers(values: Any, name: str) -> Array:
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
    if a.dtype == np.float32 and a.size and not _safe(a):
        return a.astype(np.float64)
    return a


def _safe(a: Array) -> bool:
    largest = max(float(a.max()), -float(a.min()))
    return largest == 0.0 or 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE


def _places(places: Any, name: str, count: int) -> NDArray[Any]:
    given = np.asarray(places)
    if given.ndim != 1 or len(given) != count:
        raise InputError(f"got {name} of shape {given.shape} for {count} values; expected one place for each value")
    if count and given.dtype.kind not in "iu":
        raise InputError(
            f"got {name} of type {given.dtype}; expected integers counted from 0. Names and other ids are mapped by "
            "Completion.from_frame"
        )
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
    notes.append(f"{len(a) - int(known.sum())} entries of weight 0 count as not observed")
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
            f"got {again} entries at places that are there before, the first at row {i[first]}, column {j[first]} "
            f"({a[first - 1]} and {a[first]}); expected one entry at a place. Try duplicates='mean' or 'last'"
        )
    notes.append(f"{again} entries at places that were there before: {duplicates} taken")
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
