"""Memory that passes use again and again: new memory is slow to touch."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lopside.arrays import Array

_LINE = 64
"""Bytes of a cache line, where arrays begin."""


class Spare:
    """Memory that is lent, and kept for the next time. Any number of threads may ask.

    Parameters
    ----------
    most : float
        Bytes that are kept in all; the rest goes back to the system.
    slab : int
        Bytes that are had from the system at once, and cut up: NumPy asks for large pages from 4 MB on.
    """

    def __init__(self, most: float = math.inf, slab: int = 0) -> None:
        self._room, self._slab = most, slab
        self._pieces: list[Any] = []
        self._lock = threading.RLock()  # what is collected in the middle of the work comes back by the same thread

    @contextmanager
    def lent(self, shape: tuple[int, ...], kind: Any) -> Iterator[Array]:
        """Lend an array of this shape and type, of any content."""
        memory, found = self._taken(shape, kind)
        yield found
        self._put_back(memory)

    def array(self, shape: tuple[int, ...], kind: Any) -> Array:
        """Return an array of this shape and type, of any content, whose memory comes back when nobody has it."""
        return np.asarray(_Loan(self, *self._taken(shape, kind)))

    def _taken(self, shape: tuple[int, ...], kind: Any) -> tuple[Any, Array]:
        size = math.prod(shape) * np.dtype(kind).itemsize
        with self._lock:
            memory = self._kept(size)
            if len(memory) < size:
                length = -(-size // _LINE) * _LINE
                count = max(1, self._slab // length)
                raw = np.empty(count * length + _LINE, np.uint8)
                slab = raw[-raw.ctypes.data % _LINE :]
                memory, *others = (slab[k * length : (k + 1) * length] for k in range(count))
                self._pieces += others
                self._room -= length * len(others)
        return memory, memory[:size].view(kind).reshape(shape)

    def _kept(self, size: int) -> Any:
        pieces = self._pieces
        # The smallest that is large enough, or the largest, which is then replaced; not where it is of a slab.
        best = min(range(len(pieces)), key=lambda k: (len(pieces[k]) < size, abs(len(pieces[k]) - size)), default=-1)
        if best < 0 or (self._slab and len(pieces[best]) < size):
            return np.empty(0, np.uint8)
        self._room += len(pieces[best])
        return pieces.pop(best)

    def _put_back(self, memory: Any) -> None:
        with self._lock:
            if len(memory) <= self._room:
                self._room -= len(memory)
                self._pieces.append(memory)


class _Loan:
    """What NumPy holds while anybody has the array or a view of it."""

    def __init__(self, spare: Spare, memory: Any, found: Array) -> None:
        self._spare, self._memory, self._found = spare, memory, found

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._found.__array_interface__

    def __del__(self) -> None:
        self._spare._put_back(self._memory)
