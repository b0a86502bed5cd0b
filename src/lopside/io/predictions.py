"""Predictions and filled tables to files, labelled with the original ids."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lopside.arrays import Array
from lopside.errors import FileError, InputError
from lopside.ids import as_ids, chunks
from lopside.io.files import whole_file

PREDICTION_SUFFIXES = (".csv", ".tsv", ".parquet")
"""What `write_predictions` writes."""

FILLED_SUFFIXES = (*PREDICTION_SUFFIXES, ".npy")
"""What `write_filled` writes."""

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def write_predictions(
    path: str | PathLike[str],
    rows: ArrayLike,
    columns: ArrayLike,
    values: Array,
    *,
    names: tuple[str, str, str] = ("row", "column", "prediction"),
) -> None:
    """Write one line for each predicted entry: row id, column id, value; the file appears whole or not at all.

    Numbers keep all their digits, so that reading them back in the same precision gives the same.

    Parameters
    ----------
    path : path-like
        Ending in .csv, .tsv or .parquet.
    rows, columns : array_like, shape (n,)
        Ids, or positions.
    values : ndarray of float32 or float64, shape (n,)
        NaN where there is no prediction.
    names : tuple of str
        Of the three columns.

    Raises
    ------
    FileError
        If the path cannot be written or its ending is unknown.
    InputError
        If the lengths or names do not fit.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "predicted.csv")
    ...     write_predictions(path, ["eve", "bob"], [3, 7], np.array([4.5, 0.1], np.float32))
    ...     print(path.read_text(), end="")
    row,column,prediction
    eve,3,4.5
    bob,7,0.1
    """
    suffix = _suffix(path, PREDICTION_SUFFIXES)
    held = [as_ids(rows, "row ids"), as_ids(columns, "column ids"), np.asarray(values)]
    if held[2].ndim != 1 or len({len(column) for column in held}) > 1:
        shapes = ", ".join(str(column.shape) for column in held)
        raise InputError(f"got rows, columns and values of shapes {shapes}; expected one length")
    if len(set(names)) < 3:
        raise InputError(f"got the names {', '.join(map(repr, names))}; expected three different ones")
    if suffix == ".parquet":
        from lopside.io.parquet import write_parquet

        write_parquet(path, dict(zip(names, held, strict=True)))
        return
    lines = (zip(*(_cells(column[part]) for column in held), strict=True) for part in chunks(len(held[0])))
    _write_lines(path, names, (line for piece in lines for line in piece), _DELIMITERS[suffix])


def write_filled(
    path: str | PathLike[str], A: Array, *, row_ids: ArrayLike | None = None, column_ids: ArrayLike | None = None
) -> None:
    """Write a whole table, labelled with its ids; the file appears whole or not at all.

    Text has a line of column ids and, with row ids, a row id before each row, below an empty first cell; .parquet a
    column for each column id and, with row ids, one more before them, named "row". Where no ids are given at all there
    are only the numbers, as in an .npy, which never has labels.

    Parameters
    ----------
    path : path-like
        Ending in .csv, .tsv, .parquet or .npy.
    A : ndarray of float32 or float64, shape (m, n)
    row_ids, column_ids : array_like, shapes (m,) and (n,), optional
        Positions for the columns where only the rows have ids.

    Raises
    ------
    FileError
        If the path cannot be written or its ending is unknown.
    InputError
        If the ids do not fit A.
    """
    suffix = _suffix(path, FILLED_SUFFIXES)
    if suffix == ".npy":
        with whole_file(path) as file:
            np.save(file, A, allow_pickle=False)
        return
    rows = None if row_ids is None else _labels(row_ids, A.shape[0], "row ids")
    columns = _labels(np.arange(A.shape[1]) if column_ids is None else column_ids, A.shape[1], "column ids")
    titles = list(map(str, _cells(columns)))
    if suffix == ".parquet":
        _write_frame(path, A, {} if rows is None else {"row": rows}, titles)
    elif rows is not None:
        lines = ([label, *_cells(row)] for label, row in zip(_cells(rows), A, strict=True))
        _write_lines(path, ["", *titles], lines, _DELIMITERS[suffix])
    else:
        _write_lines(path, None if column_ids is None else titles, map(_cells, A), _DELIMITERS[suffix])


def _suffix(path: str | PathLike[str], known: Sequence[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise FileError(f"got {Path(path).name}, an unknown ending; expected one of {' '.join(known)}")
    return suffix


def _labels(ids: ArrayLike, side: int, kind: str) -> NDArray[Any]:
    found = as_ids(ids, kind)
    if len(found) != side:
        raise InputError(f"got {len(found)} {kind} for a table with {side} of them; expected one for each")
    return found


def _write_frame(path: str | PathLike[str], A: Array, labels: dict[str, NDArray[Any]], titles: list[str]) -> None:
    from lopside.io.parquet import write_parquet

    if len({*labels, *titles}) < len(labels) + len(titles):
        raise InputError('got two column ids of the same name, or one named "row"; expected different ones. Try .csv')
    write_parquet(path, labels | {title: np.ascontiguousarray(A[:, j]) for j, title in enumerate(titles)})


def _cells(array: NDArray[Any]) -> list[Any]:
    """Return a column as csv writes it: dates, and numbers of float32 in as few digits as tell them apart, as text."""
    return (array.astype(np.str_) if array.dtype.kind == "M" or array.dtype == np.float32 else array).tolist()


def _write_lines(
    path: str | PathLike[str], header: Sequence[str] | None, lines: Iterable[Iterable[Any]], delimiter: str
) -> None:
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        try:
            writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
            if header is not None:
                writer.writerow(header)
            writer.writerows(lines)
        finally:
            text.detach()  # else it would close the file
