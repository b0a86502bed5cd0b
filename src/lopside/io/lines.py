"""Lines of delimited text read one by one: how they are laid out, and the sentence for each that cannot be read."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from lopside.errors import FileError, counted
from lopside.ids import LONGEST
from lopside.io.columns import Choice, picked

_DELIMITERS = ("\t", ";", ",", "::")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", ".", "#n/a"})
"""What people write, in small letters, for a number that is not there."""

_QUOTED = re.compile(r'"[^"]*"')
_CELL = re.compile(r'"[^"]*"|\S+')
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


class Layout(NamedTuple):
    """How a file of entries is laid out.

    Attributes
    ----------
    file : str
        Its name, for messages.
    delimiter : str or None
        None for blanks.
    width : int
        Cells in a line.
    columns : tuple of int
        Those of rows, columns, values and, where asked for, weights; counted from 0.
    names : tuple of str
        What a header calls these.
    """

    file: str
    delimiter: str | None
    width: int
    columns: tuple[int, ...]
    names: tuple[str, ...] = ()


class Lines(NamedTuple):
    """Lines as read.

    Attributes
    ----------
    ids : list of lists of str
        Of rows and columns.
    numbers : list of lists of float
        Values and, where asked for, weights.
    comments : int
        Lines left out because they start with #.
    """

    ids: list[list[str]]
    numbers: list[list[float]]
    comments: int


def laid_out(block: bytes, file: str, choice: Choice) -> tuple[Layout, tuple[str, ...], int] | None:
    """Find the layout from the first lines of a file.

    The delimiter is the tab, semicolon, comma or "::", the first of these that is in the first two lines; else blanks.

    Parameters
    ----------
    block : bytes
        Whole lines.
    file : str
    choice : Choice

    Returns
    -------
    layout, notes, and how many lines to leave out; None if all are blank or start with #

    Raises
    ------
    FileError
        If the chosen columns are not there.
    """
    lines = ((count, line) for count, line in enumerate(_decoded(block).split("\n")) if not _idle(line))
    head = [entry for entry, _ in zip(lines, range(2), strict=False)]
    if not head:
        return None
    delimiter = _delimiter(line for _, line in head)
    before, first = head[0]
    try:
        cells = _cells(first, delimiter)
    except csv.Error as error:
        raise _unquotable(before + 1, file, error) from error
    header = choice.named or _is_header(cells, 3 if choice.value is None else choice.value)
    columns, notes = picked(choice, cells if header else None, len(cells), file)
    if header:
        names = ", ".join(filter(None, cells))
        names = names if len(names) <= 40 else names[:40] + "…"
        notes = (f"line {before + 1} of {file} is read as a header ({names})", *notes)
    titles = tuple(cells[place] for place in columns) if header else ()
    return Layout(file, delimiter, len(cells), columns, titles), notes, before + 1 if header else 0


def _delimiter(head: Iterable[str]) -> str | None:
    text = _QUOTED.sub("", "\n".join(head))
    return next((mark for mark in _DELIMITERS if mark in text), None)


def _is_header(cells: list[str], value: str | int) -> bool:
    """Say whether a line has only names; where the cell of the value is empty, it is rather an entry without one."""
    known = [cell for cell in cells if cell.lower() not in _MISSING]
    numbers = any(_is_number(cell) or _DECIMAL_COMMA.fullmatch(cell) for cell in known)
    hole = isinstance(value, int) and 1 <= value <= len(cells) and cells[value - 1].lower() in _MISSING
    return bool(known) and not numbers and not hole


def _decoded(block: bytes) -> str:
    return block.decode("utf-8", "replace")


def _idle(line: str) -> bool:
    return not (beginning := line.lstrip()) or beginning.startswith("#")


def _cells(line: str, delimiter: str | None) -> list[str]:
    """Return the cells of a line; csv.Error where quotation marks do not fit."""
    if delimiter is None:
        return [cell.strip('"') for cell in _CELL.findall(line)]
    if len(delimiter) > 1:
        return [cell.strip() for cell in line.split(delimiter)]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))]


def read_lines(block: bytes, line: int, layout: Layout) -> Lines:
    """Read a block of lines one by one.

    Parameters
    ----------
    block : bytes
        Whole lines of UTF-8.
    line : int
        The number of the first, for messages.
    layout : Layout

    Raises
    ------
    FileError
        Naming the line, for anything but blank lines, comments and whole entries.
    """
    read = Lines([[], []], [[] for _ in layout.columns[2:]], sum(1 for _ in _comments(block)))
    for number, cells in _entries(block, line, layout):
        for kept, place in zip(read.ids, layout.columns, strict=False):
            kept.append(_require_id(cells[place], number, place, layout.file))
        for kept, place in zip(read.numbers, layout.columns[2:], strict=True):
            kept.append(_require_number(cells[place], number, place, layout.file))
    return read


def cells_of_lines(text: str, file: str) -> list[tuple[int, list[str]]]:
    """Return number and cells of every line that is neither blank nor starts with #, whatever is in them.

    Parameters
    ----------
    text : str
        A whole file; delimiters are found as by `laid_out`.
    file : str
        What messages call it.

    Raises
    ------
    FileError
        Naming the line, where quotation marks do not fit or there are more or fewer cells than in the first.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if not _idle(line)]
    delimiter = _delimiter(line for _, line in lines[:2])
    found: list[tuple[int, list[str]]] = []
    for number, line in lines:
        try:
            cells = _cells(line, delimiter)
        except csv.Error as error:
            raise _unquotable(number, file, error) from error
        if found and len(cells) != len(found[0][1]):
            raise _uneven(number, file, len(cells), len(found[0][1]))
        found.append((number, cells))
    return found


