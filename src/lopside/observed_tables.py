"""What is known of a table with holes and of a sparse matrix, as checked observations."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import as_float
from lopside.errors import InputError
from lopside.observations import Observations, as_observations
from lopside.sparse_arrays import checked, is_sparse


def of_table(A: Any, weights: Any = None) -> Observations:
    """Return what is known of a dense table, in which NaN, or a mask, stands for what is not.

    Parameters
    ----------
    A : array_like or masked array, shape (m, n)
    weights : array_like, shape (m, n), optional
        Looked at where A is known.

    Raises
    ------
    InputError
        As for `as_observations`.
    """
    hidden = np.ma.getmaskarray(A) if isinstance(A, np.ma.MaskedArray) else None
    table = np.asarray(np.ma.getdata(A) if hidden is not None else A)
    if table.ndim != 2:
        raise InputError(f"got a table of shape {table.shape}; expected two dimensions, rows and columns")
    table = as_float(table) if table.size else table.astype(np.float64)
    known = ~np.isnan(table) if hidden is None else ~(np.isnan(table) | hidden)
    i, j = np.nonzero(known)
    w = None
    if weights is not None:
        given = np.asarray(weights)
        if given.shape != table.shape:
            raise InputError(
                f"got weights of shape {given.shape} for a table of shape {table.shape}; expected the same"
            )
        w = given[known]
    return as_observations(i, j, table[known], shape=table.shape if table.size else None, weights=w)


def of_sparse(S: Any, weights: Any = None, *, duplicates: str = "error") -> Observations:
    """Return the stored entries of a SciPy matrix, zeros included.

    Raises
    ------
    InputError
        As for `as_observations`; for formats that fill up with zeros of their own, and weights stored elsewhere.
    """
    for matrix, name in ((S, "matrix"), (weights, "matrix of weights")):
        kind = getattr(matrix, "format", None)
        if kind in ("bsr", "dia"):
            raise InputError(
                f"got a {name} in {kind.upper()} format, which stores zeros where nothing is known; expected COO, CSR "
                "or CSC. Try tocoo() and eliminate_zeros() if no zero is an observation"
            )
    if not is_sparse(S) or (weights is not None and not is_sparse(weights)):
        raise InputError(
            f"got {type(S).__name__}{'' if weights is None else f' with weights {type(weights).__name__}'}; expected "
            "SciPy's sparse matrices. Try Completion.from_dense for a table with NaN"
        )
    a = checked(S).tocoo()
    w = None
    if weights is not None:
        other = checked(weights).tocoo()
        same = a.shape == other.shape and a.nnz == other.nnz
        if not same:
            raise InputError("got weights stored at other places than the entries; expected the same places")
        order, again = (np.lexsort((C.col, C.row)) for C in (a, other))
        if any((p[order] != q[again]).any() for p, q in zip(a.coords, other.coords, strict=True)):
            raise InputError("got weights stored at other places than the entries; expected the same places")
        w = np.empty_like(other.data)
        w[order] = other.data[again]
    return as_observations(a.row, a.col, a.data, shape=a.shape, weights=w, duplicates=duplicates)
