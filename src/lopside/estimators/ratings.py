"""What a recommender is fitted to: pairs of ids with values, or a matrix of which some entries are known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.errors import InputError
from lopside.ids import factorized
from lopside.observations import Observations
from lopside.observed_tables import of_sparse, of_table
from lopside.problems import Completion
from lopside.sparse_arrays import is_sparse


class Triples(NamedTuple):
    """Known entries, each with the ids of its row and of its column.

    Attributes
    ----------
    rows, columns, values : array_like, shape (k,)
    weights : array_like, shape (k,), or None
    """

    rows: Any
    columns: Any
    values: Any
    weights: Any


class Stated(NamedTuple):
    """A problem, and what its rows and columns are called.

    Attributes
    ----------
    problem : Completion
    row_ids, column_ids : ndarray
        Sorted; each has an entry.
    bounds : (float, float)
        The least and the largest value.
    """

    problem: Completion
    row_ids: NDArray[Any]
    column_ids: NDArray[Any]
    bounds: tuple[float, float]


def triples(X: Any, y: Any, weights: Any, duplicates: str) -> Triples:
    """Return the known entries of all that `Recommender` can be fitted to.

    Parameters
    ----------
    X : array_like or frame of ids, shape (k, 2); or sparse matrix or table with NaN, shape (m, n)
        Ids with y, a matrix without; its places are its ids.
    y : array_like, shape (k,), or None
    weights : array_like, shape (k,), or like X, or None
    duplicates : "error", "mean" or "last"

    Raises
    ------
    InputError
    """
    if y is not None:
        return Triples(*pairs(X), y, weights)
    if is_sparse(X):
        return _of_observations(of_sparse(X, weights, duplicates=duplicates))
    table = np.asarray(X)
    if hasattr(X, "columns") or table.dtype.kind not in "fc" or table.ndim != 2:
        raise InputError(
            f"got {type(X).__name__} of shape {table.shape} ({table.dtype}) without y; expected pairs of ids with "
            "values y, or a sparse matrix or an array of floats with NaN where nothing is known. Try fit(pairs, y)"
        )
    return _of_observations(of_table(table, weights))


def pairs(X: Any) -> tuple[Any, Any]:
    """Return the ids of rows and of columns out of pairs of them.

    Raises
    ------
    InputError
        If there are not two columns.
    """
    if is_sparse(X):
        raise InputError("got a sparse matrix; expected pairs of ids, shape (k, 2). Try fit(X) without y")
    if isinstance(X, list | tuple):
        if not all(isinstance(pair, list | tuple | np.ndarray) and len(pair) == 2 for pair in X):
            raise InputError("got a list with something else than pairs; expected (row, column) throughout")
        # NumPy would make text of the 7 in ("eve", 7).
        return [row for row, _ in X], [column for _, column in X]
    if hasattr(X, "columns"):
        names = list(getattr(X, "column_names", X.columns))
        if len(names) != 2:
            raise InputError(f"got a frame of {len(names)} columns; expected 2: the ids of rows and of columns")
        return np.asarray(X[names[0]]), np.asarray(X[names[1]])
    array = np.asarray(X)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"got ids of shape {array.shape}; expected (k, 2): a row and a column in each line")
    return array[:, 0], array[:, 1]


def stated(known: Triples, duplicates: Any, options: dict[str, Any]) -> Stated:
    """Return the problem of entries.

    Parameters
    ----------
    known : Triples
    duplicates : "error", "mean" or "last"
    options : dict
        Of `Completion`: its ridge and biases.
    """
    values, weights, used = np.asanyarray(known.values), known.weights, slice(None)
    if weights is not None:
        weights = np.asanyarray(weights)
        if weights.shape == values.shape:
            used = weights != 0  # what counts as unknown makes no line known
            values, weights = values[used], weights[used]
    rows, row_ids = _coded(known.rows, used, "row ids")
    columns, column_ids = _coded(known.columns, used, "column ids")
    problem = Completion(rows, columns, values, weights=weights, duplicates=duplicates, **options)
    return Stated(problem, row_ids, column_ids, (float(values.min()), float(values.max())))


def _coded(ids: Any, used: Any, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    codes, distinct = factorized(ids, name)
    if isinstance(used, slice) or used.all() or len(used) != len(codes):
        return codes, distinct.ids
    left, again = np.unique(codes[used], return_inverse=True)
    return again, distinct.ids[left]


def seen(known: Observations, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return, as CSR arrays, in which columns each of so many rows has entries."""
    counts = np.zeros(count, np.int64)
    counts[slice(None) if known.row_ids is None else known.row_ids] = np.diff(known.indptr)
    columns = known.indices if known.column_ids is None else known.column_ids[known.indices]
    return np.append(0, np.cumsum(counts)), columns


def _of_observations(known: Observations) -> Triples:
    rows = np.repeat(np.arange(known.shape[0]), np.diff(known.indptr))
    columns = known.indices
    if known.row_ids is not None:
        rows = known.row_ids[rows]
    if known.column_ids is not None:
        columns = known.column_ids[columns]
    return Triples(rows, columns, known.values, known.weights)
