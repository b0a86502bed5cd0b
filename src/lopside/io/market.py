"""Matrix Market files, dense or sparse, plain or gzipped."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from lopside.errors import FileError
from lopside.io.archives import unreadable
from lopside.sparse_arrays import checked

_MOST_GZIPPED = 1032
"""Deflate cannot shrink anything by more than this factor."""


def read_market(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Read a real Matrix Market file, a coordinate one as a sparse array.

    Parameters
    ----------
    path : Path
        Ending in .mtx or .mtx.gz.

    Returns
    -------
    A : ndarray or scipy.sparse.coo_array, shape (m, n)
    notes : tuple of str

    Raises
    ------
    FileError
        If the file is damaged or complex.
    """
    from scipy.io import mminfo, mmread  # here: SciPy is loaded only for these files

    expected = "a real matrix in Matrix Market format"
    try:
        m, n, entries, layout, field, _ = mminfo(path)
        if field == "complex":
            raise FileError(f"got {path.name} with complex entries; expected {expected}. Try the real part")
        _require_room(path, m, n, entries, layout)
        A = mmread(path, spmatrix=False)
        if layout == "coordinate":
            A = checked(A)
    except (OSError, ValueError, OverflowError, EOFError, MemoryError, zlib.error) as error:
        raise unreadable(path, error, expected) from error
    pattern = f"{path.name} lists places without values: each counts as 1"
    return A, (pattern,) if field == "pattern" else ()


def _require_room(path: Path, m: int, n: int, entries: int, layout: str) -> None:
    room = path.stat().st_size * (_MOST_GZIPPED if path.suffix == ".gz" else 1)
    # An entry takes at least two bytes ("1\n"), with its two indices at least four ("1 1\n").
    if (4 * entries if layout == "coordinate" else m * n) > room:
        raise FileError(
            f"got {path.name}, whose header promises {m} × {n} with {entries} entries, in "
            f"{path.stat().st_size} bytes; expected a whole file. Try writing or copying it again"
        )
