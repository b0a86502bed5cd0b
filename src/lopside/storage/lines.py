"""Observed entries compressed by one of their two indices: what each line asks of its row of a factor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside import kernels
from lopside.arrays import Array
from lopside.linalg import UNIT_ROUNDOFF
from lopside.storage.passing import fixed
from lopside.storage.sparse import Sparse
from lopside.threads import ordered_map

_WORK = 1 << 16
"""Least numbers read in a share of the lines: some hundred microseconds, enough to hand to a thread."""

_SHARES = 64

_STRETCH = 1 << 17
"""Entries treated at once where NumPy does the work."""

_PIVOT = 16.0
"""A pivot below this many d·u times the diagonal entry it comes from is rounding."""


class Lines:
    """Entries a_ij with weights w_ij > 0, line by line; line i is a row of A, or of Aᵀ.

    Parameters
    ----------
    indptr, indices, values : ndarray
        CSR arrays with valid, sorted, unique indices.
    weights : ndarray or None
        As many as values, of the same type.
    width : int
        Columns.
    threads : int
    """

    def __init__(
        self,
        indptr: NDArray[Any],
        indices: NDArray[Any],
        values: Array,
        weights: Array | None,
        width: int,
        threads: int,
    ) -> None:
        self.indptr, self.indices, self.values, self.weights = indptr, indices, values, weights
        self.shape = len(indptr) - 1, width
        self.threads = threads
        self.nbytes = indptr.nbytes + indices.nbytes + values.nbytes + (0 if weights is None else weights.nbytes)
        self._arrays = (
            fixed(indptr),
            fixed(indices),
            fixed(values),
            fixed(np.ones(1, values.dtype) if weights is None else weights),
            int(weights is not None),
        )
        self._cuts: dict[int, list[slice]] = {}

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return len(self.values)

    def turned(self) -> Lines:
        """Return the same entries by their other index: the lines of the transpose."""
        from scipy import sparse

        def other(values: Array) -> Any:
            return sparse.csr_array((values, self.indices, self.indptr), shape=self.shape).tocsc()

        lines = other(self.values)
        weights = None if self.weights is None else other(self.weights).data
        return Lines(lines.indptr, lines.indices, lines.data, weights, self.shape[0], self.threads)

    def counts(self) -> NDArray[np.int64]:
        """Return how many entries each line has."""
        return np.diff(self.indptr).astype(np.int64)

    def across(self) -> NDArray[np.int64]:
        """Return how many entries each line of the transpose has."""
        counts = np.zeros(self.shape[1], np.int64)
        for start in range(0, self.entries, _STRETCH):  # because bincount widens what it is given
            part = np.bincount(self.indices[start : start + _STRETCH])
            counts[: len(part)] += part
        return counts

    def matrix(self, values: Array | None = None) -> Sparse:
        """Return the sparse matrix of other values at the same places, or of these; nothing is copied."""
        from scipy import sparse

        numbers = self.values if values is None else values
        return Sparse(sparse.csr_array((numbers, self.indices, self.indptr), shape=self.shape), self.threads)

    def totals(self) -> Array:
        """Return Σ w over each line, in float64."""
        if self.weights is None:
            return self.counts().astype(np.float64)
        return self.sums(lambda part: np.asarray(self.weights)[part])

    def sums(self, term: Callable[[slice], Array]) -> Array:
        """Return the sum over each line of a number for each entry, which `term` gives for a stretch of them."""
        return self.stretched(lambda part, lines: [np.bincount(lines, term(part)).astype(np.float64)])[0]

    def stretched(self, work: Callable[[slice, NDArray[Any]], list[Array]]) -> list[Array]:
        """Return sums over each line.

        `work` gets stretches of the entries, with the number of each one's line counted from the first, and returns
        arrays of sums counted likewise.
        """
        out: list[Array] = []
        for a in range(0, max(1, self.entries), _STRETCH):
            part = slice(a, min(a + _STRETCH, self.entries))
            first, lines = self.lines_of(part)
            for number, some in enumerate(work(part, lines)):
                if number == len(out):
                    out.append(np.zeros(self.shape[0]))
                out[number][first : first + len(some)] += some
        return out

    def lines_of(self, part: slice) -> tuple[int, NDArray[Any]]:
        """Return the line of the first of these entries, and the line of each counted from there."""
        first = int(np.searchsorted(self.indptr, part.start, side="right")) - 1
        last = int(np.searchsorted(self.indptr, part.stop, side="left"))
        inside = np.clip(self.indptr[first : last + 1], part.start, part.stop)
        return first, np.repeat(np.arange(last - first), np.diff(inside))

    def gradient(self, X: Array, Y: Array) -> tuple[Array, Array]:
        """Return Σ_j w(x_i·y_j − a)y_j for each line (of X's shape), and Σ_j w(x_i·y_j − a)² in float64."""
        kernel = kernels.entries_kernel()
        P, Q = kernel.pack(X), kernel.pack(Y)
        G, sums = np.empty_like(P), np.empty(len(X))
        self._run(X.shape[1], lambda a, b: kernel.gradient(*self._arrays, a, b, P, Q, G, sums))
        return (G if G.shape == X.shape else np.ascontiguousarray(G[:, : X.shape[1]])), sums

    def squares(self, X: Array, Y: Array, out: Array | None = None) -> Array:
        """Return Σ_j w(x_i·y_j − a)² for each line in float64; entry by entry w(a − x_i·y_j) goes into `out`."""
        kernel = kernels.entries_kernel()
        P, Q = kernel.pack(X), kernel.pack(Y)
        sums = np.empty(len(X))
        E = np.empty(0, X.dtype) if out is None else out
        self._run(X.shape[1], lambda a, b: kernel.errors(*self._arrays, a, b, P, Q, E, sums))
        return sums

    def solve(self, X: Array, Y: Array, ridge: Array, *, fixed: bool, damping: float) -> Array:
        """Minimize Σ_j w(x·y_j − a)² + ridge_i‖x‖² + damping‖x − x_i‖² over each row x_i of X, in place.

        With `fixed` the last column of Y has the coefficient 1, and X has a column less. Without damping what is
        returned (float64, one number for each line) is the least value of each sum.
        """
        kernel, free = kernels.entries_kernel(), X.shape[1]
        Q, sums = kernel.pack(Y), np.empty(len(X))
        u = max(UNIT_ROUNDOFF, 0.5 * float(np.finfo(X.dtype).eps))
        cutoff = _PIVOT * free * u
        self._run(
            free * free,
            lambda a, b: kernel.solve(*self._arrays, a, b, Q, free, int(fixed), ridge, damping, X, cutoff, sums),
        )
        return sums

    def improve(self, X: Array, Y: Array, ridge: Array, *, fixed: bool, damping: float, steps: int) -> None:
        """Take some steps of conjugate gradients towards the minimizer of `solve` in each row of X."""
        kernel, free = kernels.entries_kernel(), X.shape[1]
        Q = kernel.pack(Y)
        self._run(
            free * (steps + 1),
            lambda a, b: kernel.conjugate_gradients(*self._arrays, a, b, Q, free, int(fixed), ridge, damping, X, steps),
        )

    def _run(self, work: int, visit: Callable[[int, int], None]) -> None:
        """Visit shares of the lines; each line's result is its own, so they may be shared out in any way."""
        ordered_map(lambda lines: visit(lines.start, lines.stop), self._shares(work), self.threads)

    def _shares(self, work: int) -> list[slice]:
        m = self.shape[0]
        count = max(1, min(_SHARES, m, (self.entries + m) * work // _WORK))
        if count not in self._cuts:
            # A line costs about as much as four entries beside its own.
            cost = np.arange(0, 4 * m + 1, 4) + self.indptr
            cuts = np.searchsorted(cost, cost[-1] * np.arange(1, count) / count)
            edges = np.unique(np.concatenate([[0], cuts, [m]])).tolist()
            self._cuts[count] = [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        return self._cuts[count]

    def norm(self) -> float:
        """Return √Σ w a²."""
        weights = self.weights

        def term(part: slice) -> Array:
            a = self.values[part].astype(np.float64)
            return a * a if weights is None else a * a * weights[part]

        return math.sqrt(math.fsum(self.sums(term)))

    def mean(self) -> float:
        """Return Σ w a/Σ w."""
        weights = self.weights

        def term(part: slice) -> Array:
            a = self.values[part].astype(np.float64)
            return a if weights is None else a * weights[part]

        return math.fsum(self.sums(term)) / math.fsum(self.totals())
