"""What is planned for a matrix whose numbers nobody has read yet, or that is only known by its shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array, as_matrix
from lopside.errors import InputError
from lopside.storage.choose import as_it_lies, as_storage, is_mapped
from lopside.storage.dense import Dense
from lopside.storage.mapped import Unread
from lopside.storage.protocol import Storage
from lopside.storage.reading import locate
from lopside.storage.shifted import Shifted, ones


class Outline(NamedTuple):
    """A matrix as `Full` would hold it, of which only the form is known.

    Attributes
    ----------
    storage : Storage
        For a shape alone, one whose numbers are all zero and take no memory of their size.
    transposed : bool
    notes : tuple of str
    imagined : bool
        Whether there is only a shape.
    """

    storage: Storage
    transposed: bool
    notes: tuple[str, ...]
    imagined: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        rows, columns = self.storage.shape
        return (columns, rows) if self.transposed else (rows, columns)

    @property
    def side(self) -> int:
        """Columns of the matrix held."""
        return self.storage.shape[1]

    @property
    def norm(self) -> float:
        """NaN: it is not known."""
        return math.nan


class UnreadShifted(Shifted):
    """A − u vᵀ of which nothing has been read yet: what v is does not matter."""

    def __init__(self, storage: Storage) -> None:
        self._inner, self._u, self._v = storage, ones(storage), np.zeros((storage.shape[1], 1))
        self.shape, self.dtype, self.nbytes = storage.shape, storage.dtype, storage.nbytes
        self.reads_per_sweep, self.epsilon = storage.reads_per_sweep, storage.epsilon
        self.keeps_workspace = storage.keeps_workspace
        self.layout = f"{storage.layout}, less a rank-one matrix"
        self._norm = math.nan

    def first_rows(self, count: int) -> UnreadShifted:
        """Return the first rows as a storage."""
        return UnreadShifted(self._inner.first_rows(count))


def outline(A: Any, *, dtype: Any = np.float64, center: bool = False, threads: int | None = None) -> Outline:
    """Return how `Full(A, center=center)` would hold A, without reading its numbers where it need not.

    Parameters
    ----------
    A : what `Full` takes, or a pair (m, n)
    dtype : float32 or float64
        Of a matrix that is only a shape.
    center : bool
    threads : int, optional

    Raises
    ------
    InputError, FileError
        As `Full` does, but for numbers that are NaN or infinite.
    """
    if is_shape(A):
        found = Outline(_imagined(A[0], A[1], dtype, threads), False, (), True)
    elif isinstance(A, str | PathLike) or is_mapped(A):
        place = locate(A)
        found = Outline(Unread(place, threads), place.transposed, ())
    elif isinstance(A, np.ndarray):
        found = Outline(*as_it_lies(as_matrix(A, examine=False), threads, None))
    else:
        found = Outline(*as_storage(A, threads=threads))
    return found._replace(storage=UnreadShifted(found.storage)) if center else found


def is_shape(A: Any) -> bool:
    """Return whether A is a pair of integers rather than a matrix."""
    pair = isinstance(A, Sequence) and not isinstance(A, str | bytes) and len(A) == 2
    return pair and all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in A)


def _imagined(m: int, n: int, dtype: Any, threads: int | None) -> Dense:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if min(m, n) < 1 or kind not in (np.float32, np.float64):
        raise InputError(f"got a matrix of shape {m} × {n} and {dtype}; expected positive sides and float32 or float64")
    # An array of this shape that takes one number: nobody reads it, only how it lies is asked.
    if m * n * kind.itemsize >= 2**63:
        raise InputError(f"got a shape of {m} × {n}, more bytes than can be addressed; expected less than 2^63 bytes")
    size, lying = kind.itemsize, np.lib.stride_tricks.as_strided
    rows: Array = lying(np.zeros(1, kind), (int(m), int(n)), (size, size), writeable=False)
    return Dense(rows, threads)
