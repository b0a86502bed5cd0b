"""How much memory a run of first-order steps takes: its start, a step, and what is looked at in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lopside.footprint.parts import Parts, kept, largest, sides, summed
from lopside.storage.protocol import Widths

_SIGMA1 = 4
"""Columns with which σ₁ is estimated."""


class Stepping(NamedTuple):
    """A run on a fully known matrix; lengths are those of the storage, which may hold Aᵀ.

    Attributes
    ----------
    storage : Storage
    rank : int
    transposed : bool
    itemsize : int
        Bytes of a number of the factors.
    follows : bool
        Whether Y moves in the same sweep, after X has (or, transposed, X after Y).
    scaled : bool
        Whether a factor is scaled before it meets A.
    momentum : bool
    """

    storage: Any
    rank: int
    transposed: bool
    itemsize: int
    follows: bool
    scaled: bool
    momentum: bool

    def most(self) -> Parts:
        """Return what is held at most."""
        return largest(self._moments())

    def _columns(self, rows: float, side: float, itemsize: int | None = None) -> int:
        """Return the bytes of so many factors along the rows and along the columns of what is held."""
        size = self.itemsize if itemsize is None else itemsize
        height, width = sides(self.storage)
        return int(size * self.rank * (rows * height + side * width))

    def begun(self) -> Parts:
        """Return what σ₁ and the start take at most."""
        return largest(self._starting())

    def _moments(self) -> Iterator[Parts]:
        yield from self._starting()
        yield from self._running()

    def _starting(self) -> Iterator[Parts]:
        storage, d, size = self.storage, self.rank, self.itemsize
        height, width = sides(storage)
        four = min(_SIGMA1, width)
        measured = {"factors": size * four * (height + 4 * width)}
        yield summed(measured, storage.workspace(Widths(0, four, four, itemsize=size)))
        # What a start draws is in float64 whatever A is: a pair, one of the two scaled, and the product with A.
        drawn = self._columns(3, 1, 8) if self.transposed else self._columns(1, 3, 8)
        meets = Widths(0, 0, d) if self.transposed else Widths(0, d, 0)
        yield summed({"factors": drawn}, storage.workspace(meets))
        probed = storage.workspace(Widths(0, 0, d, itemsize=size))
        yield summed({"factors": self._columns(1, 1, 8) + self._columns(1, 1), "products": self._columns(0, 1)}, probed)

    def _running(self) -> Iterator[Parts]:
        storage, d, size, momentum = self.storage, self.rank, self.itemsize, self.momentum
        start = {"start": self._columns(1, 1)}
        held = kept(storage, Widths(d, d, d, d * momentum, size))
        point = {"factors": self._columns(1, 1) * (1 + momentum), "products": self._columns(0, 1) * (1 + momentum)}
        yield summed(start, point, self._sweeping())
        if not momentum:
            yield summed(start, held, point, {"factors": self._columns(1, 2), "products": self._columns(0, 1)})
        # Gradient norms multiply in float64; the residual widens both factors.
        twice = 1 + (size < 8)
        yield summed(start, held, point, {"products": self._columns(1, 0) + self._columns(twice, 0, 8)})
        yield summed(start, held, point, {"products": self._columns(1, 0) + self._columns(0, twice, 8)})
        wide = self._columns(1, 0, 8) if size < 8 else 0
        packed = storage.workspace(Widths(0, d, 0))
        if held:  # entries are met one by one by both factors, in float64 and in whole vectors
            padded = 64 * -(-d // 8) * sum(storage.shape)
            yield summed(start, held, point, {"factors": self._columns(1, 0, 8) + padded})
        else:
            yield summed(start, point, {"factors": wide + self._columns(0, 1, 8) * (size < 8)}, packed)

    def _sweeping(self) -> Parts:
        d, size = self.rank, self.itemsize
        moved = (not self.follows) + self.scaled
        work = Widths(2 * d if self.momentum else d, d, d, d if self.momentum else 0, size)
        own = {
            "factors": self._columns(1 + 3 * self.momentum, moved),
            "products": self._columns(0, 1),
        }
        return summed(own, self.storage.workspace(work))
