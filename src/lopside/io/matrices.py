"""One matrix, or one pair of factors, from a file; its name says the format."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.archives import Header, listing, npy_header, read_headers, read_member, read_npy
from lopside.io.files import require_readable

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".mtx", ".mtx.gz", ".png", ".jpg", ".jpeg")
"""What `read_matrix` reads."""

LOAD_LIMIT = 1 << 30
"""An .npy of more bytes than this is left in its file, to be read block by block."""

_SPARSE = {"data", "format", "shape"}
"""What every .npz of scipy.sparse.save_npz holds."""


class Reading(NamedTuple):
    """A matrix as read, and what was done to get it.

    Attributes
    ----------
    A : ndarray, scipy.sparse array or Path, shape (m, n)
        Not yet checked for NaN: `Full` does that, and takes each of them. A path is that of an .npy left unread.
    notes : tuple of str
        One sentence for each choice made on the way (a header row left out, a picture turned to grey).
    """

    A: Any
    notes: tuple[str, ...] = ()


def read_matrix(path: str | PathLike[str], key: str | None = None, *, load_limit: int = LOAD_LIMIT) -> Reading:
    r"""Read a matrix from .npy, .npz, .csv, .tsv, .mtx, .mtx.gz, .png or .jpg.

    Parameters
    ----------
    path : path-like
    key : str, optional
        Which array of an .npz; not needed if it holds one matrix.
    load_limit : int
        Bytes. A larger .npy of float32 or float64 is not read: its path is returned.

    Returns
    -------
    Reading

    Raises
    ------
    FileError
        If the file is missing, empty, damaged, of another kind, or holds no matrix of real numbers.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.csv")
    ...     _ = path.write_text("x,y\n1,2\n3,4\n")
    ...     read_matrix(path)
    Reading(A=array([[1., 2.],
           [3., 4.]]), notes=('line 1 of a.csv is read as a header (x, y)',))
    """
    path = Path(path)
    expected = f"a matrix in one of {' '.join(SUFFIXES)}"
    require_readable(path, expected)
    name = path.name.lower()
    suffix = next((s for s in SUFFIXES if name.endswith(s)), None)
    if suffix is None:
        raise FileError(f"got {path.name}, an unknown ending; expected {expected}. {_hint(name)}")
    if key is not None and suffix != ".npz":
        raise FileError(f"got key {key!r} for {path.name}; expected a key for an .npz only. Try without it")
    if suffix == ".npz":
        return Reading(_from_npz(path, key))
    if suffix == ".npy":
        return Reading(_from_npy(path, load_limit))
    if suffix in (".csv", ".tsv"):
        from lopside.io.text import read_text as read
    elif suffix.startswith(".mtx"):
        from lopside.io.market import read_market as read
    else:
        from lopside.io.pictures import read_picture as read
    return Reading(*read(path))


def _hint(name: str) -> str:
    if name.endswith((".xlsx", ".xls", ".ods", ".parquet", ".feather", ".txt", ".dat", ".csv.gz")):
        return "Try exporting the table as .csv"
    if name.endswith((".tif", ".tiff", ".gif", ".bmp", ".webp")):
        return "Try converting the picture to .png"
    return "Try numpy.save, which writes .npy"


def _from_npy(path: Path, load_limit: int) -> Any:
    header = npy_header(path)
    large = math.prod(header.shape) * header.dtype.itemsize > load_limit
    in_blocks = len(header.shape) == 2 and header.dtype in (np.float32, np.float64)
    return path if large and in_blocks else read_npy(path)


def _from_npz(path: Path, key: str | None) -> Any:
    headers = read_headers(path, "a matrix in an .npz")
    if key is None and headers.keys() >= _SPARSE:
        from lopside.io.sparse import read_sparse

        return read_sparse(path, headers)
    if key is None:
        matrices = [name for name, header in headers.items() if len(header.shape) == 2]
        key = matrices[0] if len(matrices) == 1 else next(iter(headers)) if len(headers) == 1 else None
    if key not in headers:
        wanted = "one matrix" if key is None else f"an array {key!r}"
        raise FileError(
            f"got {path.name} with {listing(headers)}; expected {wanted}. Try one of these names as the key"
        )
    return read_member(path, key, headers[key])


def read_factors(path: str | PathLike[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read X and Y from an .npz that holds arrays of these names.

    Raises
    ------
    FileError
        If the file is unreadable or lacks one of them.
    """
    path = Path(path)
    expected = "an .npz with arrays X (m × d) and Y (n × d)"
    headers: dict[str, Header] = read_headers(path, expected)
    if missing := [name for name in ("X", "Y") if name not in headers]:
        raise FileError(
            f"got {path.name} with {listing(headers)}, no {' and no '.join(missing)}; expected {expected}. "
            "Try numpy.savez('factors.npz', X=X, Y=Y)"
        )
    return read_member(path, "X", headers["X"]), read_member(path, "Y", headers["Y"])
