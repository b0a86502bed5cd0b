"""Observed entries compressed by one of their two indices: what each line asks of its row of a factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside import kernels
from lopside.arrays import Array
from lopside.linalg import UNIT_ROUNDOFF
from lopside.storage.dual import Sums, dual
from lopside.storage.known import Product, Withheld
from lopside.storage.passing import fixed
from lopside.storage.sparse import Sparse
from lopside.storage.stretches import Stretched
from lopside.threads import ordered_map

_WORK = 1 << 16
"""Least numbers read in a share of the lines: some hundred microseconds, enough to hand to a thread."""

_SHARES = 64

_PIVOT = 16.0
"""A pivot below this many d·u times the diagonal entry it comes from is rounding."""


class Lines(Stretched):
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
        self._weighed: Array | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Lines, (self.indptr, self.indices, self.values, self.weights, self.shape[1], self.threads)

    def __sizeof__(self) -> int:
        return self.nbytes

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, of the values and weights."""
        return self.values.dtype

    def less(self, mean: float) -> Lines:
        """Return the entries less a number, which takes the place of those there were."""
        np.subtract(self.values, mean, out=self.values, casting="same_kind")
        self._weighed = None
        return self

    def product(self, V: Array) -> Array:
        """Return Σ_j w a v_j for each line: M V, M = w∘a, each row on its own."""
        if self._weighed is None:
            self._weighed = self.values if self.weights is None else self.values * self.weights
        return self.matrix(self._weighed).times(V)

    def turned(self) -> Lines:
        """Return the same entries by their other index: the lines of the transpose."""
        from scipy import sparse

        def other(values: Array) -> Any:
            return sparse.csr_array((values, self.indices, self.indptr), shape=self.shape).tocsc()

        lines = other(self.values)
        weights = None if self.weights is None else other(self.weights).data
        return Lines(lines.indptr, lines.indices, lines.data, weights, self.shape[0], self.threads)

    def matrix(self, values: Array | None = None) -> Sparse:
        """Return the sparse matrix of other values at the same places, or of these; nothing is copied."""
        from scipy import sparse

        numbers = self.values if values is None else values
        return Sparse(sparse.csr_array((numbers, self.indices, self.indptr), shape=self.shape), self.threads)

    def products(self) -> tuple[Product, Product]:
        """Return V ↦ A V and U ↦ AᵀU for the sparse matrix of the values."""
        held = self.matrix()
        return held.times, held.transpose_times

    def residual(self, X: Array, Y: Array, kind: Any = None) -> tuple[Lines, Array]:
        """Return w(a − x_i·y_j) at the same places, of this type or that of the values, and `squares`."""
        values = np.empty(self.entries, self.dtype if kind is None else kind)
        sums = self.squares(X, Y, values)
        return Lines(self.indptr, self.indices, values, None, self.shape[1], self.threads), sums

    def dual(self, X: Array, Y: Array, left: Array, right: Array, **given: Any) -> tuple[Lines, Sums]:
        """Return the residual scaled, and its sums; see `storage.dual.dual`."""
        return dual(self, X, Y, left, right, **given)

    def parted(self, out: NDArray[np.bool_], mean: float) -> tuple[Lines, Withheld]:
        """Return the entries that are not out, with `mean` added, and those that are."""
        rows = np.repeat(np.arange(self.shape[0], dtype=np.int32), self.counts())
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[~out], minlength=self.shape[0]))])
        weights = (None, None) if self.weights is None else (self.weights[~out], self.weights[out])
        values = self.values + mean
        kept = Lines(indptr, self.indices[~out], values[~out], weights[0], self.shape[1], self.threads)
        return kept, Withheld(rows[out], self.indices[out], values[out], weights[1])

    def _some(self, lines: slice) -> tuple[Any, ...]:
        """Return the arrays that kernels take, for these lines as if they were all: from 0 on."""
        return self._arrays[0][lines.start : lines.stop + 1], *self._arrays[1:], 0, lines.stop - lines.start

    def gradient(self, X: Array, Y: Array, columns: Sequence[int]) -> tuple[Array, Array]:
        """Return some columns of Σ_j w(x_i·y_j − a)y_j for each line, and Σ_j w(x_i·y_j − a)² in float64."""
        kernel, columns = kernels.entries_kernel(), list(columns)
        Q, G, sums = kernel.pack(Y), np.empty((len(X), len(columns)), X.dtype), np.empty(len(X))

        def visit(lines: slice) -> None:
            P = kernel.pack(X[lines])
            part = np.empty_like(P)
            kernel.gradient(*self._some(lines), P, Q, part, sums[lines])
            G[lines] = part[:, columns]

        self._visit(X.shape[1], visit)
        return G, sums

    def squares(self, X: Array, Y: Array, out: Array | None = None) -> Array:
        """Return Σ_j w(x_i·y_j − a)² for each line in float64; entry by entry w(a − x_i·y_j) goes into `out`."""
        kernel = kernels.entries_kernel()
        Q, sums = kernel.pack(Y), np.empty(len(X))
        E = np.empty(0, X.dtype) if out is None else out

        def visit(lines: slice) -> None:
            kernel.errors(*self._some(lines), kernel.pack(X[lines]), Q, E, sums[lines])

        self._visit(X.shape[1], visit)
        return sums

    def table(self, Y: Array, columns: Sequence[int], units: Array) -> Array:
        """Return these columns of Y, the first of them times `units`, in the form that `solve` and `improve` read."""
        packed = kernels.entries_kernel().pack(Y, list(columns))
        if (units != 1).any():
            packed[:, : len(units)] *= units
        return packed

    def solve(
        self,
        X: Array,
        table: Array,
        ridge: Array,
        *,
        columns: Sequence[int],
        units: Array,
        fixed: bool,
        damping: float = 0.0,
    ) -> tuple[Array, Array]:
        """Minimize Σ_j w(x·t_j − a)² + ridge_i‖x‖² + damping‖x − x_i‖² over each row x_i of X.

        A row are these columns of X over `units`. With `fixed` the table has a column more, with the coefficient 1.
        Returned are X with those columns replaced and, right without damping, the sums without ridge in float64.
        """
        kernel, free, sums = kernels.entries_kernel(), len(units), np.empty(len(X))
        u = max(UNIT_ROUNDOFF, 0.5 * float(np.finfo(X.dtype).eps))
        cutoff = _PIVOT * free * u

        def visit(lines: slice, part: Array) -> None:
            least = sums[lines]
            kernel.solve(*self._some(lines), table, free, int(fixed), ridge[lines], damping, part, cutoff, least)
            least -= ridge[lines] * np.einsum("ij,ij->i", part, part, dtype=np.float64)

        return self._replaced(X, columns, units, free * free, visit), sums

    def improve(
        self,
        X: Array,
        table: Array,
        ridge: Array,
        *,
        columns: Sequence[int],
        units: Array,
        fixed: bool,
        damping: float,
        steps: int,
    ) -> Array:
        """Return X after some steps of conjugate gradients towards the minimizer of `solve` in each row."""
        kernel, free = kernels.entries_kernel(), len(units)

        def visit(lines: slice, part: Array) -> None:
            kernel.conjugate_gradients(*self._some(lines), table, free, int(fixed), ridge[lines], damping, part, steps)

        return self._replaced(X, columns, units, free * (steps + 1), visit)

    def _replaced(
        self, X: Array, columns: Sequence[int], units: Array, work: int, visit: Callable[[slice, Array], None]
    ) -> Array:
        new = X.copy()

        def share(lines: slice) -> None:
            part = np.ascontiguousarray(X[lines][:, columns] / units)
            visit(lines, part)
            new[lines, columns] = part * units

        self._visit(work, share)
        return new

    def _visit(self, work: int, visit: Callable[[slice], None]) -> None:
        """Visit shares of the lines; each line's result is its own, so they may be shared out in any way."""
        ordered_map(visit, self._shares(work), self.threads)

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
