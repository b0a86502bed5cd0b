"""Observed entries out of a frame of pandas, polars, pyarrow or any other library that narwhals knows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array, as_float
from lopside.errors import InputError
from lopside.ids import Coder, Ids, as_ids, chunks


@dataclass(frozen=True, eq=False)
class Entries:
    """Observed entries as triples: A[rows[k], columns[k]] = values[k].

    Attributes
    ----------
    rows, columns : ndarray of int32 or int64, shape (n,)
        Positions, from 0.
    values : ndarray of float32 or float64, shape (n,)
        Finite.
    weights : ndarray of float32 or float64, shape (n,), or None
        Finite; their signs are for the problem to check.
    row_ids, column_ids : ndarray, shapes (m,) and (n,), or None
        The distinct original ids, sorted: row_ids[rows[k]] is the id of entry k. None where the positions were given.
    shape : (m, n)
        Of A.
    """

    rows: NDArray[np.integer]
    columns: NDArray[np.integer]
    values: Array
    weights: Array | None
    row_ids: NDArray[Any] | None
    column_ids: NDArray[Any] | None
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.values)


def entries(frame: Any, *, row: Hashable, column: Hashable, value: Hashable, weight: Hashable = None) -> Entries:
    """Return the entries that a long frame lists, one in each of its rows.

    Ids are sorted: text by code point, everything else by size; so the order of the rows does not matter for them.
    Categories count as what they name, and dates with a time zone as UTC. Float32 values stay so, all other numbers
    become float64.

    Parameters
    ----------
    frame : DataFrame of pandas, polars, pyarrow, modin, cuDF, or one of narwhals
        In memory, with as many rows as there are entries.
    row, column : name of a column
        The ids of the rows and columns of A: text, whole numbers, dates; all of one kind, none missing.
    value, weight : name of a column
        Numbers, none missing: what is unknown is left out.

    Returns
    -------
    Entries

    Raises
    ------
    InputError
        If a column is not there, or twice, or holds something else; names the first row, counted from 0.

    Examples
    --------
    >>> import pyarrow as pa
    >>> frame = pa.table({"user": ["eve", "bob", "eve"], "film": [7, 3, 3], "stars": [4, 5, 1]})
    >>> found = entries(frame, row="user", column="film", value="stars")
    >>> found.rows, found.columns, found.values
    (array([1, 0, 1], dtype=int32), array([1, 0, 0], dtype=int32), array([4., 5., 1.]))
    >>> found.row_ids, found.column_ids
    (array(['bob', 'eve'], dtype='<U3'), array([3, 7]))
    """
    table = _in_memory(frame)
    _require_columns(table, row, column, value, weight)
    if not len(table):
        raise InputError("got a frame without rows; expected a row for each observed entry, at least one")
    rows, row_ids = _coded(table.get_column(row), row)
    columns, column_ids = _coded(table.get_column(column), column)
    values = _numbers(table.get_column(value), value)
    weights = None if weight is None else _numbers(table.get_column(weight), weight)
    shape = len(row_ids), len(column_ids)
    return Entries(rows, columns, values, weights, row_ids.ids, column_ids.ids, shape)


def ids_in(frame: Any, name: Hashable) -> NDArray[Any]:
    """Return the ids that a column of a frame holds, one for each row.

    Raises
    ------
    InputError
        If they are not all of one kind, or one is missing.
    """
    series, called = _in_memory(frame).get_column(name), f"ids in column {name!r}"
    return as_ids(_reader(series.dtype, called)(series), called)


def with_holes(frame: Any, name: Hashable) -> Array | None:
    """Return a column of numbers, NaN where there is none; None for a column of anything else."""
    import narwhals as nw

    series = _in_memory(frame).get_column(name)
    if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        return None
    return as_float(np.asarray((series if series.dtype.is_float() else series.cast(nw.Float64)).to_numpy()))


def _in_memory(frame: Any) -> Any:
    import narwhals as nw  # here: only frames need it
    from narwhals.exceptions import DuplicateError

    expected = "a DataFrame of pandas or polars, or a Table of pyarrow"
    try:
        table = nw.from_native(frame)
        if isinstance(table, nw.LazyFrame):
            kind = type(frame).__name__
            raise InputError(f"got a {kind}, whose rows are not in memory; expected {expected}. Try its collect()")
        _ = table.columns  # some look at the names only now
    except DuplicateError as error:
        raise InputError(
            f"got a frame in which column names are there twice ({' '.join(str(error).split())}); "
            "expected each name once. Try renaming them"
        ) from error
    except TypeError as error:
        raise InputError(f"got {type(frame).__name__}; expected {expected}") from error
    return table


def _require_columns(table: Any, row: Hashable, column: Hashable, value: Hashable, weight: Hashable) -> None:
    names = [name for name in (row, column, value, weight) if name is not None]
    there = list(table.columns)
    if missing := [name for name in names if name not in there]:
        raise InputError(
            f"got no column {missing[0]!r} in a frame with the columns {', '.join(map(repr, there)) or '(none)'}; "
            "expected one of these names"
        )
    if len({row, column, value}) < 3:
        given = ", ".join(map(repr, (row, column, value)))
        raise InputError(f"got {given} as the columns of rows, columns and values; expected three different names")


def _coded(series: Any, name: Hashable) -> tuple[NDArray[np.int32], Ids]:
    called = f"ids in column {name!r}"
    read = _reader(series.dtype, called)
    coder, codes = Coder(called), np.empty(len(series), np.int32)
    for part in chunks(len(series)):
        codes[part] = coder.codes(as_ids(read(series[part]), called, first=part.start))
    return codes, coder.finish(codes)


def _reader(kind: Any, called: str) -> Callable[[Any], Any]:
    """Return what makes NumPy's numbers or dates, or Python's objects, of a piece of a column."""
    import narwhals as nw

    if kind in (nw.String, nw.Categorical, nw.Enum, nw.Object):
        return operator.methodcaller("to_list")  # not to_numpy, which in some libraries cuts NULs off
    numbers = kind.is_float() or (kind.is_integer() and kind not in (nw.Int128, nw.UInt128))
    if numbers or kind in (nw.Boolean, nw.Date, nw.Datetime):
        return operator.methodcaller("to_numpy")
    raise InputError(f"got {called} of type {kind}; expected text, whole numbers or dates. Try turning them into text")


def _numbers(series: Any, name: Hashable) -> Array:
    import narwhals as nw

    kind = series.dtype
    if not (kind.is_numeric() or kind == nw.Boolean):
        raise InputError(
            f"got column {name!r} of type {kind}; expected numbers. Try turning it into floats, which names the first "
            "thing that is none"
        )
    if count := int(series.null_count()):
        row = int(series.is_null().arg_true()[0])
        raise InputError(
            f"got column {name!r} without a number in {count} of {len(series)} rows, first in row {row} (counted from "
            "0); expected one in every row: what is unknown is left out. Try dropping these rows (dropna in pandas, "
            "drop_nulls in polars)"
        )
    values = as_float((series if kind.is_float() else series.cast(nw.Float64)).to_numpy())
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            f"got {values[row]} in row {row} (counted from 0) of column {name!r}; expected finite numbers: what is "
            "unknown is left out. Try dropping such rows"
        )
    return values
