"""Tall matrices on the device that A is on."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from lopside.arrays import Array
from lopside.rows import Rows
from lopside.storage.site import Site


class DeviceRows(Rows):
    """An m × k array of a device, worked on there and at once.

    Parameters
    ----------
    site : Site
        Where it is.
    values : array of the site's library, shape (m, k), float32 or float64
        Nobody writes to it.
    """

    def __init__(self, site: Site, values: Any) -> None:
        self.site, self.values = site, values
        self.shape = (int(values.shape[0]), int(values.shape[1]))
        self.dtype: np.dtype[Any] = site.dtype(values)

    def dot(self, M: Array) -> Self:
        """Return the product with M (k × l), in the wider of their precisions."""
        kind = np.result_type(self.dtype, M.dtype)
        return self._with(self.site.matmul(self.site.cast(self.values, kind), self.site.put(M, kind)))

    def plus(self, other: Any, sign: float) -> Self:
        """Return self + sign·other."""
        kind = np.result_type(self.dtype, other.dtype)
        values, more = (self.site.cast(part, kind) for part in (self.values, self._native(other)))
        if sign == -1.0:
            return self._with(values - more)
        return self._with(values + (more if sign == 1.0 else sign * more))

    def beside(self, other: Any) -> Self:
        """Return [self | other]."""
        kind = np.result_type(self.dtype, other.dtype)
        parts = [self.site.cast(part, kind) for part in (self.values, self._native(other))]
        return self._with(self.site.xp.concat(parts, axis=1))

    def astype(self, dtype: Any, *, copy: bool = True) -> Self:
        """Return the same rounded to float32, or widened to float64."""
        return self if self.dtype == dtype else self._with(self.site.cast(self.values, dtype))

    def inner(self, other: Any) -> Array:
        """Return selfᵀ other (k × l) in float64, summed over blocks of rows in order."""
        more, total = self._native(other), None
        columns = max(1, self.shape[1] + int(more.shape[1]))
        for rows in self.site.cuts(self.shape[0], 8 * columns):
            left, right = (self.site.cast(part[rows, :], np.float64) for part in (self.values, more))
            product = self.site.matmul(left.T, right)
            total = product if total is None else total + product
        return self.site.get(total)

    def qr(self) -> tuple[Self, Array]:
        """Return Q (m × k) with orthonormal columns and R (k × k) with self = Q R, by Householder's reflections."""
        Q, R = self.site.xp.linalg.qr(self.values)
        return self._with(Q), self.site.get(R)

    def numpy(self) -> Array:
        """Return all of it as a NumPy array here: m·k numbers."""
        return self.site.get(self.values)

    def stored(self) -> dict[str, Any]:
        """Return the numbers."""
        return {"values": self.numpy()}

    def native(self) -> Any:
        """Return a copy as an array of the device: what its receiver does to it changes nothing here."""
        return self.site.xp.asarray(self.values, copy=True)

    def given(self, M: Array) -> Any:
        """Return a copy of a NumPy array on the device."""
        return self.site.put(M)

    def peaks(self) -> Array:
        """Return the entry of largest modulus of each column, shape (k,); the first of several."""
        xp = self.site.xp
        at = xp.argmax(xp.abs(self.values), axis=0)
        here = xp.arange(self.shape[0], device=self.site.device)[:, None] == at[None, :]
        return self.site.get(xp.sum(xp.where(here, self.values, xp.zeros_like(self.values)), axis=0))

    def columns(self, which: slice) -> Self:
        """Return some of the columns."""
        return self._with(self.values[:, which])

    def norm(self) -> float:
        """Return the Frobenius norm, in float64, without overflow or underflow of the squares."""
        parts = (self.values[rows, :] for rows in self.site.cuts(self.shape[0], 8 * max(1, self.shape[1])))
        return math.hypot(*(self.site.length(self.site.cast(part, np.float64)) for part in parts))

    def __mul__(self, factor: Any) -> Self:
        return self._with(self.values * self.site.put(factor, self.dtype))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Self:
        return self._with(self.values / self.site.put(divisor, self.dtype))

    def _with(self, values: Any) -> Self:
        return type(self)(self.site, values)

    def _native(self, other: Any) -> Any:
        return other.values if isinstance(other, DeviceRows) else self.site.put(other)
