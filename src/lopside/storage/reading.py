"""Row blocks of a matrix in a file, read ahead of the work on them into a few buffers that are used again."""

from __future__ import annotations

import mmap
import os
from collections import deque
from collections.abc import Generator
from io import FileIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import FileError
from lopside.io import npy_header

if TYPE_CHECKING:
    from concurrent.futures import Future

BUFFERS = 3
"""Blocks in memory: one is worked on while the others are filled."""


class Place(NamedTuple):
    """Where the numbers of a matrix lie in a file.

    Attributes
    ----------
    path : Path
    offset : int
        Of the first number, in bytes.
    shape : (rows, columns)
        As they lie in the file, row after row.
    dtype : float32 or float64
    transposed : bool
        The file is column-major: those rows are the columns of A.
    """

    path: Path
    offset: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    transposed: bool

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize


def locate(source: str | PathLike[str] | np.memmap[Any, Any]) -> Place:
    """Return where the matrix of an .npy, or of a map of a file, lies.

    Raises
    ------
    FileError
        If there is no such file, or it holds something else than a matrix of float32 or float64.
    """
    if isinstance(source, np.memmap):
        return _locate_map(source)
    path = Path(source)
    header = npy_header(path)
    if len(header.shape) != 2 or 0 in header.shape:
        raise FileError(f"got {path} with {header}; expected a matrix. Try numpy.save of a two-dimensional array")
    if header.dtype not in (np.float32, np.float64):
        raise FileError(
            f"got {path} with {header}; expected float32 or float64 in this machine's byte order, which can be read in "
            f"blocks as it is. {_advice(header.dtype)}"
        )
    return _place(path, header.offset, header.shape, header.dtype, header.column_major)


def _place(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], column_major: bool) -> Place:
    rows, columns = shape[::-1] if column_major else shape
    return Place(path.absolute(), offset, (rows, columns), dtype, column_major)


def _locate_map(A: np.memmap[Any, Any]) -> Place:
    # The offset a view carries is that of the whole map, so the distance between their first numbers is added.
    root: Any = A
    while isinstance(root.base, np.memmap):
        root = root.base
    offset = root.offset + A.ctypes.data - root.ctypes.data
    return _place(Path(str(A.filename)), offset, A.shape, A.dtype, not A.flags.c_contiguous)


def blocks(place: Place, rows: int) -> Generator[tuple[slice, Array]]:
    """Yield the row blocks of a file in order: which rows, and the rows, valid until the next block is asked for.

    One thread reads on while the caller works.  The file is read, never mapped: a mapped file that shrinks or
    vanishes ends the process, one that is read raises.

    Parameters
    ----------
    place : Place
    rows : int
        Rows of a block.

    Raises
    ------
    FileError
        If the file has gone, has become too short or cannot be read.
    """
    from concurrent.futures import ThreadPoolExecutor  # here: it takes its time to import

    m, n = place.shape
    cuts = [slice(first, min(first + rows, m)) for first in range(0, m, rows)]
    buffers = [_page_aligned(min(rows, m) * n * place.dtype.itemsize) for _ in range(min(BUFFERS, len(cuts)))]
    pending: deque[Future[Array]] = deque()
    with _opened(place) as file, ThreadPoolExecutor(1, "lopside-read") as reader:

        def ask(index: int) -> None:
            if index < len(cuts):
                pending.append(reader.submit(_read, file, place, cuts[index], buffers[index % len(buffers)]))

        try:
            for index in range(len(buffers)):
                ask(index)
            for index, cut in enumerate(cuts):
                yield cut, pending.popleft().result()
                ask(index + len(buffers))
        finally:
            for future in pending:
                future.cancel()


def _opened(place: Place) -> FileIO:
    try:
        file = FileIO(place.path)
    except OSError as error:
        raise _lost(place, error) from error
    if hasattr(os, "posix_fadvise"):  # not on macOS or Windows
        os.posix_fadvise(file.fileno(), place.offset, place.nbytes, os.POSIX_FADV_SEQUENTIAL)
    size = os.fstat(file.fileno()).st_size
    if size < place.offset + place.nbytes:
        file.close()
        raise _short(place, size)
    return file


def _read(file: FileIO, place: Place, cut: slice, buffer: memoryview) -> Array:
    n = place.shape[1]
    row_bytes = n * place.dtype.itemsize
    room = buffer[: (cut.stop - cut.start) * row_bytes]
    done = 0
    try:
        file.seek(place.offset + cut.start * row_bytes)
        while done < len(room):
            count = file.readinto(room[done:])
            if not count:
                raise _short(place, os.fstat(file.fileno()).st_size)
            done += count
    except OSError as error:
        raise error if isinstance(error, FileError) else _lost(place, error) from error
    return np.frombuffer(room, place.dtype).reshape(-1, n)


def _page_aligned(size: int) -> memoryview:
    spare = np.empty(size + mmap.PAGESIZE, np.uint8)
    first = -spare.ctypes.data % mmap.PAGESIZE
    return spare.data[first : first + size]


def _short(place: Place, size: int) -> FileError:
    m, n = place.shape[::-1] if place.transposed else place.shape
    return FileError(
        f"got {place.path} with {size} bytes; expected {place.offset + place.nbytes}, the size for {m} × {n} "
        f"{place.dtype}: the file has become shorter since it was opened. Try again once it is complete, or work on a "
        "copy that nothing else writes to"
    )


def _lost(place: Place, error: OSError) -> FileError:
    return FileError(
        f"cannot read {place.path}: {error.strerror or error}; expected a file of {place.offset + place.nbytes} "
        "bytes that stays in place while it is factored. Try putting it back, or a copy on a local disk"
    )


def _advice(kind: np.dtype[Any]) -> str:
    if kind.kind not in "fiub":
        return "Try saving real numbers"
    wanted = "float32" if kind.kind == "f" and kind.itemsize < 8 else "float64"
    return f"Try saving A.astype(numpy.{wanted}), or numpy.load if it fits in memory"
