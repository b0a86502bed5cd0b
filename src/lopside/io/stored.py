"""Observed entries out of binary arrays and sparse matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array, as_float
from lopside.errors import FileError, InputError
from lopside.frames import Entries
from lopside.ids import factorized
from lopside.io.archives import Header, listing, read_headers, read_member
from lopside.io.columns import Choice

_NAMES = {"row": ("rows", "row"), "column": ("columns", "cols", "column", "col"), "value": ("values", "value")}
"""How the arrays of an .npz are called, if nobody says."""


def from_npz(path: Path, choice: Choice) -> tuple[Entries, tuple[str, ...]]:
    """Read observed entries from three arrays, or from a matrix of scipy.sparse.save_npz.

    Raises
    ------
    FileError
        If the arrays are not there, not of one length, or hold something else.
    """
    headers = read_headers(path, "observed entries in an .npz")
    if headers.keys() >= {"data", "format", "shape"}:
        from lopside.io.sparse import read_sparse

        _refuse_choice(path, choice)
        return _from_matrix(path, read_sparse(path, headers), ())
    names = [_array_name(path, headers, role, chosen) for role, chosen in zip(_NAMES, choice, strict=False)]
    if choice.weight is not None:
        names.append(_array_name(path, headers, "weight", choice.weight))
    found = [read_member(path, name, headers[name]) for name in names]
    if len({array.shape for array in found}) > 1 or found[0].ndim != 1 or not found[0].size:
        raise FileError(
            f"got {path.name} with {listing(headers)}; expected arrays of one length for {', '.join(names)}"
        )
    sides: list[int] | list[None] = [None, None]
    if "shape" in headers:
        sides = _sides(path, read_member(path, "shape", headers["shape"]))
    (rows, row_ids, m), (columns, column_ids, n) = (
        _positions(path, name, ids, side) for name, ids, side in zip(names, found, sides, strict=False)
    )
    values = [_finite(path, name, array) for name, array in zip(names[2:], found[2:], strict=True)]
    weights = values[1] if len(values) > 1 else None
    rest = [name for name in headers if name not in (*names, "shape")]
    notes = (f"in {path.name} left out: {', '.join(rest)}",) if rest else ()
    return Entries(rows, columns, values[0], weights, row_ids, column_ids, (m, n)), notes


def _sides(path: Path, member: NDArray[Any]) -> list[int]:
    if member.shape != (2,) or member.dtype.kind not in "iu" or member.min() < 1:
        raise FileError(f"got {path.name} with the shape {member.tolist()}; expected two whole numbers ≥ 1")
    return [int(side) for side in member]


def _array_name(path: Path, headers: dict[str, Header], role: str, chosen: str | int | None) -> str:
    wanted = _NAMES.get(role, ()) if chosen is None else (chosen,)
    name = next((name for name in wanted if isinstance(name, str) and name in headers), None)
    if name is None:
        raise FileError(
            f"got {path.name} with {listing(headers)}; expected an array {' or '.join(map(repr, wanted))} for its "
            f"{role}s. Try numpy.savez(path, rows=..., columns=..., values=...)"
        )
    return name


def _positions(path: Path, name: str, ids: NDArray[Any], side: int | None) -> tuple[NDArray[Any], Any, int]:
    if ids.dtype.kind not in "iu":
        try:
            codes, found = factorized(ids, name)
        except InputError as error:
            raise FileError(f"{path.name}: {error}") from error
        return codes, found.ids, len(found)
    least, most = int(ids.min()), int(ids.max())
    if least < 0 or (side is not None and most >= side):
        wrong, end = (least if least < 0 else most), "" if side is None else f" to {side - 1}"
        raise FileError(f"got {wrong} among the {name} of {path.name}; expected positions from 0{end}")
    fitting = np.int32 if most <= np.iinfo(np.int32).max else np.int64
    return ids.astype(fitting, copy=False), None, most + 1 if side is None else side


def from_market(path: Path, choice: Choice) -> tuple[Entries, tuple[str, ...]]:
    """Read observed entries from Matrix Market's coordinate format.

    Raises
    ------
    FileError
        If the file is damaged, dense, or holds something else.
    """
    from lopside.io.market import read_market

    _refuse_choice(path, choice)
    A, notes = read_market(path)
    if isinstance(A, np.ndarray):
        raise FileError(
            f"got {path.name} with every entry of a dense matrix; expected the observed ones in coordinate format"
        )
    return _from_matrix(path, A, notes)


def _from_matrix(path: Path, A: Any, notes: tuple[str, ...]) -> tuple[Entries, tuple[str, ...]]:
    A = A.tocoo()
    if not A.nnz:
        raise FileError(f"got {path.name} without a stored entry; expected at least one observation")
    values = _finite(path, "values", A.data)
    return Entries(A.coords[0], A.coords[1], values, None, None, None, tuple(A.shape)), notes


def _refuse_choice(path: Path, choice: Choice) -> None:
    if any(column is not None for column in choice):
        raise FileError(f"got a choice of columns for {path.name}, a sparse matrix, which has none. Try without it")


def _finite(path: Path, name: str, numbers: NDArray[Any]) -> Array:
    try:
        found = as_float(numbers)
    except InputError as error:
        raise FileError(f"{path.name}, {name}: {error}") from error
    finite = np.isfinite(found)
    if not finite.all():
        at = int(np.argmin(finite))
        raise FileError(
            f"got {found[at]} in the {name} of {path.name}, at place {at} (counted from 0); expected finite numbers; "
            "what is unknown is left out. Try leaving such entries out"
        )
    return found
