"""Observed entries on Dask: `Lines` in partitions that lie with the workers, and give the same bits as in one place.

Every line is worked on by itself, and sums over lines are added here with `math.fsum`, so neither the number of
partitions nor that of the workers shows. A task gets its rows of the factor that moves, and the other factor, which
goes into the graph once a half step: what a dying worker held is made again from there and from the source.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside import kernels
from lopside.arrays import Array
from lopside.errors import AbilityError
from lopside.storage.dual import Sums
from lopside.storage.executor import Executor, task
from lopside.storage.known import Product, Summed, Withheld
from lopside.storage.lines import Lines

_LINE_COST = 4
"""A line costs about as much as so many entries beside its own."""


class Partitioned(Summed):
    """Lines of entries in partitions, each a `Lines` that Dask holds.

    Parameters
    ----------
    parts : sequence of Delayed
        Persisted.
    edges : ndarray of int
        Where each begins, and the end.
    width : int
        Columns.
    executor : Executor
    """

    def __init__(self, parts: Sequence[Any], edges: NDArray[np.int64], width: int, executor: Executor) -> None:
        self.parts, self.edges, self.executor = tuple(parts), edges, executor
        self.shape = int(edges[-1]), width
        self.threads = 1
        told = executor.compute([task(_facts)(part) for part in self.parts])
        self.sizes = [one[0] for one in told]
        self.entries, self.nbytes = sum(self.sizes), sum(one[1] for one in told)
        self.dtype: np.dtype[Any] = told[0][2]
        self._counts = np.zeros(0, np.int64)

    def __getattr__(self, name: str) -> Any:
        if name in _TOGETHER:
            raise AbilityError(
                f"got entries on Dask, in {len(self.parts)} partitions, where their {name} in one place are asked for; "
                "expected solvers and starts that go line by line. Try AlternatingLeastSquares() from Spectral(), or "
                "Completion of computed arrays"
            )
        raise AttributeError(name)

    def _tasks(
        self,
        method: str,
        *,
        own: Mapping[str, Array] | None = None,
        shared: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> list[Any]:
        """Return calls of a method of each partition with its rows of some arrays, what all share, and the rest."""
        given = task(dict)(shared or {})  # a task of its own: sent once, and made again where lost
        ask, edges = task(_asked), self.edges.tolist()
        return [
            ask(part, method, {name: F[a:b] for name, F in (own or {}).items()}, given, rest)
            for part, a, b in zip(self.parts, edges[:-1], edges[1:], strict=True)
        ]

    def _each(self, method: str, **given: Any) -> list[Any]:
        return self.executor.compute(self._tasks(method, **given))

    def _two(self, tasks: list[Any]) -> tuple[Partitioned, list[Any]]:
        """Return the lines that tasks make, kept, and what else they return."""
        made, first, second = self.executor.persist(tasks), *(task(operator.itemgetter(k)) for k in (0, 1))
        found = self.executor.compute([second(one) for one in made])
        return self._kept([first(one) for one in made], self.edges, self.shape[1]), found

    def _joined(self, method: str, **given: Any) -> Array:
        return np.concatenate(self._each(method, **given))

    def _both(self, method: str, **given: Any) -> tuple[Array, Array]:
        first, second = zip(*self._each(method, **given), strict=True)
        return np.concatenate(first), np.concatenate(second)

    def _kept(self, tasks: list[Any], edges: NDArray[np.int64], width: int) -> Partitioned:
        return Partitioned(self.executor.persist(tasks), edges, width, self.executor)

    def less(self, mean: float) -> Partitioned:
        """Return the entries less a number."""
        return self._kept([task(_less)(part, mean) for part in self.parts], self.edges, self.shape[1])

    def turned(self) -> Partitioned:
        """Return the same entries by their other index: the one time that they are sent about."""
        edges = cut(self.across(), len(self.parts))
        count = len(edges) - 1
        split, stack = task(_split, count), task(_stacked)
        pieces = [split(part, edges) for part in self.parts]
        return self._kept([stack([piece[k] for piece in pieces]) for k in range(count)], edges, self.shape[0])

    def counts(self) -> NDArray[np.int64]:
        """Return how many entries each line has."""
        if not len(self._counts):
            self._counts = np.concatenate(self._each("counts"), dtype=np.int64)
        return self._counts

    def across(self) -> NDArray[np.int64]:
        """Return how many entries each line of the transpose has."""
        return self.executor.summed(self._tasks("across"))

    def totals(self) -> Array:
        """Return Σ w over each line, in float64."""
        return self._joined("totals")

    def moments(self) -> Array:
        """Return Σ w a over each line, in float64."""
        return self._joined("moments")

    def energies(self) -> Array:
        """Return Σ w a² over each line, in float64."""
        return self._joined("energies")

    def product(self, V: Array) -> Array:
        """Return Σ_j w a v_j for each line; see `Lines.product`."""
        return self._joined("product", shared={"V": V})

    def gradient(self, X: Array, Y: Array, columns: Sequence[int]) -> tuple[Array, Array]:
        """Return what `Lines.gradient` does."""
        return self._both("gradient", own={"X": X}, shared={"Y": Y}, columns=list(columns))

    def squares(self, X: Array, Y: Array) -> Array:
        """Return Σ_j w(x_i·y_j − a)² for each line in float64."""
        return self._joined("squares", own={"X": X}, shared={"Y": Y})

    def products(self) -> tuple[Product, Product]:
        """Return V ↦ A V and U ↦ AᵀU for the sparse matrix of the values, where there are no weights."""
        turned = self.turned()
        return self.product, turned.product

    def residual(self, X: Array, Y: Array) -> tuple[Partitioned, Array]:
        """Return what `Lines.residual` does."""
        made, sums = self._two(self._tasks("residual", own={"X": X}, shared={"Y": Y}))
        return made, np.concatenate(sums)

    def dual(self, X: Array, Y: Array, left: Array, right: Array, **given: Any) -> tuple[Partitioned, Sums]:
        """Return what `storage.dual.dual` does."""
        shared = {"Y": Y, "right": right}
        made, sums = self._two(self._tasks("dual", own={"X": X, "left": left}, shared=shared, **given))
        return made, Sums(*(np.concatenate(some) for some in zip(*sums, strict=True)))

    def parted(self, out: NDArray[np.bool_], mean: float) -> tuple[Partitioned, Withheld]:
        """Return what `Lines.parted` does."""
        cuts = np.cumsum([0, *self.sizes]).tolist()
        tasks = [
            task(Lines.parted)(part, out[a:b], mean) for part, a, b in zip(self.parts, cuts[:-1], cuts[1:], strict=True)
        ]
        made, held = self._two(tasks)
        return made, Withheld.joined(held, self.edges[:-1].tolist())

    def table(self, Y: Array, columns: Sequence[int], units: Array) -> Array:
        """Return these columns of Y, the first of them times `units`, for `solve` and `improve`."""
        table = np.ascontiguousarray(Y[:, list(columns)])
        table[:, : len(units)] *= units
        return table

    def solve(self, X: Array, table: Array, ridge: Array, **given: Any) -> tuple[Array, Array]:
        """Return what `Lines.solve` does."""
        return self._both("solve", own={"X": X, "ridge": ridge}, shared={"table": table}, **given)

    def improve(self, X: Array, table: Array, ridge: Array, **given: Any) -> Array:
        """Return what `Lines.improve` does."""
        return self._joined("improve", own={"X": X, "ridge": ridge}, shared={"table": table}, **given)


_TOGETHER = ("indptr", "indices", "values", "weights", "matrix", "stretched", "sums", "lines_of")


def cut(counts: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Return where to cut lines with so many entries for partitions of about equal cost, no more than lines."""
    cost = np.concatenate([[0], np.cumsum(counts + _LINE_COST)])
    inner = np.searchsorted(cost, cost[-1] * np.arange(1, parts) / parts)
    return np.unique(np.concatenate([[0], inner, [len(counts)]])).astype(np.int64)


