"""A file of facts and arrays under a digest of all its bytes, with the one before it beside it.

magic    18 bytes
length    8 bytes, little-endian, of the header
header    JSON: {"facts": ..., "arrays": [[dtype, shape, offset], ...]}, offsets counted from its end
arrays    each at a multiple of 64 bytes
digest   32 bytes, SHA-256 of everything before
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.files import require_readable, whole_file

_MAGIC = b"lopside sealed 01\n"
_LENGTH, _DIGEST = 8, 32
_START = len(_MAGIC) + _LENGTH
_ALIGN = 64
_CHUNK = 1 << 20
_EXPECTED = "a file that lopside wrote and nothing has changed"


def previous_of(path: str | PathLike[str]) -> Path:
    """Return where the file before this one is kept."""
    path = Path(path)
    return path.with_name(f"{path.name}.previous")


def write_sealed(
    path: str | PathLike[str], facts: Mapping[str, Any], arrays: Sequence[NDArray[Any]], *, keep: bool = True
) -> None:
    """Write facts (JSON-able) and contiguous arrays of numbers so that a kill or a power cut leaves a whole file.

    Parameters
    ----------
    path : path-like
    facts : mapping
    arrays : sequence of ndarray
    keep : bool
        Let the file that is there stay as `previous_of(path)`.

    Raises
    ------
    FileError
        If the path cannot be written; what was there is still there then.
    """
    table, end = [], 0
    for array in arrays:
        table.append([array.dtype.str, list(array.shape), end])
        end += math.ceil(array.nbytes / _ALIGN) * _ALIGN
    header = json.dumps({"facts": dict(facts), "arrays": table}).encode()
    with whole_file(path, durable=True, previous=previous_of(path) if keep else None) as file:
        digest = hashlib.sha256()

        def put(part: Any) -> None:
            digest.update(part)
            file.write(part)

        put(_MAGIC)
        put(len(header).to_bytes(_LENGTH, "little"))
        put(header)
        for array in arrays:
            put(array.reshape(-1).view(np.uint8))
            put(bytes(-array.nbytes % _ALIGN))
        file.write(digest.digest())


def read_sealed(path: str | PathLike[str]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Read what `write_sealed` wrote, after its digest has been checked.

    Raises
    ------
    FileError
        If the file is missing, truncated, changed in any bit, or something else.
    """
    path = Path(path)
    require_readable(path, _EXPECTED)
    try:
        with open(path, "rb") as file:
            _check(file, path.stat().st_size)
            file.seek(len(_MAGIC))
            length = int.from_bytes(file.read(_LENGTH), "little")
            room = path.stat().st_size - _DIGEST - _START - length
            if room < 0:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
            facts = header["facts"]
            if not isinstance(facts, dict):
                raise ValueError("its facts are no dictionary")
            return facts, [_array(file, _START + length, room, *entry) for entry in header["arrays"]]
    except FileError:
        raise
    except (OSError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise FileError(f"cannot read {path}: {error}; expected {_EXPECTED}. Try another copy") from error


def _check(file: BinaryIO, size: int) -> None:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it does not begin as such a file does")
    digest, left = hashlib.sha256(_MAGIC), size - len(_MAGIC) - _DIGEST
    while left > 0:
        part = file.read(min(_CHUNK, left))
        if not part:
            break
        digest.update(part)
        left -= len(part)
    if left != 0 or file.read() != digest.digest():
        raise ValueError("its bytes are not those that were written (cut off or changed)")


def _array(file: BinaryIO, start: int, room: int, kind: str, shape: list[int], offset: int) -> NDArray[Any]:
    dtype = np.dtype(kind)
    if dtype.kind not in "fiub" or any(type(side) is not int or side < 0 for side in (*shape, offset)):
        raise ValueError(f"it promises an array of type {dtype} and shape {shape} at {offset}")
    count = math.prod(shape)
    if offset + count * dtype.itemsize > room:
        raise ValueError(f"it promises {count} numbers of {dtype} where there are {room - offset} bytes")
    file.seek(start + offset)
    return np.fromfile(file, dtype, count).reshape(shape)
