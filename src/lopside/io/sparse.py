"""Sparse matrices as scipy.sparse.save_npz writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.archives import Header, listing, read_member, unreadable
from lopside.sparse_arrays import checked

_PARTS = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "coo": ("row", "col"),
    "dia": ("offsets",),
}
"""What each format keeps beside its values."""

_EXPECTED = "a matrix written by scipy.sparse.save_npz"


def read_sparse(path: Path, headers: Mapping[str, Header]) -> Any:
    """Read a sparse matrix from an .npz; nothing in it is unpickled or believed.

    Parameters
    ----------
    path : Path
    headers : dict of Header
        As `read_headers` found them.

    Returns
    -------
    scipy.sparse array of the format in the file, its indices within its shape

    Raises
    ------
    FileError
        If a part is missing, damaged or does not fit the others.
    """
    name = _word(read_member(path, "format", headers["format"]))
    if name not in _PARTS or not headers.keys() >= {*_PARTS[name]}:
        raise FileError(f"got {path.name} with {listing(headers)}, in the format {name!r}; expected {_EXPECTED}")
    shape = _shape(path, read_member(path, "shape", headers["shape"]))
    data, *parts = (read_member(path, part, headers[part]) for part in ("data", *_PARTS[name]))
    if not all(part.ndim == 1 and part.dtype.kind in "iu" for part in parts):
        raise FileError(f"got {path.name} with {listing(headers)}; expected indices that are integers, in rows of them")
    try:
        return checked(_assembled(name, data, parts, shape))
    except (ValueError, TypeError, ArithmeticError, IndexError, MemoryError) as error:
        raise unreadable(path, error, _EXPECTED) from error


def _word(member: NDArray[Any]) -> str:
    value = member.item() if member.size == 1 else ""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _shape(path: Path, member: NDArray[Any]) -> tuple[int, int]:
    if member.shape != (2,) or member.dtype.kind not in "iu" or not all(0 < int(side) < 2**62 for side in member):
        raise FileError(f"got {path.name} with the shape {member.tolist()}; expected two integers ≥ 1")
    return int(member[0]), int(member[1])


def _assembled(name: str, data: NDArray[Any], parts: list[NDArray[Any]], shape: tuple[int, int]) -> Any:
    from scipy import sparse

    # Unsigned or foreign integers are none that SciPy works with.
    parts = [part if part.dtype in (np.int32, np.int64) else part.astype(np.int64) for part in parts]
    if name == "coo":
        return sparse.coo_array((data, tuple(parts)), shape=shape)
    if name == "dia":
        return sparse.dia_array((data, parts[0]), shape=shape)
    kind = {"csr": sparse.csr_array, "csc": sparse.csc_array, "bsr": sparse.bsr_array}[name]
    return kind((data, *parts), shape=shape)
