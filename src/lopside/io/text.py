"""Matrices as text: comma, semicolon, tab or blank separated."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", ".", "#n/a"})
"""What people write, in small letters, for an entry that is not there."""

_QUOTED = re.compile(r'"[^"]*"')


def read_text(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read a table of numbers; a first row without any number is taken as a header.

    The separator is the tab, semicolon or comma found first, in this order, in the first two lines, else blanks
    (a .tsv always uses the tab). UTF-8 and UTF-16, with and without a byte-order mark, and every line ending are
    read; lines that are blank or start with # are skipped.

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
    encoding = _encoding(path)
    with open(path, encoding=encoding, errors="replace", newline=None) as file:
        head = [line for _, line in zip(range(2), _lines(file), strict=False)]
        if not head:
            raise FileError(f"got {path.name} without a row of numbers; expected at least one")
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(head)
        file.seek(0)
        lines = _lines(file)
        first = next(lines)
        header = _cells(first, delimiter)
        notes = ()
        if _is_header(header):
            notes = (f"line {_line_number(path, encoding)} of {path.name} is read as a header ({_shortened(header)})",)
            following = next(lines, None)
            if following is None:
                raise FileError(f"got {path.name} with a header ({_shortened(header)}) and nothing below it; expected rows of numbers")
            first = following
        try:
            A = np.loadtxt(chain([first], lines), delimiter=delimiter, quotechar='"', ndmin=2, dtype=np.float64)
        except ValueError as error:
            raise _fault(path, encoding, delimiter, bool(notes), error) from error
    return A, notes
