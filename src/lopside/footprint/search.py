"""How much memory a search takes, as its basis grows, restarts and comes to an end; and LAPACK's SVD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lopside.footprint.parts import Parts, kept, largest, sides, summed
from lopside.storage.protocol import Widths
from lopside.theory.deflated_norm import PROBES
from lopside.theory.growth import SPARE

_SMALL = 8
"""Matrices as large as the projected one that are held while its eigenvalues are found and judged."""

_MOST_STEPS = 100_000
"""More than any search takes: what ends the loop is that the space is full or restarts again."""

_PROOFS = 2
"""Passes of the probes that usually settle a proof."""


def decomposing(shape: tuple[int, int]) -> Parts:
    """Return what LAPACK's SVD takes: A and A scaled, its own copy, U and Vᵀ each twice, and its work."""
    m, n = shape
    k = min(m, n)
    return {"LAPACK": 8 * (5 * m * n + 6 * k * k)}


class _Step(NamedTuple):
    """Columns of the space and of its memory, and bytes of B times it, after and before; a restart has no `wide`."""

    size: int
    buffer: int
    images: int
    wide: int
    before: int
    images_before: int


class Searching(NamedTuple):
    """A search by block Krylov whose memory is asked for; what is not said is as in `Growth`.

    Attributes
    ----------
    storage : Storage
    rank, start, width, capacity : int
    room : int
        Bytes in which A times the basis may be kept.
    """

    storage: Any
    rank: int
    start: int
    width: int
    capacity: int
    room: int

    def after(self, steps: int | None = None) -> Parts:
        """Return what is held at most if it is done after so many steps, or after the most that there can be."""
        return largest(self._moments(steps))

    def blind(self, steps: int | None = None) -> Parts:
        """Return the same where the fit then has to be polished: what is left of A is beneath the rounding of AᵀA."""
        (rows, side), columns = sides(self.storage), self.rank + self.width
        # Five and six pairs at once; what the search has freed before in smaller pieces, the allocator partly keeps.
        polishing = {
            "factors": int(8 * (rows * (6.5 * columns + 2 * self.rank) + side * (6 * columns + 2 * self.rank)))
        }
        *_, end = self._growth(steps)
        packed = self.storage.workspace(Widths(0, columns, columns))
        return largest((self.after(steps), summed(self._basis(end.buffer, self.width, 0), polishing, packed)))

    def decomposed(self, steps: int) -> Parts:
        """Return the same where LAPACK then decomposes the whole matrix, beside what the search has found."""
        *_, end = self._growth(steps)
        found = summed(self._basis(end.buffer, self.width, end.size), {"products": end.images})
        return largest((self.after(steps), summed(found, decomposing(self.storage.shape))))

    def _growth(self, steps: int | None) -> Iterator[_Step]:
        """Yield the sizes after each step; what follows the second restart is like what follows the first."""
        rows, side = sides(self.storage)
        held = min(side, self.capacity + SPARE)
        size, buffer, images, restarts = 0, min(held, max(64, 2 * self.start)), 0, 0
        wide = self.start
        for _ in range(_MOST_STEPS if steps is None else steps):
            before = _Step(size, buffer, images, wide, buffer, 0)
            if size >= side or restarts > 1:
                break
            if size + wide > self.capacity < side:
                restarts += 1
                keep = self.rank + self.width + max(self.rank // 2, self.width)
                size = min(keep, self.capacity - 2 * self.width)
                buffer, images = min(held, max(64, 2 * size)), images and 8 * rows * size
                yield _Step(size, buffer, images, 0, before.buffer, before.images)
                before = _Step(size, buffer, images, wide, buffer, 0)
            size = min(side, size + wide)
            if size > buffer:
                buffer = min(side, max(held, size + wide), max(64, 2 * size))
            images += 8 * rows * wide
            images = images if images <= self.room else 0
            yield _Step(size, buffer, images, wide, before.buffer, before.images)
            wide = self.width

    def _moments(self, steps: int | None) -> Iterator[Parts]:
        side, step = self.storage.shape[1], None
        for step in self._growth(steps):
            if step.wide:
                yield self._reading(step.before, step.images_before, step.size, step.wide)
            yield self._moving(step)
        if step is not None:
            if step.size < side:
                yield self._proving(step.buffer, step.images, step.size)
            yield from self._ending(step.buffer, step.images)

    @property
    def _kept(self) -> Parts:
        return kept(self.storage, Widths(0, self.start, self.start))

    def _basis(self, columns: int, blocks: int, size: int) -> Parts:
        side = self.storage.shape[1]
        return {"basis": 8 * side * columns, "blocks": 8 * side * blocks, "projected": 8 * _SMALL * size * size}

    def _reading(self, buffer: int, images: int, size: int, wide: int) -> Parts:
        rows = sides(self.storage)[0]
        own = {"products": images + 8 * rows * wide}
        return summed(self._basis(buffer, 4 * wide, size), own, self.storage.workspace(Widths(0, wide, wide)))

    def _moving(self, step: _Step) -> Parts:
        # A basis that grows or restarts is copied, and so is what was kept of B times it.
        rows = sides(self.storage)[0]
        copied = step.before if step.before != step.buffer or not step.wide else 0
        combined = 0 if step.wide or not step.images else step.images_before + 8 * rows * step.size
        blocks = 6 * step.wide or 2 * self.width
        return summed(
            self._kept, self._basis(copied + step.buffer, blocks, step.size), {"products": step.images + combined}
        )

    def _proving(self, buffer: int, images: int, size: int) -> Parts:
        rows = sides(self.storage)[0]
        seen = 8 * rows * PROBES * (_PROOFS if images else 1)
        blocks = self.width + PROBES * (_PROOFS + 4)
        own = {"products": images + seen}
        return summed(self._basis(buffer, blocks, size), own, self.storage.workspace(Widths(0, PROBES, PROBES)))

    def _ending(self, buffer: int, images: int) -> Iterator[Parts]:
        (rows, side), d = sides(self.storage), self.rank
        basis = self._basis(buffer, self.width, 0)
        if images:
            yield summed(basis, self._kept, {"products": images, "factors": 8 * d * (2 * rows + side)})
        else:
            packed = self.storage.workspace(Widths(0, d, 0))
            yield summed(basis, {"factors": 8 * d * (rows + side)}, packed)
        yield summed(basis, self._kept, {"factors": 8 * d * (3 * rows + 2 * side)})
        if self.storage.dtype.itemsize < 8:  # the residual is read, from factors that were rounded and widened again
            packed = self.storage.workspace(Widths(0, d, 0))
            yield summed(basis, {"factors": int(8 * d * (2.5 * rows + 3.5 * side))}, packed)
