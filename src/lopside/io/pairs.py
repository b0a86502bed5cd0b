"""Pairs of a row id and a column id, of which nothing is known yet."""

from __future__ import annotations

import codecs
import gzip
import zlib
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError, InputError
from lopside.io.archives import unreadable
from lopside.io.files import require_readable
from lopside.io.lines import cells_of_lines
from lopside.io.triples import TEXT_SUFFIXES

PAIR_SUFFIXES = (*TEXT_SUFFIXES, *(suffix + ".gz" for suffix in TEXT_SUFFIXES), ".parquet")
"""What `read_pairs` reads."""


class Pairs(NamedTuple):
    """Pairs as read.

    Attributes
    ----------
    rows, columns : ndarray, shape (k,)
        Ids; from a text file as text.
    named : bool
        Whether it is certain that names of columns are not among them. In text the first line may be a header, which
        only somebody who knows the ids can tell.
    """

    rows: NDArray[Any]
    columns: NDArray[Any]
    named: bool


def read_pairs(path: str | PathLike[str], *, row: str | int | None = None, column: str | int | None = None) -> Pairs:
    """Read pairs of ids from delimited text (.csv .tsv .txt .dat .data .inter, also with .gz) or .parquet.

    Parameters
    ----------
    path : path-like
    row, column : str or int, optional
        Names of columns, or their numbers counted from 1; of a file with two columns, and without these, the first is
        the row's and the second the column's.

    Raises
    ------
    FileError
        If the file is missing, damaged or holds fewer than two columns, or not those that were chosen.
    """
    path = Path(path)
    expected = f"pairs of ids in one of {' '.join(PAIR_SUFFIXES)}"
    require_readable(path, expected)
    name = path.name.lower()
    if name.endswith(".parquet"):
        return _from_parquet(path, row, column)
    if not name.endswith(PAIR_SUFFIXES):
        raise FileError(f"got {path.name}, an unknown ending; expected {expected}. Try exporting it as .csv")
    return _from_text(path, row, column)


def _from_parquet(path: Path, row: str | int | None, column: str | int | None) -> Pairs:
    from lopside.frames import ids_in
    from lopside.io.parquet import parquet_names, read_parquet

    names = parquet_names(path)
    chosen = [names[place] for place in _places(path.name, names, row, column)]
    frame = read_parquet(path, chosen)
    try:
        return Pairs(*(ids_in(frame, name) for name in chosen), named=True)
    except InputError as error:
        raise FileError(f"{path.name}: {error}") from error


def _from_text(path: Path, row: str | int | None, column: str | int | None) -> Pairs:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb") as stream:
            data = stream.read()
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeError, MemoryError) as error:
        raise unreadable(path, error, "text") from error
    lines = cells_of_lines(text.replace("\r\n", "\n").replace("\r", "\n"), path.name)
    if not lines:
        raise FileError(f"got {path.name} without a pair; expected lines of a row and a column")
    first = [cell.partition(":")[0] for cell in lines[0][1]]
    places = _places(path.name, first, row, column)
    names = [choice.partition(":")[0] for choice in (row, column) if isinstance(choice, str)]
    named = bool(names) and all(name in first for name in names)
    ids = ([_require_id(cells[place], number, path.name) for number, cells in lines[named:]] for place in places)
    return Pairs(*(np.array(column, dtype=np.str_) for column in ids), named=named)


def _places(file: str, names: list[str], row: str | int | None, column: str | int | None) -> tuple[int, int]:
    if len(names) < 2:
        raise FileError(f"got one column in {file}; expected two at least: ids of rows and ids of columns")
    chosen = [choice.partition(":")[0] for choice in (row, column) if isinstance(choice, str)]
    if len(names) == 2 and not any(name in names for name in chosen):
        return 0, 1
    if len(names) == 2 and (row is None or column is None):  # what the one is not the other is
        at = names.index(chosen[0])
        return (at, 1 - at) if row is not None else (1 - at, at)
    found = [_place(file, names, choice, place) for place, choice in enumerate((row, column))]
    if found[0] == found[1]:
        raise FileError(f"got one column of {file} for rows and columns; expected different ones")
    return found[0], found[1]


def _place(file: str, names: list[str], choice: str | int | None, otherwise: int) -> int:
    if choice is None:
        return otherwise
    if isinstance(choice, str) and choice.partition(":")[0] in names:
        return names.index(choice.partition(":")[0])
    if isinstance(choice, int) and 1 <= choice <= len(names):
        return choice - 1
    raise FileError(f"got no column {choice!r} in {file}, which has {', '.join(names)[:200]}; expected one")


def _require_id(cell: str, line: int, file: str) -> str:
    if not cell:
        raise FileError(f"got no id in line {line} of {file}; expected two in every line. Try leaving such lines out")
    return cell
