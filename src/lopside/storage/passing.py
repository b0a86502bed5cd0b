"""One pass over a dense matrix in pieces: what all pieces share, the sums of each, and the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from lopside import kernels
from lopside.arrays import Array
from lopside.storage.protocol import Sweep, Widths, require_sweep
from lopside.storage.spare import Spare
from lopside.threads import ordered_map


class Part(NamedTuple):
    """Sums over some of the rows: the probe transposed, the Gram matrix, and the residual's square in a list."""

    PT: Array
    G: Array
    missed: list[float]


class Pass:
    """A sweep (see `Storage.sweep`) prepared for blocks of rows of a matrix of this shape and type.

    Blocks are row-major; each is given to `visit` with the slice of rows it holds and the part it is added to.
    Parts are added up in the order given to `finish`; so the caller fixes the order of all sums.

    Parameters
    ----------
    shape, dtype
        Of the matrix A.
    scale : ndarray, shape (m,) or (0,)
        Stands for diag(scale)·A unless empty.
    R, Y, M, N, residual
        As in `Storage.sweep`.
    spare : Spare, optional
        Where memory for the sums is had; `finish` puts it back. New memory by default.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        scale: Array,
        R: Array | None,
        Y: Array,
        M: Array,
        N: Array | None = None,
        *,
        residual: bool = False,
        spare: Spare | None = None,
    ) -> None:
        self._kernel = kernels.dense_kernel()
        m, self._n = shape
        require_sweep(shape, R, Y, M, N, residual=residual)
        self._kind = kind = np.result_type(dtype, Y, M)
        MN = M if N is None else np.hstack([M, N])
        self._k, self._first, self._z = M.shape[1], 0 if N is None else M.shape[1], MN.shape[1]
        padded = np.zeros((len(MN), self._kernel.pitch(self._z, kind.itemsize)), kind)
        padded[:, : self._z] = MN
        self._MN = padded
        self._top = np.zeros((m, 0), kind) if R is None else writeable(R, kind)
        self._scale = writeable(scale, kind)
        self._spare, self._lent = spare, ExitStack()
        d = Y.shape[1]
        self._Y = self._new((self._n, self._kernel.pitch(d, kind.itemsize)))
        self._Y[:, :d], self._Y[:, d:] = Y, 0
        self._wide = self._kernel.pack_across(Y.astype(np.float64, copy=False)) if residual else _NOTHING
        self._residual = residual
        self._chunk = self._kernel.chunk_rows(self._n, max(Y.shape[1], self._z - self._first), dtype.itemsize)
        self.out = result(spare, (m, self._k), kind)

    def parts(self, count: int) -> list[Part]:
        """Return so many sums of nothing, in one block of memory: the allocator gives that back whole."""
        PTs = self._new((count, self._z - self._first, self._kernel.pitch(self._n, self._kind.itemsize)))
        PTs[:] = 0
        return [Part(PT, np.zeros((self._z, self._kernel.pitch(self._z, 8))), []) for PT in PTs]

    def _new(self, shape: tuple[int, ...]) -> Array:
        if self._spare is None:
            return np.empty(shape, self._kind)
        return self._lent.enter_context(self._spare.lent(shape, self._kind))

    def visit(self, block: Array, rows: slice, part: Part) -> Part:
        """Add the rows of a block to a part, and return the part."""
        scale = self._scale[rows] if self._scale.size else self._scale
        missed = self._kernel.sweep(
            fixed(block), scale, self._top[rows], self._Y, self._wide, self._MN, self._k, self._first,
            self._chunk, self.out[rows], part.PT, part.G, self._residual,
        )  # fmt: skip
        part.missed.append(missed)
        return part

    def finish(self, parts: list[Part], threads: int) -> Sweep:
        """Return the sweep whose sums are those of the parts, in their order."""
        probe = added([part.PT for part in parts], self._n, threads, self._spare)
        self._lent.close()
        gram = sum((part.G for part in parts[1:]), parts[0].G)[:, : self._z]
        missed = sum(square for part in parts for square in part.missed) if self._residual else None
        return Sweep(self.out, probe, gram, missed)


_NOTHING = np.zeros((1, 1, 1))


def workspace(n: int, parts: int, widths: Widths) -> dict[str, int]:
    """Return the bytes of a pass over n columns that is added up in so many parts; see `Storage.workspace`."""
    pitch, size = kernels.dense_kernel().pitch, widths.itemsize
    return {
        "packed factor": n * pitch(widths.columns, size) * size,
        "partial sums": parts * widths.probed * pitch(n, size) * size,
    }


def dense_times(block: Array, scale: Array, packed: Array, out: Array) -> None:
    """Write diag(scale)·block·Y into `out`, rows × d, for Y as the kernel packs it."""
    kernel = kernels.dense_kernel()
    chunk = kernel.chunk_rows(block.shape[1], out.shape[1], block.itemsize)
    kernel.times(fixed(block), scale, packed, chunk, out)


def partial_sums(count: int, columns: int, n: int, kind: Any) -> Array:
    """Return zeros, count × columns × pitch: sums over some of the rows each, that `added` adds up."""
    return np.zeros((count, columns, kernels.dense_kernel().pitch(n, np.dtype(kind).itemsize)), kind)


def dense_transpose_times(block: Array, X: Array, PT: Array) -> None:
    """Add (blockᵀX)ᵀ to PT, k × pitch, in X's type."""
    kernel = kernels.dense_kernel()
    chunk = kernel.chunk_rows(block.shape[1], X.shape[1], block.itemsize)
    kernel.transpose_times(fixed(block), X, chunk, PT)


def residual_square(block: Array, scale: Array, X: Array, packed: Array) -> float:
    """Return ‖X Yᵀ − diag(scale)·block‖²; X and Y, as the kernel packs it across, in float64."""
    return kernels.dense_kernel().residual_square(fixed(block), scale, X, packed)


def fixed(array: Array) -> Array:
    """Return a read-only view: Numba compiles anew for arrays that may be written to, so A never may."""
    view = array.view()
    view.flags.writeable = False
    return view


def writeable(array: Array, kind: Any) -> Array:
    """Return the array C-ordered and of this type, copied if it is read-only: all but A may always be written to."""
    return np.require(array, kind, ["C", "W"])


def result(spare: Spare | None, shape: tuple[int, ...], kind: Any) -> Array:
    """Return an array to write into, in new memory or in spare."""
    return np.empty(shape, kind) if spare is None else spare.array(shape, kind)


def added(PTs: Sequence[Array] | Array, n: int, threads: int, spare: Spare | None = None) -> Array:
    """Return Σ PTᵀ (n × l), added in order, in the memory of the first."""
    out = result(spare, (n, len(PTs[0])), PTs[0].dtype)

    def columns(part: slice) -> None:
        total = PTs[0][:, part]
        for PT in PTs[1:]:
            total += PT[:, part]
        out[part] = total[:, : len(out[part])].T

    step = max(1024, -(-n // 16))
    ordered_map(columns, [slice(a, min(a + step, n)) for a in range(0, n, step)], threads)
    return out
