"""A in a file, larger than memory or not, read block by block while the block before is worked on."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from os import PathLike
from typing import Any

import numpy as np

from lopside import kernels
from lopside.arrays import FLOAT32_SAFE, MISSING, Array
from lopside.errors import InputError
from lopside.linalg import frobenius
from lopside.storage.passing import Pass, added, dense_times, fixed, partial_sums, residual_square, workspace, writeable
from lopside.storage.protocol import EPSILON, Sweep, Widths, require_fit
from lopside.storage.reading import BUFFERS, Place, blocks, locate
from lopside.threads import one_blas_thread, ordered_map, thread_count

BLOCK_BYTES = 1 << 23
"""Size of a block read at once; longer rows make longer blocks, of at least LEAST_ROWS up to MOST_BYTES."""

LEAST_ROWS = 64
"""Each block costs a visit to the whole of Y and of AᵀX, n × d: with fewer rows that would cost more than A does."""

MOST_BYTES = 1 << 26

LANES = 4
"""Shares of each block, worked on in parallel, each with sums of its own: what it adds up never depends on threads."""

_STEP = 4 * LANES
"""Lanes are whole groups of four rows where they can: kernels visit four rows at a time."""

_PIECE_BYTES = 1 << 20
"""What needs a copy of its numbers takes them in pieces of about this size."""


SAFE = (1e-140, 1e140)
"""Norms whose squares, and those of their rounding errors, stay in the range of float64."""

_NONE = np.zeros(0)


class Mapped:
    """A row-major matrix in a file, held nowhere: memory for three blocks, the factors and four partial sums.

    Its first read, when it is made, finds ‖A‖_F and whether all entries are finite.

    Parameters
    ----------
    source : path of an .npy, numpy.memmap, or Place, of shape (m, n)
        float32 or float64.  The file must stay as it is: it is opened anew for each sweep.  A column-major one is
        held as its row-major transpose; `place.transposed` says so.
    threads : int, optional
        See `lopside.threads.thread_count`; one more reads.
    scale : ndarray, optional
        One number for each row of A: stands for diag(scale)·A, whichever way A is held.

    Raises
    ------
    FileError
        If the file cannot be read; by every sweep if it shrinks or vanishes.
    InputError
        If an entry is NaN or infinite.
    """

    reads_per_sweep = 1
    keeps_workspace = False
    epsilon = EPSILON

    def __init__(
        self, source: str | PathLike[str] | Place, threads: int | None = None, scale: Array | None = None
    ) -> None:
        self.place = source if isinstance(source, Place) else locate(source)
        self.shape = self.place.shape
        self.nbytes = self.place.nbytes
        kind = "column-major" if self.place.transposed else "row-major"
        self.layout = f"dense {kind}, {self.place.dtype.name} in a file"
        self._threads = thread_count(threads)
        scale = _NONE if scale is None else np.asarray(scale, dtype=np.float64)
        self._down, self._across = (_NONE, scale) if self.place.transposed else (scale, _NONE)
        m, n = self.shape
        row_bytes = n * self.place.dtype.itemsize
        rows = max(BLOCK_BYTES // row_bytes, min(LEAST_ROWS, MOST_BYTES // row_bytes))
        self._rows = min(m, max(1, rows // _STEP * _STEP or rows))
        self._norm, roomy = self._examine()
        self.dtype: np.dtype[Any] = self.place.dtype if roomy else np.dtype(np.float64)

    def _read(self, visit: Callable[[int, Array, slice], object]) -> None:
        """Call `visit` with the number, the numbers and the rows of each lane of each block."""
        with closing(blocks(self.place, self._rows)) as read:
            for cut, block in read:
                if self._across.size:
                    block *= self._across.astype(block.dtype)
                self._share(visit, cut.start, block)

    def _share(self, visit: Callable[[int, Array, slice], object], first: int, block: Array) -> None:
        ends = [len(block) * lane // LANES for lane in range(LANES + 1)]
        lanes = [lane for lane in range(LANES) if ends[lane] < ends[lane + 1]]

        def work(lane: int) -> None:
            a, b = ends[lane], ends[lane + 1]
            visit(lane, block[a:b], slice(first + a, first + b))

        ordered_map(work, lanes, self._threads)
        # A thread that came too late for any work may hold on to `work` for a while, but not to the block.
        block = _NONE

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read the file once; see `lopside.storage.Storage.sweep`."""
        with one_blas_thread:
            whole = Pass(self.shape, self.dtype, self._down, R, Y, M, N, residual=residual)
            parts = whole.parts(LANES)
            self._read(lambda lane, block, rows: whole.visit(block, rows, parts[lane]))
            return whole.finish(parts, self._threads)

    def times(self, Y: Array) -> Array:
        """Return A Y, shape (m, d)."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        out = np.empty((self.shape[0], Y.shape[1]), np.result_type(self.dtype, Y))
        scale = writeable(self._down, out.dtype)
        with one_blas_thread:
            packed = kernels.dense_kernel().pack(Y.astype(out.dtype, copy=False))
            self._read(lambda _, block, rows: dense_times(block, _of(scale, rows), packed, out[rows]))
        return out

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        kernel = kernels.dense_kernel()
        n, kind = self.shape[1], np.result_type(self.dtype, X)
        X = writeable(X, kind)
        if self._down.size:
            X = X * self._down.astype(kind)[:, None]
        chunk = kernel.chunk_rows(n, X.shape[1], self.place.dtype.itemsize)
        sums = partial_sums(LANES, X.shape[1], n, kind)
        with one_blas_thread:
            self._read(lambda lane, block, rows: kernel.transpose_times(fixed(block), X[rows], chunk, sums[lane]))
            return added(sums, n, self._threads)

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        X, scale = writeable(X, np.float64), writeable(self._down, np.float64)
        packed = kernels.dense_kernel().pack_across(Y.astype(np.float64, copy=False))

        def norm(block: Array, rows: slice) -> float:
            missed = math.sqrt(residual_square(block, _of(scale, rows), X[rows], packed))
            if SAFE[0] < missed < SAFE[1]:
                return missed
            return frobenius(X[rows] @ Y.T - self._scaled(block, rows))

        with one_blas_thread:
            return self._norms(norm)

    def norm(self) -> float:
        """Return ‖A‖_F in float64, as found by the first read."""
        return self._norm

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes of a sweep, a partial sum for each lane and the blocks read ahead; `Storage.workspace`."""
        block = self._rows * self.shape[1] * self.place.dtype.itemsize
        blocks = min(BUFFERS, -(-self.shape[0] // self._rows))
        return workspace(self.shape[1], LANES, widths) | {"file buffers": blocks * block}

    def first_rows(self, count: int) -> Unread:
        """Return the first rows of A as a storage."""
        down, across = (self._down[:count], self._across) if self._down.size else (_NONE, self._across)
        shape = min(count, self.shape[0]), self.shape[1]
        return Unread(self.place._replace(shape=shape), self._threads, down if down.size else across)

    def _norms(self, norm: Callable[[Array, slice], float]) -> float:
        found: list[list[float]] = [[] for _ in range(LANES)]

        def visit(lane: int, block: Array, rows: slice) -> None:
            step = max(1, _PIECE_BYTES // (block.shape[1] * 8))
            for first in range(0, len(block), step):
                piece = block[first : first + step]
                found[lane].append(norm(piece, slice(rows.start + first, rows.start + first + len(piece))))

        self._read(visit)
        return frobenius(np.array([[part for lane in found for part in lane]]))

    def _examine(self) -> tuple[float, bool]:
        """Read the file; return ‖A‖_F and whether products of its numbers stay in the range of their type."""
        narrow, sizes = self.place.dtype == np.float32, [0.0]
        weight = float(self._down.max()) if self._down.size else 1.0

        def norm(piece: Array, rows: slice) -> float:
            wide = self._scaled(piece, rows)
            found = math.sqrt(np.vdot(wide, wide))
            if not np.isfinite(found) and not np.isfinite(piece).all():
                raise self._not_finite(piece, rows.start)
            if narrow:
                sizes.append(weight * max(float(piece.max()), -float(piece.min())))
            return found if SAFE[0] < found < SAFE[1] else frobenius(wide)

        with one_blas_thread:
            found = self._norms(norm)
        largest = max(sizes)
        return found, largest == 0.0 or 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE

    def _scaled(self, block: Array, rows: slice) -> Array:
        block = block.astype(np.float64, copy=False)
        return block * self._down[rows, None] if self._down.size else block

    def _not_finite(self, piece: Array, first: int) -> InputError:
        i, j = (int(k) for k in np.argwhere(~np.isfinite(piece))[0])
        row, column = (j, first + i) if self.place.transposed else (first + i, j)
        return InputError(
            f"got {self.place.path} with an entry that is NaN or infinite at row {row}, column {column} (counted from "
            f"0: {piece[i, j]}); expected finite numbers. {MISSING}"
        )


class Unread(Mapped):
    """A file of which nothing has been read yet: its numbers are not looked at, and ‖A‖_F is not known."""

    def _examine(self) -> tuple[float, bool]:
        return math.nan, True


def _of(scale: Array, rows: slice) -> Array:
    return scale[rows] if scale.size else scale
