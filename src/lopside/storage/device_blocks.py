"""Row blocks of a matrix on a device: of one that is there, or of one that passes through from this machine's memory.

Both are cut alike, so that it makes no difference to any bit which of them it is.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from lopside.arrays import Array
from lopside.storage.reading import Place, blocks
from lopside.storage.site import Site


class Blocks(Protocol):
    """A matrix that comes block by block.

    Attributes
    ----------
    site : Site
        The device that the blocks are on.
    shape : (m, n)
    dtype : float32 or float64
        Of the blocks.
    where : str
        How it is held, in a few words.
    transposed : bool
        Whether its rows are columns of the user's matrix.
    """

    site: Site
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    where: str
    transposed: bool

    def __iter__(self) -> Iterator[tuple[slice, Any]]:
        """Yield which rows, and these rows on the device, from top to bottom; valid until the next are asked for."""
        ...

    def first(self, count: int) -> Blocks:
        """Return the same for the first rows alone."""
        ...


class Resident:
    """A matrix on the device as a whole.

    Parameters
    ----------
    site : Site
    values : array of the site's library, shape (m, n), float32 or float64
        In any order: columns that lie side by side are multiplied as they are.
    transposed : bool
    """

    def __init__(self, site: Site, values: Any, *, transposed: bool = False) -> None:
        self.site, self.values, self.transposed = site, values, transposed
        self.shape = (int(values.shape[0]), int(values.shape[1]))
        self.dtype: np.dtype[Any] = site.dtype(values)
        self.where = f"on {site}"

    def __iter__(self) -> Iterator[tuple[slice, Any]]:
        """Yield views, as `Blocks` says."""
        for rows in self.site.cuts(self.shape[0], self.shape[1] * self.dtype.itemsize):
            yield rows, self.values[rows, :]

    def first(self, count: int) -> Resident:
        """Return the first rows."""
        return Resident(self.site, self.values[:count, :], transposed=self.transposed)


class Streamed:
    """A matrix in this machine's memory or in a file, a block of it on the device while the next one is on its way.

    With PyTorch on an accelerator, copies run beside the work; with other libraries one waits for the other.

    Parameters
    ----------
    site : Site
    source : ndarray or Place, shape (m, n), float32 or float64
        Not copied.
    transposed : bool
    """

    def __init__(self, site: Site, source: Array | Place, *, transposed: bool = False) -> None:
        self.site, self.source, self.transposed = site, source, transposed
        self.shape: tuple[int, int] = source.shape[0], source.shape[1]
        self.dtype = source.dtype
        self._overlaps = site.library == "torch" and not site.is_host
        self.where = f"streamed to {site}{', through two buffers' if self._overlaps else ''}"

    def __iter__(self) -> Iterator[tuple[slice, Any]]:
        """Yield copies, as `Blocks` says."""
        cuts = self.site.cuts(self.shape[0], self.shape[1] * self.dtype.itemsize)
        if isinstance(self.source, Place):
            here: Iterable[tuple[slice, Array]] = blocks(self.source, cuts[0].stop)
        else:
            held = self.source
            here = ((rows, held[rows]) for rows in cuts)
        if self._overlaps:
            yield from _overlapped(self.site, here, (cuts[0].stop, self.shape[1]), self.dtype)
        else:
            for rows, block in here:
                yield rows, self.site.put(block)

    def first(self, count: int) -> Streamed:
        """Return the first rows."""
        held, few = self.source, min(count, self.shape[0])
        source = held._replace(shape=(few, held.shape[1])) if isinstance(held, Place) else held[:few]
        return Streamed(self.site, source, transposed=self.transposed)


def brought(blocks: Streamed) -> Resident:
    """Return the same matrix on the device as a whole, in the memory of little more than itself where that can be."""
    site = blocks.site
    if site.library == "jax":  # whose arrays are never written to
        whole = site.xp.concat([block for _, block in blocks], axis=0)
    else:
        kind = getattr(site.xp, blocks.dtype.name)
        whole = site.xp.empty(blocks.shape, dtype=kind, device=site.device)
        for rows, block in blocks:
            whole[rows, :] = block
    return Resident(site, whole, transposed=blocks.transposed)


def _overlapped(
    site: Site, here: Iterable[tuple[slice, Array]], shape: tuple[int, int], dtype: np.dtype[Any]
) -> Iterator[tuple[slice, Any]]:
    """Yield blocks copied by a stream of their own, through two pinned buffers here into two on the device."""
    torch = importlib.import_module("torch")
    kind = getattr(torch, dtype.name)
    pinned = [torch.empty(shape, dtype=kind, pin_memory=True) for _ in range(2)]
    buffers = [torch.empty(shape, dtype=kind, device=site.device) for _ in range(2)]
    copied, worked = ([torch.cuda.Event() for _ in range(2)] for _ in range(2))
    copying, working = torch.cuda.Stream(site.device), torch.cuda.current_stream(site.device)
    copying.wait_stream(working)  # the buffers may have been somebody's whose work is not done

    def sent(turn: int, rows: slice, block: Array) -> tuple[slice, int]:
        lane = turn % 2
        copied[lane].synchronize()  # the pinned buffer is free when its last copy is done
        np.copyto(pinned[lane].numpy()[: len(block)], block)
        with torch.cuda.stream(copying):
            copying.wait_event(worked[lane])
            buffers[lane][: len(block)].copy_(pinned[lane][: len(block)], non_blocking=True)
            copied[lane].record(copying)
        return rows, lane

    def given(rows: slice, lane: int) -> tuple[slice, Any]:
        working.wait_event(copied[lane])
        return rows, buffers[lane][: rows.stop - rows.start]

    waiting: tuple[slice, int] | None = None
    try:
        for turn, (rows, block) in enumerate(here):
            following = sent(turn, rows, block)
            if waiting is not None:
                yield given(*waiting)
                worked[waiting[1]].record(working)
            waiting = following
        if waiting is not None:
            yield given(*waiting)
    finally:
        copying.synchronize()
        working.wait_stream(copying)
        working.synchronize()  # before the buffers are given back
