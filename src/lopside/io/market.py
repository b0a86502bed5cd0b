"""Matrix Market files, dense or sparse, plain or gzipped."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.archives import unreadable

DENSE_LIMIT = 1 << 27
"""Sparse files become dense arrays of at most this many entries: 1 GiB in float64."""

_MOST_GZIPPED = 1032
"""Deflate cannot shrink anything by more than this factor."""


def read_market(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read a real Matrix Market file; a coordinate (sparse) one is made dense.

    Parameters
    ----------
    path : Path
        Ending in .mtx or .mtx.gz.

    Returns
    -------
    A : ndarray, shape (m, n)
    notes : tuple of str

    Raises
    ------
    FileError
        If the file is damaged, complex, or a sparse matrix too large to be made dense.
    """
    from scipy.io import mminfo, mmread  # here: SciPy is loaded only for these files

    expected = "a real matrix in Matrix Market format"
    try:
        m, n, entries, layout, field, _ = mminfo(path)
        if field == "complex":
            raise FileError(f"got {path.name} with complex entries; expected {expected}. Try the real part")
        _require_room(path, m, n, entries, layout)
        A = mmread(path, spmatrix=False)
    except (OSError, ValueError, OverflowError, EOFError, MemoryError, zlib.error) as error:
        raise unreadable(path, error, expected) from error
    if isinstance(A, np.ndarray):
        return A, ()
    notes = [f"{path.name} is sparse ({entries} entries listed of {m * n}) and was made dense"]
    if field == "pattern":
        notes.append(f"{path.name} lists places without values: each counts as 1")
    return A.toarray(), tuple(notes)


def _require_room(path: Path, m: int, n: int, entries: int, layout: str) -> None:
    room = path.stat().st_size * (_MOST_GZIPPED if path.suffix == ".gz" else 1)
    sparse = layout == "coordinate"
    if sparse and m * n > DENSE_LIMIT:
        raise FileError(
            f"got {path.name}, a sparse {m} × {n} matrix, which would have {m * n} entries when made dense "
            f"(this version factors dense matrices); expected at most {DENSE_LIMIT}. Try a part of it"
        )
    # An entry takes at least two bytes ("1\n"), with its two indices at least four ("1 1\n").
    if (4 * entries if sparse else m * n) > room:
        raise FileError(
            f"got {path.name}, whose header promises {m} × {n} with {entries} entries, in "
            f"{path.stat().st_size} bytes; expected a whole file. Try writing or copying it again"
        )
