"""NumPy's .npy and .npz: what lopside writes itself, and matrices from elsewhere."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.files import require_readable, whole_file

_FACTS = "facts_json"
_NPY = "a matrix written by numpy.save"
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise on files that are damaged, hostile or something else."""


class Header(NamedTuple):
    """What the first bytes of an .npy promise, and where the numbers begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    column_major: bool = False
    offset: int = 0

    def __str__(self) -> str:
        return f"{' × '.join(map(str, self.shape)) or 'a single'} {self.dtype}"


def write_archive(path: str | PathLike[str], arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write named arrays and a JSON-able dictionary to a compressed .npz, whole or not at all.

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    encoded = np.frombuffer(json.dumps(dict(facts)).encode(), dtype=np.uint8)
    with whole_file(path) as file:
        np.savez_compressed(file, **{_FACTS: encoded}, **arrays)  # type: ignore[arg-type]


def read_archive(path: str | PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_archive` wrote; refuses pickled objects.

    Raises
    ------
    FileError
        If the file is missing, truncated or something else.
    """
    expected = "an .npz that lopside wrote"
    headers = read_headers(Path(path), expected)
    if _FACTS not in headers:
        raise FileError(f"got {path}, an archive of {listing(headers)}; expected {expected}")
    arrays = {name: read_member(Path(path), name, header) for name, header in headers.items()}
    try:
        facts = json.loads(arrays.pop(_FACTS).tobytes())
    except (ValueError, RecursionError) as error:
        raise FileError(f"cannot read {path} as a lopside archive: {error}; expected {expected}") from error
    if not isinstance(facts, dict):
        raise FileError(f"got {path} whose facts are no dictionary; expected {expected}")
    return arrays, facts


def holds_facts(path: str | PathLike[str]) -> bool:
    """Say whether an .npz is one that `write_archive` wrote.

    Raises
    ------
    FileError
        If the file is no sound .npz.
    """
    return _FACTS in read_headers(Path(path), "an .npz")


def read_headers(path: Path, expected: str) -> dict[str, Header]:
    """Return the headers of all arrays in an .npz, by name, without reading the arrays.

    Raises
    ------
    FileError
        If the file is no sound .npz; with `expected` in its message.
    """
    require_readable(path, expected)
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    with archive.open(member) as file:
                        name = member.filename.removesuffix(".npy")
                        found[name] = _header(file, member.file_size, f"{path}, array {name}")
            return found
    except _UNREADABLE as error:
        raise unreadable(path, error, expected) from error


def read_member(path: Path, name: str, header: Header) -> NDArray[Any]:
    """Read one array of an .npz whose header `read_headers` has checked.

    Raises
    ------
    FileError
        If it holds Python objects or is damaged.
    """
    refuse_objects(f"{path}, array {name}", header)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[name]
    except (*_UNREADABLE, KeyError) as error:
        raise unreadable(path, error, "a sound .npz") from error


def npy_header(path: Path) -> Header:
    """Return what an .npy holds, and where in it, without reading that.

    Raises
    ------
    FileError
        If it is missing, truncated, holds Python objects or is no .npy.
    """
    require_readable(path, _NPY)
    try:
        with open(path, "rb") as file:
            header = _header(file, path.stat().st_size, str(path))
    except _UNREADABLE as error:
        raise unreadable(path, error, _NPY) from error
    refuse_objects(str(path), header)
    return header


def read_npy(path: Path) -> NDArray[Any]:
    """Read the array of an .npy.

    Raises
    ------
    FileError
        If it is truncated, holds Python objects or is no .npy.
    """
    npy_header(path)
    try:
        return np.load(path, allow_pickle=False)
    except _UNREADABLE as error:
        raise unreadable(path, error, _NPY) from error


def _header(file: IO[bytes], size: int, name: str) -> Header:
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, column_major, dtype = read(file)
    except Exception as error:  # NumPy hands the header to Python's own parser, which may raise anything
        raise ValueError(f"no array in NumPy's format ({error})") from error
    size -= file.tell()
    # Refused before anything is allocated: a header of a hundred bytes can promise an exabyte.
    promised = math.prod(shape) * dtype.itemsize
    header = Header(shape, dtype, column_major, file.tell())
    if min(shape, default=0) < 0 or (promised > size and not dtype.hasobject):
        raise FileError(
            f"got {name}, whose header promises {header}, {promised} bytes, where there are {size}; "
            "expected a whole file. Try writing or copying it again"
        )
    return header


def refuse_objects(name: str, header: Header) -> None:
    """Raise for an array of Python objects, which only unpickling could read.

    Raises
    ------
    FileError
        If the header says so.
    """
    if header.dtype.hasobject:
        raise FileError(
            f"got {name} with pickled Python objects, which can run any code when read; expected numbers. "
            "Try saving numpy.asarray(A, dtype=float)"
        )


def listing(headers: Mapping[str, Header]) -> str:
    """Return names, shapes and types of arrays in one line."""
    return ", ".join(f"{name} ({header})" for name, header in headers.items()) or "no arrays"


def unreadable(path: Path, error: BaseException, expected: str) -> FileError:
    """Return the `FileError` for what a library raised, unless it is one already."""
    if isinstance(error, FileError):
        return error
    reason = str(error).splitlines()[0].strip().rstrip(".") if str(error) else type(error).__name__
    return FileError(f"cannot read {path}: {reason}; expected {expected}. Try writing or copying it again")
