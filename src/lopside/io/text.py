"""Matrices as text: tables separated by commas, semicolons, tabs or blanks."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError, counted
from lopside.io.columns import place_of

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", ".", "#n/a"})
"""What people write, in small letters, for an entry that is not there."""

_QUOTED = re.compile(r'"[^"]*"')
_CELL = re.compile(r'"[^"]*"|\S+')
"""One cell of a table whose cells are separated by blanks."""

_OPEN_QUOTE = re.compile(r'(?:^|[\t;,])\s*"')
_INTEGER = re.compile(r"[-+]?\d+")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


class _Layout(NamedTuple):
    """How a table is laid out; lines are counted from 1, and `header` is 0 where there is none.

    `first` is the first line that counts, and `integers` says that all its cells are whole numbers.
    """

    encoding: str
    delimiter: str | None
    header: int
    row_names: bool
    width: int
    first: int
    integers: bool


def read_text(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read a table of numbers; a first row without any number is taken as a header.

    The separator is the tab, semicolon or comma, the first of these that is in the first two lines; else
    blanks (in a .tsv the tab). UTF-8, UTF-16 with a byte-order mark and every line ending are read; lines
    that are blank or start with # are skipped. A header whose first cell is empty, as spreadsheets, pandas
    and R write it, says that the first column holds row names: it is left out. Column names may be numbers
    (years) where there are row names; without them such a line counts as data, and a note says so.

    Parameters
    ----------
    path : Path

    Returns
    -------
    A : ndarray, shape (m, n), float64
    notes : tuple of str

    Raises
    ------
    FileError
        If it is no table of numbers; names the line, and the column counted from 1.
    """
    layout, notes = _layout(path)
    with _open(path, layout.encoding) as file:
        rows = (line for number, line in _lines(file) if number > layout.header)
        # Not usecols, which would drop surplus cells without a word.
        names: dict[int | str, Callable[[str], Any]] = {0: lambda _: 0.0} if layout.row_names else {}
        try:
            A = np.loadtxt(
                rows, delimiter=layout.delimiter, comments=None, quotechar='"', converters=names or None, ndmin=2
            )
            if layout.header and A.shape[1] != layout.width:
                raise ValueError("the header is not as long as the rows")
        except ValueError as error:
            _explain(path, layout, error)
    if layout.row_names:
        A = np.ascontiguousarray(A[:, 1:])
    if layout.integers and len(A) > 1 and (A[1:] != np.trunc(A[1:])).any(axis=1).all():
        notes = (
            *notes,
            f"line {layout.first} of {path.name} holds whole numbers only, unlike all others, and is read as data; "
            "if it is a header, leave it out",
        )
    return A, notes


class Labelled(NamedTuple):
    """A table with holes as read.

    Attributes
    ----------
    A : ndarray, shape (m, n)
        NaN where the cell says that nothing is known.
    rows, columns : list of str or None
        Their names.
    notes : tuple of str
    """

    A: NDArray[np.float64]
    rows: list[str] | None
    columns: list[str] | None
    notes: tuple[str, ...]


def read_holes(path: Path, row: str | int | None = None) -> Labelled:
    """Read a table of numbers with holes and names, laid out as for `read_text`.

    Below a header the first column also holds names of rows where its first cell is no number, or another one does
    that `row` says, by its name or its number from 1.

    Raises
    ------
    FileError
        If it is no such table; names the line, and the column counted from 1.
    """
    layout, notes = _layout(path)
    with _open(path, layout.encoding) as file:
        lines = [(number, _cells(line, layout.delimiter)) for number, line in _lines(file)]
    columns = lines.pop(0)[1] if layout.header else None
    if row is not None:
        names = [place_of(row, columns, layout.width, path.name)]
    else:
        names = [0] if layout.row_names or (columns is not None and _is_name(lines[0][1][0])) else []
    for number, cells in lines:
        if len(cells) != layout.width:
            raise _uneven(path, number, len(cells), lines[0][0], layout.width)
    A = np.array([_numbers(path, number, cells, names) for number, cells in lines])
    if A.shape[1] == 0:
        raise FileError(f"got {path.name} without a column of numbers; expected at least one")
    rows = [cells[names[0]] for _, cells in lines] if names else None
    if columns is None:
        return Labelled(A, rows, None, notes)
    said = [] if row is not None or not names else [f"the first column of {path.name} is read as names of rows"]
    return Labelled(A, rows, [name for place, name in enumerate(columns) if place not in names], (notes[0], *said))


def _numbers(path: Path, number: int, cells: list[str], names: list[int]) -> list[float]:
    known = [(place, cell) for place, cell in enumerate(cells) if place not in names]
    for place, cell in known:
        if cell.lower() not in _MISSING:
            _require_number(path, number, place + 1, cell)
    return [float("nan") if cell.lower() in _MISSING else float(cell) for _, cell in known]


