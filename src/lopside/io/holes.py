"""Tables of which not every entry is known, with the names of their rows and columns."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.errors import FileError, InputError
from lopside.frames import ids_in, with_holes
from lopside.ids import as_ids
from lopside.io.columns import place_of
from lopside.io.files import require_readable
from lopside.io.matrices import read_matrix
from lopside.io.text import read_holes

_PLAIN = re.compile(r"0|-?[1-9][0-9]{0,17}")
_INDEX = ("row", "", "index", "__index_level_0__")
"""What the first column of a .parquet is called that holds names of rows, even if these are numbers."""

_EXPECTED = "a table in .csv, .tsv, .parquet or .npy"


class Table(NamedTuple):
    """A table as read.

    Attributes
    ----------
    A : ndarray, shape (m, n)
        NaN where nothing is known.
    row_ids, column_ids : ndarray or None
        What rows and columns are called, each differently.
    notes : tuple of str
    """

    A: Array
    row_ids: NDArray[Any] | None
    column_ids: NDArray[Any] | None
    notes: tuple[str, ...]


def read_table(path: str | PathLike[str], *, row: str | int | None = None) -> Table:
    """Read a table with holes: empty cells, NA and the like in text, nulls in .parquet, NaN in .npy.

    Parameters
    ----------
    path : path-like
        In text a first line without any number holds names of columns; below it a first column that has no name, or
        that begins with a name, those of rows. In .parquet a first column that is named "row" or holds no numbers does.
    row : str or int, optional
        The column that holds names of rows, by its name or its number from 1, where these look like numbers.

    Raises
    ------
    FileError
        If the file is missing, damaged or holds something else; from text, with the line.
    """
    path = Path(path)
    require_readable(path, _EXPECTED)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        A, rows, columns, notes = read_holes(path, row)
        notes = list(notes)
        ids = (_distinct(names, path.name, side, notes) for names, side in ((rows, "rows"), (columns, "columns")))
        return Table(A, *ids, notes=tuple(notes))
    if suffix == ".parquet":
        return _from_parquet(path, row)
    if row is not None:
        raise FileError(f"got the column {row!r} for the rows of {path.name}, which has no names; expected none")
    A, notes = read_matrix(path, load_limit=sys.maxsize)
    if not isinstance(A, np.ndarray):
        raise FileError(f"got {path.name}, a sparse matrix, as a table; expected {_EXPECTED}. Try it without --table")
    return Table(A, None, None, notes)


def _from_parquet(path: Path, row: str | int | None) -> Table:
    from lopside.io.parquet import parquet_names, read_parquet

    names = parquet_names(path)
    frame = read_parquet(path, names)
    columns, titles, notes, row_ids = [], [], [], None
    chosen = 0 if row is None else place_of(row, names, len(names), path.name)
    for place, name in enumerate(names):
        values = None if place == chosen and (row is not None or name in _INDEX) else with_holes(frame, name)
        if values is not None:
            columns.append(values)
            titles.append(name)
        elif place != chosen:
            raise FileError(f"got column {name!r} of {path.name} without numbers; expected {_EXPECTED} of numbers")
        else:
            if row is None:
                notes.append(f"the first column of {path.name} ({name}) is read as names of rows")
            row_ids = _named(path, frame, name, notes)
    if not columns:
        raise FileError(f"got {path.name} without a column of numbers; expected {_EXPECTED}")
    return Table(np.column_stack(columns), row_ids, _distinct(titles, path.name, "columns", notes), tuple(notes))


def _named(path: Path, frame: Any, name: str, notes: list[str]) -> NDArray[Any] | None:
    try:
        ids = ids_in(frame, name)
    except InputError as error:
        raise FileError(f"{path.name}: {error}") from error
    return _once(ids, path.name, "rows", notes)


def _distinct(names: Sequence[str] | None, file: str, side: str, notes: list[str]) -> NDArray[Any] | None:
    if names is None:
        return None
    whole = all(map(_PLAIN.fullmatch, names))
    return _once(as_ids([int(name) for name in names] if whole else list(names)), file, side, notes)


def _once(ids: NDArray[Any], file: str, side: str, notes: list[str]) -> NDArray[Any] | None:
    if len(np.unique(ids)) == len(ids):
        return ids
    notes.append(f"{side} of {file} share names, so they are called by their positions, counted from 0")
    return None