def _comments(block: bytes) -> Iterator[bytes]:
    return (line for line in block.split(b"\n") if line.lstrip().startswith(b"#"))


def _entries(block: bytes, line: int, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        number = line + block.count(b"\n", 0, error.start)
        raise FileError(
            f"got bytes that are no UTF-8 in line {number} of {layout.file}; expected text in UTF-8 or UTF-16. "
            "Try saving it as UTF-8"
        ) from error
    for number, entry in enumerate(text.split("\n"), line):
        if _idle(entry):
            continue
        try:
            cells = _cells(entry, layout.delimiter)
        except csv.Error as error:
            raise _unquotable(number, layout.file, error) from error
        if len(cells) != layout.width:
            raise _uneven(number, layout.file, len(cells), layout.width)
        yield number, cells


def _uneven(line: int, file: str, cells: int, width: int) -> FileError:
    return FileError(
        f"got {counted(cells, 'cell')} in line {line} of {file}, where the first has {width}; expected lines of "
        "equal length. Try looking for a separator missing or too many"
    )


def _unquotable(line: int, file: str, error: csv.Error) -> FileError:
    return FileError(
        f'got quotation marks " in line {line} of {file} that do not enclose whole cells ({error}); expected each '
        "entry in one line. Try taking line breaks out of the cells, or doubling the marks inside"
    )


def _require_id(cell: str, line: int, place: int, file: str) -> str:
    where = f"in line {line}, column {place + 1} of {file}"
    if not cell:
        raise FileError(f"got no id {where}; expected one in every line. Try leaving such lines out")
    if len(cell) > LONGEST:
        raise FileError(f"got an id of {len(cell)} letters {where}; expected at most {LONGEST}. Try shorter ones")
    return cell


def _require_number(cell: str, line: int, place: int, file: str) -> float:
    if _is_number(cell) and math.isfinite(number := float(cell)):
        return number
    _explain(cell, f"in line {line}, column {place + 1} of {file}")


def _explain(cell: str, where: str) -> NoReturn:
    shown = repr(cell if len(cell) <= 30 else cell[:30] + "…")
    if cell.lower() in _MISSING:
        got = "an empty entry" if not cell else shown
        raise FileError(
            f"got {got} {where}, where a number is missing; expected one in every line: what is unknown is left out. "
            "Try leaving such lines out"
        )
    if _DECIMAL_COMMA.fullmatch(cell):
        raise FileError(f"got {shown} {where}; expected a decimal point. Try replacing the decimal commas")
    if _is_number(cell):
        raise FileError(f"got {shown} {where}; expected a finite number. Try leaving such lines out")
    raise FileError(
        f"got {shown} {where}, which is no number; expected numbers below one optional header line. "
        "Try saying which column holds the values"
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell
