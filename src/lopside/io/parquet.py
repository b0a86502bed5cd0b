"""Parquet files, through pyarrow or polars, whichever is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.archives import unreadable
from lopside.io.files import whole_file


def parquet_names(path: Path) -> list[str]:
    """Return the names of the columns.

    Raises
    ------
    FileError
        If the file is damaged or something else, or neither library is there.
    """
    arrow = _with_arrow(path)
    with _readable(path):
        if arrow:
            from pyarrow.parquet import ParquetFile

            with ParquetFile(path) as file:
                return file.schema_arrow.names
        import polars

        return list(polars.read_parquet_schema(path))


def read_parquet(path: Path, names: Sequence[str]) -> Any:
    """Read these columns as a frame of the library that is there.

    Raises
    ------
    FileError
        If the file is damaged or something else, or neither library is there.
    """
    arrow = _with_arrow(path)
    with _readable(path):
        if arrow:
            from pyarrow.parquet import ParquetFile

            with ParquetFile(path) as file:
                return file.read(list(names))
        import polars

        return polars.read_parquet(path, columns=list(names), hive_partitioning=False)


def write_parquet(path: str | PathLike[str], columns: Mapping[str, NDArray[Any]]) -> None:
    """Write columns of equal length; the file appears whole or not at all.

    Raises
    ------
    FileError
        If the path cannot be written, or neither library is there.
    """
    if _with_arrow(path):
        import pyarrow
        from pyarrow.parquet import write_table

        table = pyarrow.table(dict(columns))
        with whole_file(path) as file:
            write_table(table, file)
        return
    import polars

    frame = polars.DataFrame(dict(columns))
    with whole_file(path) as file:
        frame.write_parquet(file)


def _with_arrow(path: str | PathLike[str]) -> bool:
    if find_spec("pyarrow"):
        return True
    if find_spec("polars"):
        return False
    raise FileError(
        f"got {Path(path).name}, but neither pyarrow nor polars; expected one of them for .parquet. "
        "Try pip install pyarrow, or .csv"
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each library has exceptions of its own
        raise unreadable(path, error, "a Parquet file") from error
