"""Tall matrices that live where the rows of A live: on the workers of a cluster, on a GPU.

NumPy arrays are their own rows. Where A is held elsewhere, its storage gives and takes `Rows` instead: a factor along
the rows of A never leaves the place of A, and what is small comes back as NumPy arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np

from lopside.arrays import Array


class Rows(ABC):
    """An m × k matrix held elsewhere, with as much of NumPy's arithmetic as factors need; values never change.

    Operands other than `Rows` of the same storage are NumPy arrays and numbers: small, on this machine.

    Attributes
    ----------
    shape : (m, k)
    dtype : float32 or float64
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    ndim = 2

    # NumPy leaves `array @ rows` and `number * rows` to the methods below.
    __array_ufunc__ = None

    @property
    def settled(self) -> bool:
        """Whether what is held here and A are enough to find them again to the last bit."""
        return True

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape[0]} × {self.shape[1]}, {self.dtype.name})"

    @abstractmethod
    def dot(self, M: Array) -> Self:
        """Return the product with M (k × l)."""

    @abstractmethod
    def plus(self, other: Any, sign: float) -> Self:
        """Return self + sign·other."""

    @abstractmethod
    def beside(self, other: Any) -> Self:
        """Return [self | other]."""

    @abstractmethod
    def astype(self, dtype: Any, *, copy: bool = True) -> Self:
        """Return the same rounded to float32, or widened to float64."""

    @abstractmethod
    def inner(self, other: Any) -> Array:
        """Return selfᵀ other (k × l) in float64, the same bits whoever does the work."""

    @abstractmethod
    def qr(self) -> tuple[Self, Array]:
        """Return Q (m × k) with orthonormal columns and R (k × k) with self = Q R, by Householder's reflections."""

    @abstractmethod
    def numpy(self) -> Array:
        """Return all of it as a NumPy array here: m·k numbers."""

    @abstractmethod
    def native(self) -> Any:
        """Return what the user of this storage calls a matrix: a Dask array, a tensor."""

    def given(self, M: Array) -> Any:
        """Return a NumPy array as the user of this storage holds such matrices: as it is, unless they say otherwise."""
        return M

    @abstractmethod
    def stored(self) -> dict[str, Any]:
        """Return what their storage restores them from, arrays and numbers in dictionaries and lists."""

    @abstractmethod
    def peaks(self) -> Array:
        """Return the entry of largest modulus of each column, shape (k,); the first of several."""

    def columns(self, which: slice) -> Self:
        """Return some of the columns."""
        return self.dot(np.eye(self.shape[1], dtype=self.dtype)[:, which])

    def norm(self) -> float:
        """Return the Frobenius norm, in float64."""
        return float(np.sqrt(np.trace(self.inner(self))))

    def __getitem__(self, which: tuple[slice, slice]) -> Self:
        if not isinstance(which, tuple) or which[0] != slice(None) or not isinstance(which[1], slice):
            raise TypeError(f"got the index {which!r}; rows held elsewhere give whole columns only, rows[:, a:b]")
        return self.columns(which[1])

    def __matmul__(self, M: Array) -> Self:
        return self.dot(M)

    def __mul__(self, factor: Any) -> Self:
        return self.dot(np.diag(np.broadcast_to(np.asarray(factor, dtype=self.dtype), self.shape[1:])))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Self:
        return self * (1.0 / np.asarray(divisor, dtype=np.float64))

    def __add__(self, other: Self) -> Self:
        return self.plus(other, 1.0)

    def __sub__(self, other: Self) -> Self:
        return self.plus(other, -1.0)
