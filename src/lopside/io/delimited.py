"""Entries as text: lines of row id, column id and value, separated by tabs, semicolons, commas, "::" or blanks.

A file is read block by block. Where a block is as plain as such files are, all of its lines are read at once
(`lopside.io.cells`); any other is read line by line (`lopside.io.lines`), which also finds what is wrong with it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lopside.arrays import Array
from lopside.errors import FileError
from lopside.frames import Entries
from lopside.ids import LONGEST, Coder, distinct_ids
from lopside.io.cells import Cells, decimals, split, texts, whole_numbers
from lopside.io.columns import Choice
from lopside.io.lines import Layout, laid_out, read_lines

_BLOCK = 1 << 20
"""Bytes read at a time: what is made of them stays in cache."""

_LONGEST_LINE = 1 << 24
_COMMENT = re.compile(rb"^[ \t]*#", re.MULTILINE)
_PLAIN = re.compile(r"0|-?[1-9][0-9]{0,18}")
"""A whole number in the one way to write it, so that ids like 007 stay text."""


class _Column(NamedTuple):
    """Ids of a block: distinct enough, and where they are; None for each where it stands."""

    ids: NDArray[Any]
    inverse: NDArray[np.intp] | None = None


class _Block(NamedTuple):
    """Rows and columns, values and weights, and how many comments were left out."""

    ids: tuple[_Column, ...]
    numbers: tuple[NDArray[np.float64], ...]
    comments: int = 0


def read_delimited(
    stream: BinaryIO, file: str, choice: Choice, dtype: DTypeLike = np.float64
) -> tuple[Entries, tuple[str, ...], tuple[str, ...]]:
    """Read observed entries from text; a first line without any number is taken as a header.

    UTF-8, UTF-16 with a byte-order mark and every line ending are read; lines that are blank or start with # are
    skipped. Ids are whole numbers if every one of a column is written as such, plainly; else they are text, stripped
    of blanks. The peak of memory is little more than what is returned.

    Parameters
    ----------
    stream : binary file
        Read to its end.
    file : str
        What messages call it.
    choice : Choice
    dtype : numpy type
        float32 or float64, of the values and weights.

    Returns
    -------
    entries : Entries
    notes : tuple of str
    names : tuple of str
        What a header calls the columns that were read.

    Raises
    ------
    FileError
        If it is no such text; names the line, and the column counted from 1.
    """
    found: Layout | None = None
    notes: tuple[str, ...] = ()
    gathered = _Gathered(1 if choice.weight is None else 2, dtype)
    for line, block in _blocks(stream, file):
        if found is None:
            if (beginning := laid_out(block, file, choice)) is None:
                continue
            found, notes, before = beginning
            line, block = line + before, block.split(b"\n", before)[before]
        if block:
            gathered.add(_at_once(block, found) or _one_by_one(block, line, found))
    if found is None or not gathered.count:
        raise FileError(f"got {file} without an entry; expected lines of row, column and value")
    if gathered.comments:
        notes = (*notes, f"lines of {file} that start with # are skipped ({gathered.comments})")
    return gathered.entries(), notes, found.names


class _Gathered:
    """What the blocks so far hold."""

    def __init__(self, numbers: int, dtype: DTypeLike) -> None:
        self.comments = 0
        self._dtype = dtype
        self._coders = (_IdColumn("row ids"), _IdColumn("column ids"))
        self._codes = (_Growing(np.int32), _Growing(np.int32))
        self._numbers = tuple(_Growing(dtype) for _ in range(numbers))

    @property
    def count(self) -> int:
        """Entries so far."""
        return self._numbers[0].count

    def add(self, block: _Block) -> None:
        """Take a block in."""
        self.comments += block.comments
        for grown, coder, column in zip(self._codes, self._coders, block.ids, strict=True):
            grown.add(coder.codes(column))
        for grown, numbers in zip(self._numbers, block.numbers, strict=True):
            grown.add(as_type(numbers, self._dtype))

    def entries(self) -> Entries:
        """Return them all."""
        values = [grown.whole() for grown in self._numbers]
        rows, columns = (grown.whole() for grown in self._codes)
        row_ids, column_ids = (
            column.coder.finish(codes).ids for column, codes in zip(self._coders, (rows, columns), strict=True)
        )
        weights = values[1] if len(values) > 1 else None
        return Entries(rows, columns, values[0], weights, row_ids, column_ids, (len(row_ids), len(column_ids)))


class _Growing:
    """An array that grows in place, by an eighth, so that it never stands in memory twice."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.count = 0
        self._held = np.empty(0, dtype)

    def add(self, part: NDArray[Any]) -> None:
        """Append."""
        end = self.count + len(part)
        if end > len(self._held):
            self._held.resize(max(end, len(self._held) * 9 // 8), refcheck=False)
        self._held[self.count : end] = part
        self.count = end

    def whole(self) -> NDArray[Any]:
        """Return the array, cut to its length."""
        self._held.resize(self.count, refcheck=False)
        return self._held


def as_type(numbers: Array, dtype: DTypeLike) -> Array:
    """Return numbers in another precision.

    Raises
    ------
    FileError
        If one is too large for it.
    """
    with np.errstate(over="ignore"):
        cast = numbers.astype(dtype, copy=False)
    if len(cast) and not np.isfinite(cast).all():
        largest = float(np.abs(numbers).max())
        raise FileError(f"got {largest:g} among the numbers; expected what {cast.dtype} holds. Try float64")
    return cast


class _IdColumn:
    """Ids that are whole numbers until one of them is not."""

    def __init__(self, name: str) -> None:
        self.coder = Coder(name)
        self._whole = True

    def codes(self, column: _Column) -> NDArray[np.int32]:
        """Return their codes."""
        ids, inverse = column
        if ids.dtype.kind == "U" and self._whole:
            numbers = _whole_numbers(ids)
            self._whole = numbers is not None
            if numbers is None:
                self.coder.as_text()
            else:
                ids = numbers
        elif ids.dtype.kind == "i" and not self._whole:
            ids = ids.astype(np.str_)
        codes = self.coder.codes(ids)
        return codes if inverse is None else codes[inverse]


def _whole_numbers(ids: NDArray[np.str_]) -> NDArray[np.int64] | None:
    if not all(map(_PLAIN.fullmatch, ids.tolist())):
        return None
    try:
        return ids.astype(np.int64)
    except OverflowError:
        return None


def _at_once(block: bytes, layout: Layout) -> _Block | None:
    """Return a plain block read by columns; None for one that has to be looked at line by line."""
    delimiter = (layout.delimiter or " ").encode()
    if len(delimiter) > 1:
        if b"\t" in block:
            return None
        delimiter, block = b"\t", block.replace(delimiter, b"\t")
    cells = split(block, delimiter, layout.width)
    if cells is None or (b"#" in block and _COMMENT.search(block)):
        return None
    ids = [_ids(cells, place) for place in layout.columns[:2]]
    numbers = [decimals(cells, place) for place in layout.columns[2:]]
    if any(column is None for column in (*ids, *numbers)):
        return None
    return _Block(tuple(c for c in ids if c is not None), tuple(c for c in numbers if c is not None))


def _ids(cells: Cells, place: int) -> _Column | None:
    numbers = whole_numbers(cells, place)
    if numbers is not None:
        return _Column(numbers)
    written = texts(cells, place)
    if written is None:
        return None
    distinct, inverse = distinct_ids(written)
    try:
        ids = np.strings.strip(np.strings.decode(distinct, "utf-8"))
    except UnicodeDecodeError:
        return None
    strange = (ids == "").any() or ids.itemsize > LONGEST * np.dtype("U1").itemsize
    return None if strange else _Column(ids, inverse)


def _one_by_one(block: bytes, line: int, layout: Layout) -> _Block:
    lines = read_lines(block, line, layout)
    ids = tuple(_Column(np.array(column, dtype=np.str_)) for column in lines.ids)
    return _Block(ids, tuple(np.array(column) for column in lines.numbers), lines.comments)


def _blocks(stream: BinaryIO, file: str) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines of UTF-8 that end with line feeds, and the number of the first."""
    line, kept = 1, b""
    for piece in _utf8(stream, file):
        kept += piece
        if piece:
            # A carriage return at the end may be the first half of a line ending.
            ready, rest = (kept[:-1], b"\r") if kept.endswith(b"\r") else (kept, b"")
        else:
            ready, rest = kept + b"\n" if kept and kept[-1:] not in (b"\n", b"\r") else kept, b""
        if b"\r" in ready:
            ready = ready.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        block, _, tail = ready.rpartition(b"\n")
        kept = tail + rest
        if len(kept) > _LONGEST_LINE or b"\0" in block:
            raise FileError(
                f"got {file} with binary contents, near line {line}; expected lines of row, column and value as text. "
                "Try the ending that fits the file"
            )
        if block or len(ready) > len(tail):
            yield line, block + b"\n"
            line += block.count(b"\n") + 1


def _utf8(stream: BinaryIO, file: str) -> Iterator[bytes]:
    """Yield pieces of a file as UTF-8 without a byte-order mark, an empty one at its end."""
    piece = stream.read(_BLOCK)
    if piece[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        piece = piece.removeprefix(codecs.BOM_UTF8)
        while piece:
            yield piece
            piece = stream.read(_BLOCK)
        yield b""
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        while piece:
            if text := decoder.decode(piece):
                yield text.encode()
            piece = stream.read(_BLOCK)
        yield decoder.decode(b"", True).encode()
    except UnicodeError as error:
        raise FileError(f"cannot read {file} as UTF-16: {error}; expected text. Try saving it as UTF-8") from error
