"""SciPy's sparse matrices of any format, checked before compiled code trusts their indices, as CSR."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import FLOAT32_SAFE, Array, as_float
from lopside.errors import InputError, counted

_REBUILD = "Try building it again from its triplets: scipy.sparse.coo_array((values, (rows, columns)), shape=(m, n))"

_FEW_ROWS = 1 << 27
"""Rows whose pointers fit into 1 GiB; more are taken only where they are not nearly all empty."""


def is_sparse(A: Any) -> bool:
    """Say whether A is a sparse matrix or array of SciPy, or turns itself into one."""
    return hasattr(A, "tocsr")


class Csr(NamedTuple):
    """A checked CSR array, whether it is A or Aᵀ, and one sentence for each thing that was done to get it."""

    A: Any
    transposed: bool
    notes: tuple[str, ...]


def as_csr(A: Any, *, or_transpose: bool = False) -> Csr:
    """Return A as a CSR array of finite float32 or float64 with sorted, unique, valid indices.

    What needs no change is shared with A, never copied; A itself is never changed.

    Parameters
    ----------
    A : sparse matrix or array of any format, shape (m, n)
    or_transpose : bool
        Return the CSR of Aᵀ where A is CSC: its very arrays.

    Raises
    ------
    InputError
        If it is empty, complex or not two-dimensional, its index arrays are damaged, or a value is NaN or infinite.
    """
    from scipy import sparse

    given, notes = checked(A), []
    transposed = or_transpose and given.format == "csc"
    if transposed:
        notes.append("the CSC matrix is read as the CSR of its transpose, nothing is copied")
    elif (name := getattr(A, "format", "sparse")) != "csr":
        notes.append(f"the {name.upper()} matrix was converted to CSR, a copy")
    if given.format == "coo":
        # SciPy adds duplicates up while it converts: not in eight bits.
        given = sparse.coo_array((as_float(given.data), given.coords), shape=given.shape)
    lines = given.T if transposed else given.tocsr()
    if lines.nnz < given.nnz:
        notes.append(_summed(given.nnz - lines.nnz))
    data, said = _finite(lines, transposed)
    csr, told = _canonical(data, lines)
    return Csr(csr, transposed, (*notes, *said, *told))


def _summed(count: int) -> str:
    return f"{count} duplicate entries were added to their like"


def checked(A: Any) -> Any:
    """Return A as CSR, CSC, BSR or COO whose indices may be trusted; its numbers are not looked at.

    SciPy's compiled conversions believe what they are given, so this comes before any of them.

    Raises
    ------
    InputError
        If A is empty or not two-dimensional, or an index array does not fit its shape.
    """
    from scipy import sparse

    if not sparse.issparse(A):
        A = A.tocsr()
    if A.ndim != 2:
        raise InputError(f"got a sparse array with {A.ndim} dimensions, shape {A.shape}; expected a matrix")
    if min(A.shape) < 1:
        raise InputError(f"got an empty matrix of shape {A.shape}; expected at least one row and one column")
    if A.format == "lil":
        if any(len(row) != len(values) for row, values in zip(A.rows, A.data, strict=True)):
            raise InputError(
                f"got a LIL matrix of shape {A.shape} in which a row has unequally many indices and values. {_REBUILD}"
            )
        A = A.tocsr()
    elif A.format in ("dok", "dia"):
        A = A.tocoo()
    if A.format == "coo":
        _check_coordinates(A)
    else:
        _check_compressed(A)
    return A


def _check_compressed(A: Any) -> None:
    name = f"a {A.format.upper()} matrix of shape {A.shape}"
    size = A.blocksize if A.format == "bsr" else (1, 1)
    lines, across = (A.shape[0] // size[0], A.shape[1] // size[1])
    if A.format == "csc":
        lines, across = across, lines
    indptr, indices = A.indptr, A.indices
    if indptr.ndim != 1 or indptr.dtype.kind != "i" or len(indptr) != lines + 1:
        raise InputError(f"got {name} with {indptr.size} index pointers; expected {lines + 1}. {_REBUILD}")
    falls = np.flatnonzero(np.diff(indptr) < 0)
    if indptr[0] != 0 or len(falls):
        where = f"fall at {falls[0]}" if len(falls) else f"begin with {indptr[0]}"
        raise InputError(f"got {name} whose index pointers {where}; expected them to rise from 0. {_REBUILD}")
    if indices.ndim != 1 or indices.dtype.kind != "i" or indptr[-1] > min(len(indices), len(A.data)):
        raise InputError(
            f"got {name} whose index pointers promise {indptr[-1]} entries where there are {len(indices)} indices "
            f"and {len(A.data)} values; expected at least as many. {_REBUILD}"
        )
    _require_within(indices[: indptr[-1]], across, name, "row" if A.format == "csc" else "column")


def _check_coordinates(A: Any) -> None:
    name = f"a COO matrix of shape {A.shape}"
    for index, side, kind in zip(A.coords, A.shape, ("row", "column"), strict=True):
        if len(index) != len(A.data):
            raise InputError(f"got {name} with {len(index)} {kind} indices for {len(A.data)} values. {_REBUILD}")
        _require_within(index, side, name, kind)
    if A.shape[0] > max(_FEW_ROWS, 16 * A.nnz):
        raise InputError(
            f"got {name} with {A.nnz} entries; expected few empty rows, as pointers to all rows are held. "
            "Try leaving the empty rows out"
        )


def _require_within(index: NDArray[Any], side: int, name: str, kind: str) -> None:
    if index.size and (index.min() < 0 or index.max() >= side):
        at = int(np.flatnonzero((index < 0) | (index >= side))[0])
        raise InputError(
            f"got {name} with the {kind} index {index[at]} (stored entry {at}); expected 0 to {side - 1}. {_REBUILD}"
        )


def _finite(A: Any, transposed: bool) -> tuple[Array, tuple[str, ...]]:
    given = A.data.dtype
    data = as_float(A.data[: A.indptr[-1]])
    finite = np.isfinite(data)
    if not finite.all():
        at = int(np.flatnonzero(~finite)[0])
        line, across = int(np.searchsorted(A.indptr, at, side="right")) - 1, int(A.indices[at])
        row, column = (across, line) if transposed else (line, across)
        count = int(finite.size - np.count_nonzero(finite))
        raise InputError(
            f"got {counted(count, 'stored value that is', 'stored values that are')} NaN or infinite, one at "
            f"row {row}, column {column} (counted from 0: {data[at]}); expected finite numbers. What a sparse matrix "
            "does not store is 0, not unknown. Try leaving these entries out, or Completion"
        )
    if data.dtype == np.float32 and data.size:
        largest = float(np.abs(data).max())
        if largest and not 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE:
            data = data.astype(np.float64)
    changed = data.dtype != given.newbyteorder("=")
    return data, (f"the {given} values were converted to {data.dtype}",) if changed else ()


def _canonical(data: Array, A: Any) -> tuple[Any, tuple[str, ...]]:
    from scipy import sparse

    # A new object: flags that A carries from before its arrays were changed are not believed.
    csr = sparse.csr_array((data, A.indices[: A.indptr[-1]], A.indptr), shape=A.shape, copy=False)
    if csr.has_canonical_format:
        return csr, ()
    notes = []
    if not csr.has_sorted_indices:
        csr = csr.sorted_indices()
        notes.append("the column indices were sorted, in a copy")
    if not csr.has_canonical_format:
        before = csr.nnz
        csr = csr.copy()
        csr.sum_duplicates()
        notes.append(_summed(before - csr.nnz))
    return csr, tuple(notes)


def by_rows(
    i: NDArray[Any],
    j: NDArray[Any],
    a: Array,
    w: Array | None,
    shape: tuple[int, int],
    duplicates: str,
    *,
    first: int = 0,
) -> tuple[Any, Array | None, int]:
    """Return a CSR array, the weights in its order, and how many entries were at a place that was there before.

    Messages count rows from `first`.
    """
    lines = _csr(i, j, a, shape)
    if lines.nnz == len(a):
        return lines, None if w is None else _csr(i, j, w, shape).data, 0
    again = len(a) - lines.nnz
    del lines
    order = np.lexsort((j, i))  # stable: entries at one place stay in the order given
    i, j, a, w = i[order], j[order], a[order], None if w is None else w[order]
    new = np.concatenate([[True], (np.diff(i) != 0) | (np.diff(j) != 0)])
    if duplicates == "error":
        k = int(np.argmin(new))
        raise InputError(
            f"got {counted(again, 'entry', 'entries')} at a place that is there before, the first at row "
            f"{first + i[k]}, column {j[k]} ({a[k - 1]} and {a[k]}); expected one entry at a place. "
            "Try duplicates='mean' or 'last'"
        )
    if duplicates == "last":
        kept = np.append(np.flatnonzero(new)[1:] - 1, len(a) - 1)
        a, w = a[kept], None if w is None else w[kept]
    else:
        starts = np.flatnonzero(new)
        count = np.diff(np.append(starts, len(a)))
        weight = np.ones_like(a) if w is None else w
        total = np.add.reduceat(weight, starts, dtype=np.float64)
        a = (np.add.reduceat(weight * a, starts, dtype=np.float64) / total).astype(a.dtype)
        w = None if w is None else (total / count).astype(a.dtype)
    i, j = i[new], j[new]
    return _csr(i, j, a, shape), None if w is None else _csr(i, j, w, shape).data, again


def _csr(i: NDArray[Any], j: NDArray[Any], a: Array, shape: tuple[int, int]) -> Any:
    """Return SciPy's CSR array, which has fewer entries than were given where a place was given twice."""
    from scipy import sparse

    lines = sparse.coo_array((a, (i, j)), shape=shape).tocsr()
    lines.sort_indices()
    if lines.data is a:  # a handful of entries that were in order already
        lines.data = a.copy()
    return lines