def _uneven(path: Path, line: int, cells: int, above: int, width: int) -> FileError:
    return FileError(
        f"got {counted(cells, 'cell')} in line {line} of {path.name}, where line {above} has {width}; expected rows of "
        "equal length. Try looking for a separator missing or too many"
    )


def _open(path: Path, encoding: str) -> TextIO:
    # A byte that is no UTF-8 can only be in a name; where it is in a number, the number is refused.
    return open(path, encoding=encoding, errors="replace")


def _encoding(path: Path) -> str:
    with open(path, "rb") as file:
        beginning = file.read(1 << 16)
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in beginning:
        raise FileError(
            f"got {path.name} with binary contents; expected a table of numbers as text. "
            "Try the ending that fits the file"
        )
    return "utf-8-sig"


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file, 1):
        if (beginning := line.lstrip()) and not beginning.startswith("#"):
            yield number, line


def _layout(path: Path) -> tuple[_Layout, tuple[str, ...]]:
    encoding = _encoding(path)
    with _open(path, encoding) as file:
        head = [entry for entry, _ in zip(_lines(file), range(2), strict=False)]
    lines = [line for _, line in head]
    delimiter = _delimiter(lines) or ("\t" if path.suffix.lower() == ".tsv" else None)
    first = _cells(lines[0], delimiter) if lines else []
    header = _is_header(first, _cells(lines[1], delimiter) if len(lines) > 1 else [])
    if len(head) - header < 1:
        raise FileError(f"got {path.name} without a row of numbers; expected at least one")
    if not header:
        integers = all(map(_INTEGER.fullmatch, first))
        return _Layout(encoding, delimiter, 0, False, len(first), head[0][0], integers), ()
    row_names = not first[0] and len(first) > 1
    names = ", ".join(filter(None, first))
    names = names if len(names) <= 40 else names[:40] + "…"
    notes = [f"line {head[0][0]} of {path.name} is read as a header ({names})"]
    if row_names:
        notes.append(f"the first column of {path.name}, which has no name, is read as row names and left out")
    return _Layout(encoding, delimiter, head[0][0], row_names, len(first), head[0][0], False), tuple(notes)


def _delimiter(lines: list[str]) -> str | None:
    text = _QUOTED.sub("", "".join(lines)).strip(" \r\n")
    return next((candidate for candidate in "\t;," if candidate in text), None)


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return [cell.strip('"') for cell in _CELL.findall(line)]
    return [cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter))]


def _is_header(cells: list[str], below: list[str]) -> bool:
    names = [cell for cell in cells if cell.lower() not in _MISSING]
    # pandas numbers unnamed columns from 0, with an empty cell above the row names
    numbered = len(cells) > 1 and cells == ["", *map(str, range(len(cells) - 1))]
    named_rows = bool(names) and not cells[0] and bool(below) and _is_name(below[0])
    return numbered or named_rows or (bool(names) and not any(map(_is_number, names)))


def _is_name(cell: str) -> bool:
    return cell.lower() not in _MISSING and not _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        # Digits that do not parse are a slip ("1,5", "3 m"), not a name such as "x1".
        return bool(_DECIMAL_COMMA.fullmatch(cell))
    return cell.isascii() and "_" not in cell


def _explain(path: Path, layout: _Layout, error: ValueError) -> NoReturn:
    """Raise the sentence that names the place at fault."""
    missing: list[tuple[int, int]] = []
    width, above = 0, 0
    with _open(path, layout.encoding) as file:
        for number, line in _lines(file):
            if _OPEN_QUOTE.search(_QUOTED.sub("", line)):
                raise FileError(
                    f'got a quotation mark " in line {number} of {path.name} that is not closed in that line; expected '
                    "each row, the header too, in one line. Try taking line breaks out of the cells, or that mark"
                )
            cells = _cells(line, layout.delimiter)
            if above and len(cells) != width:
                raise _uneven(path, number, len(cells), above, width)
            width, above = len(cells), number
            if number == layout.header:
                continue
            for column, cell in list(enumerate(cells, 1))[layout.row_names :]:
                if cell.lower() in _MISSING:
                    missing.append((number, column))
                else:
                    _require_number(path, number, column, cell)
    if missing:
        raise FileError(
            f"got an empty entry in line {missing[0][0]}, column {missing[0][1]} of {path.name} "
            f"({len(missing)} in all); expected every entry known. Missing entries are a different problem "
            "(Completion: fit the known entries only); to factor all, fill them in first, or drop those rows"
        )
    raise FileError(f"cannot read {path.name} as a table of numbers: {error}")


def _require_number(path: Path, line: int, column: int, cell: str) -> None:
    place = f"in line {line}, column {column} of {path.name}"
    shown = repr(cell if len(cell) <= 30 else cell[:30] + "…")
    if _DECIMAL_COMMA.fullmatch(cell):
        raise FileError(f"got {shown} {place}; expected a decimal point. Try replacing the decimal commas")
    if not _is_number(cell):
        raise FileError(
            f"got {shown} {place}, which is no number; expected numbers below one optional header row. "
            "Try leaving out columns with text"
        )
