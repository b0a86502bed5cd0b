"""A on a GPU, or wherever else an array library computes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lopside.arrays import FLOAT32_SAFE, Array, as_factor, not_finite
from lopside.errors import InputError
from lopside.linalg import frobenius
from lopside.storage.device_arrays import as_native, is_device_array, to_host
from lopside.storage.device_blocks import Blocks
from lopside.storage.device_rows import DeviceRows
from lopside.storage.protocol import EPSILON, Sweep, Widths, require_fit, require_sweep

_SAFE = (1e-140, 1e140)


class Device:
    """A dense matrix worked on by an array library, block of rows by block of rows; nothing m × n is ever formed.

    X stays on the device. With w bytes a number, a sweep moves n·d·w bytes of Y there, n·l·w bytes of the probe and
    8(k + l)² of the Gram matrix back, and what is d × d; `times` moves n·d·w, `transpose_times` n·d·w. Beside the
    m·n·w of a read that is nothing where m ≫ n; for square matrices it is the share 2d/n of the bytes, over a bus
    some 50 times as slow as the memory of a device.

    Parameters
    ----------
    blocks : Blocks
        A, and where it is.
    scale : ndarray, optional
        Stands for diag(scale)·A, which is never formed; for A·diag(scale) where the blocks are transposed.

    Attributes
    ----------
    dtype : float32 or float64
        float64 also for float32 data whose largest entry lies outside [1e-10, 1e10]: blocks are widened as they come.

    Raises
    ------
    InputError
        If an entry is NaN or infinite; if products in float32 are set to be rounded to less.
    """

    reads_per_sweep = 1
    keeps_workspace = False
    epsilon = EPSILON

    def __init__(self, blocks: Blocks, scale: Array | None = None) -> None:
        self._blocks, self.site = blocks, blocks.site
        self.shape, self.dtype = blocks.shape, blocks.dtype
        self.nbytes = self.shape[0] * self.shape[1] * self.dtype.itemsize
        self.layout = f"dense, {self.dtype.name} {blocks.where}"
        self._down = self._across = None
        if scale is not None and blocks.transposed:
            self._across = np.asarray(scale, dtype=np.float64)
        elif scale is not None:
            self._down = self.site.put(scale[:, None], np.float64)
        if self.dtype == np.float32:
            self.site.require_float32()
        self._norm, largest = self._examined()
        if self.dtype == np.float32 and not (largest == 0.0 or 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE):
            self.dtype = np.dtype(np.float64)

    def sweep(self, R: Any, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A once; see `lopside.storage.Storage.sweep`. R and `rows` are on the device."""
        require_sweep(self.shape, R, Y, M, N, residual=residual)
        site, kind = self.site, np.result_type(self.dtype, Y, M)
        k, first = M.shape[1], 0 if N is None else M.shape[1]
        MN = site.put(M if N is None else np.hstack([M, N]), kind)
        right, wide = self._side(Y, kind), site.put(Y.T, np.float64) if residual else None
        left = None if R is None else self._rows(R).astype(kind).values
        rows, missed, probe, gram = [], [], None, None
        for cut, A in self._converted(kind):
            K = self._scaled(site.matmul(A, right), cut)
            Z = site.matmul(K if left is None else site.xp.concat([left[cut, :], K], axis=1), MN)
            rows.append(Z[:, :k])
            part = site.matmul(A.T, self._scaled(Z[:, first:], cut))
            probe = part if probe is None else probe + part
            both = site.cast(Z, np.float64)  # a block of the thin factor, never of A
            part = site.matmul(both.T, both)
            gram = part if gram is None else gram + part
            if wide is not None:
                missed += [_square(site, E) for _, E in self._misfits(cut, A, left, wide)]
        G = site.get(gram)
        square = float(site.numbers(missed).sum()) if residual else None
        return Sweep(DeviceRows(site, _stacked(site, rows)), self._probe(probe), 0.5 * (G + G.T), square)

    def times(self, Y: Array) -> DeviceRows:
        """Return A Y, shape (m, d), on the device."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        site, kind = self.site, np.result_type(self.dtype, Y)
        right = self._side(Y, kind)
        rows = [self._scaled(site.matmul(A, right), cut) for cut, A in self._converted(kind)]
        return DeviceRows(site, _stacked(site, rows))

    def transpose_times(self, X: Any) -> Array:
        """Return Aᵀ X, shape (n, d), here; X is on the device, or is brought there."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        site, kind = self.site, np.result_type(self.dtype, X.dtype)
        left, total = self._rows(X).astype(kind).values, None
        for cut, A in self._converted(kind):
            part = site.matmul(A.T, self._scaled(left[cut, :], cut))
            total = part if total is None else total + part
        return self._probe(total)

    def residual_norm(self, X: Any, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        left, right = self._rows(X).values, self.site.put(Y.T, np.float64)
        return self._length(lambda cut, block: self._misfits(cut, block, left, right))

    def norm(self) -> float:
        """Return ‖A‖_F in float64, as found by the first read."""
        return self._norm

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes that a sweep takes in this machine's memory, for what goes to the device and comes back."""
        return {"moved": self.shape[1] * (widths.columns + 2 * widths.probed) * widths.itemsize}

    def first_rows(self, count: int) -> Device:
        """Return the first rows of A as a storage."""
        part = copy.copy(self)
        part._blocks = self._blocks.first(count)
        part.shape = part._blocks.shape
        part.nbytes = part.shape[0] * part.shape[1] * self.dtype.itemsize
        return part

    def ones(self) -> DeviceRows:
        """Return a column of ones along the rows."""
        return DeviceRows(self.site, self.site.put(np.ones((self.shape[0], 1))))

    def drawn(self, columns: int, rng: np.random.Generator) -> DeviceRows:
        """Return rows of standard normal numbers, drawn here and moved."""
        return DeviceRows(self.site, self.site.put(rng.standard_normal((self.shape[0], columns))))

    def fixed(self, rows: DeviceRows) -> DeviceRows:
        """Return the rows: a checkpoint holds all there are."""
        return rows

    def restored(self, stored: dict[str, Any]) -> DeviceRows:
        """Return the rows that `DeviceRows.stored` was taken from."""
        return DeviceRows(self.site, self.site.put(stored["values"]))

    def to_rows(self, X: Any, name: str, dtype: Any) -> DeviceRows:
        """Return an m-row matrix as rows on the device: a copy, but of rows that are there already."""
        if isinstance(X, DeviceRows):
            return X.astype(dtype)
        if not is_device_array(X):
            return DeviceRows(self.site, self.site.put(as_factor(X, name, self.shape[0]), dtype))
        try:
            site, values, _ = as_native(X)
        except InputError as error:
            raise InputError(f"factor {name}: {error}") from error
        rows = DeviceRows(site, values)
        if site != self.site or len(rows) != self.shape[0] or not bool(site.xp.all(site.xp.isfinite(values))):
            return self.to_rows(rows.numpy(), name, dtype)  # moved, or refused in words
        return DeviceRows(site, rows.native()).astype(dtype)

    def to_side(self, Y: Any) -> Any:
        """Return an n-row matrix of the user's as a NumPy array."""
        return to_host(Y)

    def handed(self, factor: Array) -> Any:
        """Return a copy of an n-row NumPy array on the device."""
        return self.site.put(factor)

    def _rows(self, X: Any) -> DeviceRows:
        return X if isinstance(X, DeviceRows) else DeviceRows(self.site, self.site.put(X))

    def _side(self, Y: Array, kind: Any) -> Any:
        return self.site.put(Y if self._across is None else Y * self._across[:, None], kind)

    def _probe(self, total: Any) -> Array:
        probe = self.site.get(total)
        return probe if self._across is None else (probe * self._across[:, None]).astype(probe.dtype, copy=False)

    def _scaled(self, part: Any, cut: slice) -> Any:
        if self._down is None:
            return part
        return part * self.site.xp.astype(self._down[cut, :], part.dtype, copy=False)

    def _converted(self, kind: Any) -> Iterator[tuple[slice, Any]]:
        """Yield blocks in this precision: smaller ones where that takes a copy."""
        for cut, block in self._blocks:
            if self._blocks.dtype == kind:
                yield cut, block
                continue
            for part in self.site.pieces(block.shape[0], self.shape[1] * self._blocks.dtype.itemsize):
                yield slice(cut.start + part.start, cut.start + part.stop), self.site.cast(block[part, :], kind)

    def _pieces(self, cut: slice, block: Any) -> Iterator[tuple[slice, Any]]:
        """Yield pieces of a block in float64: which rows, and these of diag(scale)·A."""
        across = None if self._across is None else self.site.put(self._across[None, :])
        for part in self.site.pieces(block.shape[0], 8 * self.shape[1]):
            rows = slice(cut.start + part.start, cut.start + part.stop)
            piece = self._scaled(self.site.cast(block[part, :], np.float64), rows)
            yield rows, piece if across is None else piece * across

    def _misfits(self, cut: slice, block: Any, left: Any, right: Any) -> Iterator[tuple[slice, Any]]:
        """Yield pieces of left·right − diag(scale)·A."""
        for rows, piece in self._pieces(cut, block):
            yield rows, self.site.matmul(self.site.cast(left[rows, :], np.float64), right) - piece

    def _length(self, pieces: Callable[[slice, Any], Iterator[tuple[slice, Any]]]) -> float:
        """Return the norm of all pieces of all blocks; by a second read where their squares leave float64."""
        with np.errstate(over="ignore", invalid="ignore"):  # for libraries that are made of NumPy
            squares = [_square(self.site, E) for cut, block in self._blocks for _, E in pieces(cut, block)]
            total = math.sqrt(self.site.numbers(squares).sum())
            if _SAFE[0] < total < _SAFE[1]:
                return total
            norms = [self.site.length(E) for cut, block in self._blocks for _, E in pieces(cut, block)]
            return frobenius(np.array([norms]))

    def _examined(self) -> tuple[float, float]:
        """Return ‖A‖_F and the largest modulus of an entry."""
        xp, peaks = self.site.xp, []

        def pieces(cut: slice, block: Any) -> Iterator[tuple[slice, Any]]:
            for rows, piece in self._pieces(cut, block):
                peaks.append(xp.max(xp.abs(piece)))
                yield rows, piece

        norm = self._length(pieces)
        largest = float(self.site.numbers(peaks).max())
        if not math.isfinite(largest):
            self._refuse()
        return norm, largest

    def _refuse(self) -> None:
        count, place, value = 0, (0, 0), math.nan
        for cut, block in self._blocks:
            bad = ~np.isfinite(self.site.get(block))
            if bad.any() and not count:
                row, column = (int(index) for index in np.argwhere(bad)[0])
                value = float(block[row, column])
                row += cut.start
                place = (column, row) if self._blocks.transposed else (row, column)
            count += int(np.count_nonzero(bad))
        raise not_finite(count, place[0], place[1], value)


def _square(site: Any, E: Any) -> Any:
    return site.xp.sum(E * E)


def _stacked(site: Any, parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else site.xp.concat(parts, axis=0)
