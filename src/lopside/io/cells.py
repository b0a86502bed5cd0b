"""The cells of a block of delimited text, found and read by whole columns at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _QUOTE, _MINUS, _POINT, _ZERO = b'\n"-.0'
_INTEGER_DIGITS = 18
"""So many digits fit into int64 whatever they are."""
_EXACT_DIGITS = 15
"""So many fit into float64 exactly, and so does the power of ten to divide by: one rounding, the right one."""
_NUMBER_WIDTH = 1 + _INTEGER_DIGITS
_LONGEST_CELL = 16
"""How many times as long as the average line."""

_POWERS = 10.0 ** np.arange(_NUMBER_WIDTH + 1)

Bytes = NDArray[np.uint8]


class Cells(NamedTuple):
    """Where the cells of a block are.

    Attributes
    ----------
    text : ndarray of uint8
        The block behind as many filling bytes as a number may be wide, so that a window may begin before it.
    starts, ends : ndarray of int64, shape (lines, width)
        The first byte of each cell and the one behind its last, without quotation marks.
    """

    text: Bytes
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]


def split(block: bytes, delimiter: bytes, width: int) -> Cells | None:
    """Return the cells of a block of whole lines.

    Parameters
    ----------
    block : bytes
        Ends with a line feed, and has no carriage return.
    delimiter : bytes
        A single one.
    width : int
        Cells in a line.

    Returns
    -------
    Cells or None
        None where a line has another number of cells, or quotation marks not just around whole cells.
    """
    text = np.frombuffer(bytes(_NUMBER_WIDTH) + block, np.uint8)
    feeds = text == _NEWLINE
    lines = int(np.count_nonzero(feeds))
    marks = np.flatnonzero(feeds | (text == delimiter[0]) if width > 1 else feeds)
    if len(marks) != lines * width:
        return None
    ends = marks.reshape(lines, width)
    if not feeds[ends[:, -1]].all():  # as many as lines, so that there is none elsewhere
        return None
    starts = np.empty_like(ends)
    starts.flat[0] = _NUMBER_WIDTH
    starts.flat[1:] = marks[:-1] + 1
    return _unquoted(Cells(text, starts, ends)) if b'"' in block else Cells(text, starts, ends)


def _unquoted(cells: Cells) -> Cells | None:
    text, starts, ends = cells
    quoted = (text[starts] == _QUOTE) & (text[ends - 1] == _QUOTE) & (ends - starts > 1)
    if 2 * np.count_nonzero(quoted) != np.count_nonzero(text == _QUOTE):
        return None
    return Cells(text, starts + quoted, ends - quoted)


def whole_numbers(cells: Cells, column: int) -> NDArray[np.int64] | None:
    """Return a column as integers; None if a cell is not written as one plainly is, without sign or leading zeros."""
    found = _digits(cells, column, _INTEGER_DIGITS)
    if found is None:
        return None
    digits, inside = found
    lengths = inside.sum(axis=0)
    leading = cells.text[cells.starts[:, column]] == _ZERO
    if not ((digits <= 9) | ~inside).all() or (lengths == 0).any() or (leading & (lengths > 1)).any():
        return None
    numbers = np.zeros(len(lengths), np.int64)
    for digit, there in zip(digits, inside, strict=True):
        numbers = numbers * 10 + np.where(there, digit, 0)
    return numbers


def decimals(cells: Cells, column: int) -> NDArray[np.float64] | None:
    """Return a column as numbers, each the nearest to what is written; None if a cell is no finite number.

    Digits with at most one point and a sign before are read all at once, other ways of writing one by one.
    """
    found = _digits(cells, column, _NUMBER_WIDTH)
    if found is None:
        return _one_by_one(texts(cells, column))
    digits, inside = found
    negative = cells.text[cells.starts[:, column]] == _MINUS
    mantissa, places = np.zeros(len(negative)), np.zeros(len(negative), np.intp)
    points, count = np.zeros(len(negative), np.intp), np.zeros(len(negative), np.intp)
    for digit, there in zip(digits, inside, strict=True):
        is_digit, is_point = there & (digit <= 9), there & (digit == (_POINT - _ZERO) % 256)
        mantissa = np.where(is_digit, mantissa * 10 + digit, mantissa)
        places += is_digit & (points > 0)
        points += is_point
        count += is_digit
    plain = (points <= 1) & (count > 0) & (count <= _EXACT_DIGITS)
    plain &= inside.sum(axis=0) == count + points + negative
    numbers = np.where(negative, -mantissa, mantissa) / _POWERS[places]
    if plain.all():
        return numbers
    others = np.flatnonzero(~plain)
    read = _one_by_one(texts(Cells(cells.text, cells.starts[others], cells.ends[others]), column))
    if read is not None:
        numbers[others] = read
    return None if read is None else numbers


def _digits(cells: Cells, column: int, widest: int) -> tuple[Bytes, NDArray[np.bool_]] | None:
    """Return bytes less "0" by place, the last of every cell in the last row, and which of them belong to the cell."""
    ends = cells.ends[:, column]
    lengths = ends - cells.starts[:, column]
    longest = int(lengths.max())
    if longest > widest:
        return None
    places = np.arange(longest, 0, -1)[:, None]
    return cells.text[ends - places] - np.uint8(_ZERO), places <= lengths


def texts(cells: Cells, column: int) -> NDArray[np.bytes_] | None:
    """Return a column as bytes, filled up to equal width; None where a long cell among short ones would fill memory."""
    starts = cells.starts[:, column]
    lengths = cells.ends[:, column] - starts
    longest = max(int(lengths.max()), 1)
    if longest * len(starts) > _LONGEST_CELL * cells.text.size:
        return None
    text = np.concatenate([cells.text, np.zeros(longest, np.uint8)])
    found = np.lib.stride_tricks.sliding_window_view(text, longest)[starts]
    found[np.arange(longest) >= lengths[:, None]] = 0
    return found.view(f"S{longest}")[:, 0]


def _one_by_one(cells: NDArray[np.bytes_] | None) -> NDArray[np.float64] | None:
    if cells is None:
        return None
    listed = cells.tolist()
    try:
        numbers = np.fromiter(map(float, listed), np.float64, len(listed))
    except ValueError:
        return None
    # Python takes 1_000 for a number; and what is infinite or NaN is explained elsewhere.
    return numbers if np.isfinite(numbers).all() and b"_" not in b"".join(listed) else None
