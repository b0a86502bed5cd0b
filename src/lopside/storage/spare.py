"""Memory that passes use again and again: new memory is slow to touch."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lopside.arrays import Array

_LINE = 64
"""Bytes of a cache line, where arrays begin."""


class Spare:
    """Memory that is lent, and kept for the next time. Any number of threads may ask."""

    def __init__(self) -> None:
        # What is collected in the middle of the work comes back by the same thread.
        self._lock = threading.RLock()
        self._pieces: list[Any] = []

    @contextmanager
    def lent(self, shape: tuple[int, ...], kind: Any) -> Iterator[Array]:
        """Lend an array of this shape and type, of any content."""
        memory, found = self._taken(shape, kind)
        yield found
        self.put_back(memory)

    def array(self, shape: tuple[int, ...], kind: Any) -> Array:
        """Return an array of this shape and type, of any content, whose memory comes back when nobody has it."""
        return np.asarray(_Loan(self, *self._taken(shape, kind)))

    def _taken(self, shape: tuple[int, ...], kind: Any) -> tuple[Any, Array]:
        size = math.prod(shape) * np.dtype(kind).itemsize
        with self._lock:
            memory = self._found(size)
        return memory, memory[:size].view(kind).reshape(shape)

    def _found(self, size: int) -> Any:
        pieces = self._pieces
        # The smallest that is large enough, or the largest, which is then replaced.
        best = min(range(len(pieces)), key=lambda k: (len(pieces[k]) < size, abs(len(pieces[k]) - size)), default=-1)
        memory = pieces.pop(best) if pieces else _new(0)
        return memory if len(memory) >= size else _new(size)

    def put_back(self, memory: Any) -> None:
        """Keep memory for the next time."""
        with self._lock:
            self._pieces.append(memory)


class Slabs(Spare):
    """The same for many arrays of few sizes, had from the system in slabs: one of these for a process.

    Parameters
    ----------
    most : int
        Bytes that are kept while nobody has them; for more, those go whose size has not been asked for for longest.
    slab : int
        Bytes that are had at once, and cut up: NumPy asks for large pages from 4 MB on.
    least : int
        What is smaller is left to the C library, which has it at hand.
    """

    def __init__(self, most: int, slab: int = 1 << 23, least: int = 1 << 16) -> None:
        super().__init__()
        self._room, self._slab, self._least = most, slab, least
        self._by_size: dict[int, list[Any]] = {}  # the size asked for last comes last
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lock = threading.RLock()  # a thread that is not in the child may have held it

    def _found(self, size: int) -> Any:
        if size < self._least:
            return _new(size)
        length = -(-size // _LINE) * _LINE
        kept = self._by_size[length] = self._by_size.pop(length, [])
        if kept:
            self._room += length
            return kept.pop()
        count = max(1, self._slab // length)
        if not self._has_room((count - 1) * length):
            return _new(length)
        slab = _new(count * length)
        first, *others = (slab[k * length : (k + 1) * length] for k in range(count))
        kept += others
        self._room -= length * len(others)
        return first

    def _has_room(self, size: int) -> bool:
        """Whether there is room, once sizes that have not been asked for for longest have gone."""
        while self._room < size and len(self._by_size) > 1:
            oldest = next(iter(self._by_size))
            self._room += oldest * len(self._by_size.pop(oldest))
        return self._room >= size

    def put_back(self, memory: Any) -> None:
        """Keep memory for the next time, if it is not too much."""
        with self._lock:
            if len(memory) >= self._least and len(memory) <= self._room:
                self._room -= len(memory)
                self._by_size.setdefault(len(memory), []).append(memory)


def _new(size: int) -> Any:
    raw = np.empty(size + _LINE, np.uint8)
    return raw[-raw.ctypes.data % _LINE :][:size]


class _Loan:
    """What NumPy holds while anybody has the array or a view of it."""

    def __init__(self, spare: Spare, memory: Any, found: Array) -> None:
        self._spare, self._memory, self._found = spare, memory, found

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._found.__array_interface__

    def __del__(self) -> None:
        self._spare.put_back(self._memory)
