"""A as a Dask array in chunks of whole rows: on the workers of a cluster, or read chunk by chunk on this machine.

One pass is one task for each bundle of chunks, the pass over the rows of each, where the chunks are; Y and d × d
matrices are sent to the workers, the factor along the rows stays there, and AᵀX and Gram matrices are added up in a
tree that depends on the number of chunks alone: so the same chunks give the same bits on any number of workers.
"""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np

from lopside.arrays import FLOAT32_SAFE, Array, as_factor, read_only
from lopside.errors import InputError, counted
from lopside.linalg import frobenius
from lopside.storage import chunk as at_work
from lopside.storage.chunk import Found
from lopside.storage.chunked_rows import DEPTH, ChunkedRows, Family
from lopside.storage.chunked_work import ChunkedWork
from lopside.storage.loading import loaded
from lopside.storage.protocol import EPSILON, Sweep, Widths, require_fit, require_sweep
from lopside.storage.tasks import (
    Pieces,
    chunkwise,
    client_of,
    folded,
    name,
)
from lopside.threads import one_blas_thread, thread_count

_FINITE = "expected finite numbers. Try dask.array.isfinite(X).all(axis=1), which says where"


class Chunked(ChunkedWork):
    """An m × n matrix in chunks of whole rows, dense or CSR.

    Its first pass, when it is made, finds ‖A‖_F, the heights of the chunks and whether all entries are finite.

    Parameters
    ----------
    A : dask.array.Array, shape (m, n)
        With one chunk across the columns, of NumPy arrays or SciPy sparse matrices; heights may be unknown.
    scale : ndarray, shape (m,), optional
        Stands for diag(scale)·A. Not with unknown heights.

    Attributes
    ----------
    heights : tuple of int
    notes : tuple of str

    Raises
    ------
    InputError
        If a chunk is no finite real matrix with n columns, or larger than the memory of every worker.
    ClusterError
        If the cluster that holds the chunks has gone.
    """

    reads_per_sweep = 1
    keeps_workspace = False
    epsilon = EPSILON

    def __init__(self, A: Any, scale: Array | None = None) -> None:
        work, found, held = loaded(A, scale)
        super().__init__(work.graph, work.base, work.bundles, work.sources, work.whole)
        self.heights = tuple(each.shape[0] for each in found)
        self.shape: tuple[int, int] = (sum(self.heights), found[0].shape[1])
        self.nbytes = sum(each.nbytes for each in found)
        kind, how = "CSR" if found[0].sparse else "dense", "" if held else ", loaded in each pass"
        self.layout = f"a Dask array, {counted(len(found), f'{kind} chunk')} of rows{how}"
        self.notes = at_work.told(found)
        self._norm = frobenius(np.array([[each.norm for each in found]]))
        self.dtype = self._precision(found)
        self._fixed: list[Family] = []

    def _precision(self, found: list[Found]) -> np.dtype[Any]:
        if any(each.dtype == np.float64 for each in found):
            return np.dtype(np.float64)
        entries = math.sqrt(math.prod(self.shape))
        safe = self._norm == 0.0 or entries / FLOAT32_SAFE <= self._norm <= FLOAT32_SAFE
        return np.dtype(np.float32 if safe else np.float64)

    def sweep(
        self, R: ChunkedRows | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False
    ) -> Sweep:
        """Read A once; see `lopside.storage.Storage.sweep`."""
        require_sweep(self.shape, R, Y, M, N, residual=residual)
        above = () if R is None else (R,)
        own, graph = self.work("sweep", at_work.swept, above, (Y, M, N, residual, self.dtype), reads=True)
        tree, last = folded(f"{own}-sum", self.keys(own), self.bundles, at_work.added, 8 * len(Y) * M.shape[1])
        rows, sums = self.keep(Pieces(graph | tree, self.keys(own)), Pieces(graph | tree, last))
        result: Sweep = at_work.added(self.fetch(sums))
        with one_blas_thread:  # beside workers on this machine
            origin: dict[Family | None, Array] = {None: Y @ M[len(M) - Y.shape[1] :]}
            for each in above:
                for family, P in each.dot(M[: each.shape[1]]).origin().items():
                    origin[family] = origin[family] + P if family in origin else P
        kind, depth = np.result_type(self.dtype, Y, M), 1 if R is None else R.depth + 1
        if depth >= DEPTH:
            return result._replace(rows=ChunkedRows(self, origin, kind))
        family = Family(rows, M.shape[1], kind, origin, depth)
        return result._replace(rows=ChunkedRows(self, {family: np.eye(M.shape[1])}, kind))

    def times(self, Y: Array) -> ChunkedRows:
        """Return A Y, shape (m, d)."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        own, graph = self.work("times", at_work.multiplied, (), (Y, self.dtype), reads=True)
        (pieces,) = self.keep(Pieces(graph, self.keys(own)))
        kind = np.result_type(self.dtype, Y)
        return ChunkedRows(self, {Family(pieces, Y.shape[1], kind, {None: Y}): np.eye(Y.shape[1])}, kind)

    def transpose_times(self, X: ChunkedRows) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        size = 8 * self.shape[1] * X.shape[1]
        return self.folded("probe", at_work.probed, at_work.added, X, shared=self.dtype, reads=True, size=size)

    def residual_norm(self, X: ChunkedRows, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        own, graph = self.work("missed", at_work.missed, (X,), (Y, self.dtype), reads=True)
        norms = self.unbundled(self.fetch(*self.keep(Pieces(graph, self.keys(own)))))
        return frobenius(np.array([norms]))

    def norm(self) -> float:
        """Return ‖A‖_F in float64."""
        return self._norm

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes that a sweep takes in this process, which sends Y and keeps what rows are made of."""
        n, size = self.shape[1], widths.itemsize
        sent = {"sent to the workers": 2 * n * widths.columns * size, "from the workers": 2 * n * widths.probed * size}
        return sent | {"origin of the rows": 16 * n * (widths.depth + widths.kept)}

    def first_rows(self, count: int) -> Chunked:
        """Return as many of the first bundles as hold so many rows, and keep all threads of the cluster busy.

        Its sums are added in an order that depends on the bundles: it is there to be timed.
        """
        heights = self.bundled(self.heights)
        few = int(np.searchsorted(np.cumsum([sum(bundle) for bundle in heights]), count)) + 1
        client = client_of(self.graph)
        few = max(few, sum(client.nthreads().values()) if client else thread_count())
        part, numbers = copy.copy(self), itertools.count()
        part._fixed, part.base = [], self.base[:few]
        part.bundles = tuple(tuple(next(numbers) for _ in bundle) for bundle in self.bundles[:few])
        part.heights = tuple(height for bundle in heights[:few] for height in bundle)
        part.shape = sum(part.heights), self.shape[1]
        part.nbytes = int(self.nbytes * part.shape[0] / self.shape[0])
        return part

    def ones(self) -> ChunkedRows:
        """Return a column of ones along the rows."""
        heights, what = self.given("heights", self.heights), name("ones")
        tasks = chunkwise(what, at_work.ones, [heights.keys], None)
        return self._made(Pieces({**heights.graph, **tasks}, self.keys(what)), 1, np.float64)

    def drawn(self, columns: int, rng: np.random.Generator) -> ChunkedRows:
        """Return rows of standard normal numbers, drawn by the workers as `rng.standard_normal` would here."""
        states = []
        for height in self.heights:
            states.append(rng.bit_generator.state)
            rng.standard_normal((height, columns))  # the only way to where the next chunk begins
        begun, heights, what = self.given("states", states), self.given("heights", self.heights), name("drawn")
        tasks = chunkwise(what, at_work.drawn, [begun.keys, heights.keys], columns)
        graph = {**begun.graph, **heights.graph, **tasks}
        return self._made(Pieces(graph, self.keys(what)), columns, np.float64)

    def _made(self, pieces: Pieces, width: int, dtype: Any) -> ChunkedRows:
        """Return rows at the beginning of a chain."""
        return ChunkedRows(self, {Family(self.keep(pieces)[0], width, dtype): np.eye(width)}, dtype)

    def fixed(self, rows: ChunkedRows) -> ChunkedRows:
        """Return rows that belong to the matrix as its means do: what is stored names them and does not hold them."""
        self._fixed += [family for family in rows.terms if family not in self._fixed]
        return rows

    def to_rows(self, X: Any, name_of: str, dtype: Any) -> ChunkedRows:
        """Return an m-row matrix as rows on the workers."""
        if isinstance(X, ChunkedRows):
            return X.astype(dtype) if X.storage is self else self.to_rows(X.native(), name_of, dtype)
        if hasattr(X, "__dask_graph__"):
            return self._from_dask(X, name_of, np.dtype(dtype))
        X = as_factor(X, name_of, self.shape[0]).astype(dtype, copy=False)
        cuts = np.cumsum(self.heights)[:-1]
        family = Family(self.here(np.split(X, cuts)), X.shape[1], dtype)
        return ChunkedRows(self, {family: np.eye(X.shape[1])}, dtype)

    def _from_dask(self, X: Any, name_of: str, kind: np.dtype[Any]) -> ChunkedRows:
        if X.ndim != 2 or X.shape[0] != self.shape[0]:
            raise InputError(f"got {name_of} of shape {X.shape}; expected {self.shape[0]} rows, as A ≈ X Yᵀ needs")
        from dask._task_spec import List, Task, TaskRef

        X = X.rechunk({0: self.heights, 1: -1})
        graph, keys = dict(X.__dask_graph__()), self.keys(name("start"))
        for key, below in zip(keys, self.bundled(X.__dask_keys__()), strict=True):
            graph[key] = Task(key, list, List(*(TaskRef(row[0]) for row in below)))
        (pieces,) = self.keep(Pieces(graph, keys))
        rows = ChunkedRows(self, {Family(pieces, X.shape[1], X.dtype): np.eye(X.shape[1])}, X.dtype)
        if not math.isfinite(rows.norm()):
            raise InputError(f"got {name_of} with entries that are NaN, infinite or too large to be squared; {_FINITE}")
        return rows.astype(kind)

    def number_of(self, family: Family) -> int | None:
        """Return which of the fixed rows these are, or None."""
        return self._fixed.index(family) if family in self._fixed else None

    def restored(self, stored: dict[str, Any]) -> ChunkedRows:
        """Return the rows that `ChunkedRows.stored` was taken from."""
        terms: dict[Family | None, Array] = {} if stored["Z"] is None else {None: stored["Z"]}
        for part in stored["parts"]:
            if "fixed" in part:
                family = self._fixed[part["fixed"]]
            else:
                (family,) = self.to_rows(part["rows"], "the start", part["rows"].dtype).terms
            terms[family] = part["coefficients"]
        return ChunkedRows(self, terms, stored["dtype"])

    def to_side(self, Y: Any) -> Any:
        """Return an n-row matrix as a NumPy array."""
        return np.asarray(Y)

    def handed(self, factor: Array) -> Array:
        """Return an n-row array read-only."""
        return read_only(factor)