def _facts(lines: Lines) -> tuple[int, int, np.dtype[Any]]:
    return lines.entries, lines.nbytes, lines.dtype


def _asked(lines: Lines, method: str, own: dict[str, Array], shared: dict[str, Any], rest: dict[str, Any]) -> Any:
    if "table" in shared:
        # Packed by each worker for itself: how wide its vectors are is its own affair.
        shared = shared | {"table": kernels.entries_kernel().pack(shared["table"])}
    return getattr(lines, method)(**own, **shared, **rest)


def _less(lines: Lines, mean: float) -> Lines:
    return Lines(lines.indptr, lines.indices, lines.values.copy(), lines.weights, lines.shape[1], 1).less(mean)


def _split(lines: Lines, edges: NDArray[np.int64]) -> list[Lines]:
    """Return the lines of the transpose in pieces."""
    turned = lines.turned()
    pieces = []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        part = slice(turned.indptr[a], turned.indptr[b])
        weights = None if turned.weights is None else turned.weights[part].copy()
        indptr = turned.indptr[a : b + 1] - turned.indptr[a]
        pieces.append(
            Lines(indptr, turned.indices[part].copy(), turned.values[part].copy(), weights, turned.shape[1], 1)
        )
    return pieces


def _stacked(pieces: list[Lines]) -> Lines:
    """Return lines side by side: those of the first piece go on in the second."""
    from scipy import sparse

    def beside(values: list[Array]) -> Any:
        held = zip(values, pieces, strict=True)
        matrices = [sparse.csr_array((a, one.indices, one.indptr), shape=one.shape) for a, one in held]
        return sparse.hstack(matrices, format="csr")

    lines = beside([one.values for one in pieces])
    weighed = [one.weights for one in pieces if one.weights is not None]
    weights = beside(weighed).data if weighed else None
    return Lines(lines.indptr, lines.indices, lines.data, weights, lines.shape[1], 1)
