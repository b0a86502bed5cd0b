"""Observed entries from a file; its name says the format."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import DTypeLike

from lopside.errors import FileError, InputError
from lopside.frames import Entries, entries
from lopside.io.archives import unreadable
from lopside.io.columns import Choice, picked
from lopside.io.delimited import as_type, read_delimited
from lopside.io.files import require_readable

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".data", ".inter")
"""Delimited text, each also with .gz behind it."""

ENTRY_SUFFIXES = (*TEXT_SUFFIXES, *(suffix + ".gz" for suffix in TEXT_SUFFIXES), ".parquet", ".npz", ".mtx", ".mtx.gz")
"""What `read_entries` reads."""


class EntriesReading(NamedTuple):
    """Observed entries as read, and what was done to get them.

    Attributes
    ----------
    entries : Entries
    notes : tuple of str
        One sentence for each choice made on the way (a header, which columns were taken).
    names : tuple of str
        What the file calls its columns of row ids, column ids and values; empty where it has no names.
    """

    entries: Entries
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def read_entries(
    path: str | PathLike[str],
    *,
    row: str | int | None = None,
    column: str | int | None = None,
    value: str | int | None = None,
    weight: str | int | None = None,
    dtype: DTypeLike | None = None,
) -> EntriesReading:
    r"""Read observed entries, a row id, a column id and a value each.

    Text (.csv .tsv .txt .dat .data .inter, also with .gz) is separated by tabs, semicolons, commas, "::" or blanks,
    with or without a header; .inter is RecBole's. In text and .parquet the first two are ids, of any kind. In an .npz
    with three arrays, whole numbers are positions from 0, all else ids; `shape` may be there too. From a sparse .npz or
    an .mtx every stored entry is an observation, zeros included.

    Parameters
    ----------
    path : path-like
    row, column, value, weight : str or int, optional
        Names of columns, or their numbers counted from 1; of arrays in an .npz their names. Without them the first
        three columns are taken, no weights, and a note says so.
    dtype : numpy type, optional
        float32 or float64, of values and weights; as they are stored if not given, float64 from text.

    Returns
    -------
    EntriesReading

    Raises
    ------
    FileError
        If the file is missing, damaged, or holds anything but entries; from text, with the line.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "ratings.dat")
    ...     _ = path.write_text("eve::7::4\nbob::3::5\neve::3::1\n")
    ...     found, notes, _ = read_entries(path)
    >>> found.row_ids[found.rows], found.column_ids[found.columns], found.values
    (array(['eve', 'bob', 'eve'], dtype='<U3'), array([7, 3, 3]), array([4., 5., 1.]))
    >>> notes
    ('in ratings.dat the rows are column 1, the columns are column 2, the values are column 3',)
    """
    path, choice = Path(path), Choice(row, column, value, weight)
    expected = f"observed entries in one of {' '.join(ENTRY_SUFFIXES)}"
    require_readable(path, expected)
    kind = None if dtype is None else np.dtype(dtype)
    if kind not in (None, np.float32, np.float64):
        raise InputError(f"got dtype {kind}; expected float32 or float64")
    name = path.name.lower()
    suffix = next((s for s in ENTRY_SUFFIXES if name.endswith(s)), None)
    if suffix is None:
        raise FileError(f"got {path.name}, an unknown ending; expected {expected}. Try exporting it as .csv")
    if suffix.removesuffix(".gz") in TEXT_SUFFIXES:
        return _from_text(path, choice, np.dtype(np.float64) if kind is None else kind)
    if suffix == ".parquet":
        found = _from_parquet(path, choice)
    else:
        from lopside.io.stored import from_market, from_npz

        found = EntriesReading(*(from_npz if suffix == ".npz" else from_market)(path, choice))
    return found if kind is None else found._replace(entries=_cast(found.entries, kind))


def _cast(found: Entries, kind: np.dtype[Any]) -> Entries:
    weights = None if found.weights is None else as_type(found.weights, kind)
    return replace(found, values=as_type(found.values, kind), weights=weights)


def _from_text(path: Path, choice: Choice, kind: np.dtype[Any]) -> EntriesReading:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb") as stream:
            return EntriesReading(*read_delimited(cast(BinaryIO, stream), path.name, choice, kind))
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise unreadable(path, error, "text") from error


def _from_parquet(path: Path, choice: Choice) -> EntriesReading:
    from lopside.io.parquet import parquet_names, read_parquet

    names = parquet_names(path)
    columns, notes = picked(choice, names, len(names), path.name)
    chosen = [names[place] for place in columns]
    try:
        found = entries(read_parquet(path, chosen), **dict(zip(Choice._fields, chosen, strict=False)))
    except InputError as error:
        raise FileError(f"{path.name}: {error}") from error
    return EntriesReading(found, notes, tuple(chosen))
