"""Some entries of A are known: min ½ Σ w(x_i·y_j + μ − a_ij)² over these, plus a ridge."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np

from lopside.arrays import Array, as_factors, as_positive
from lopside.errors import InputError
from lopside.linalg import largest_singular_value, leading_triplets
from lopside.observations import Observations, as_observations
from lopside.problems.biases import BIASES, with_biases
from lopside.problems.completion_point import CompletionPoint, half_square
from lopside.problems.protocol import Metric, Order
from lopside.storage import Sparse
from lopside.storage.lines import Lines
from lopside.threads import one_blas_thread, thread_count

RidgeScaling = Literal["none", "counts"]
Bias = Literal["none", "mean", "rows", "columns", "both"]
Duplicates = Literal["error", "mean", "last"]


class Completion:
    """A ≈ μ + X Yᵀ from some of its entries: F(X, Y) = ½ Σ w_ij(x_i·y_j + μ − a_ij)² + ½ Σ λ_i‖x_i‖² + ½ Σ λ_j‖y_j‖².

    Rows and columns without entries have factors of zero: of them only the mean and the other side's bias is known.

    Parameters
    ----------
    rows, cols : array_like of int, shape (k,)
        Places of the known entries, counted from 0.
    values : array_like, shape (k,)
        Finite. float32 and float64 are kept, integers become float64.
    shape : (m, n), optional
        Default: the largest places plus 1. A side that is far longer than there are entries is compressed to the
        lines that have any, named by `row_ids` and `column_ids`: memory follows the entries.
    weights : array_like, shape (k,), optional
        w ≥ 0; an entry of weight 0 counts as unknown.
    ridge : float
        λ ≥ 0.
    ridge_scaling : "none" or "counts"
        λ_i = λ for all rows and columns [SRJ04], or λ times the number of entries of the row or column [ZWSP08].
    bias : "none", "mean", "rows", "columns" or "both"
        μ is the weighted mean of the values, or 0 with "none". Row and column biases are fitted with the rest, under
        the same ridge: as columns of the factors, X = [X′ | b | 1] and Y = [Y′ | 1 | c].
    duplicates : "error", "mean" or "last"
        For several values at one place.
    threads : int, optional
        As for `Full`.

    Attributes
    ----------
    shape : (m, n)
    entries : int
    mean : float
        μ.
    norm : float
        √Σ w(a − μ)².
    row_ids, column_ids : ndarray or None
        What rows and columns are called where they are not simply 0 … m − 1 and 0 … n − 1.
    notes : tuple of str
    reads : int
        How often the entries were read through this handle; an iteration reads them twice, by rows and by columns.

    Raises
    ------
    InputError
        For entries that cannot be used (see `lopside.observations.as_observations`), λ < 0 and unknown options.

    Examples
    --------
    >>> import lopside as lo
    >>> problem = lo.Completion([0, 0, 1], [0, 1, 0], [1.0, 2.0, 3.0], ridge=0.1)
    >>> problem.shape, problem.entries
    ((2, 2), 3)
    """

    def __init__(
        self,
        rows: Any,
        cols: Any,
        values: Any,
        *,
        shape: tuple[int, int] | None = None,
        weights: Any = None,
        ridge: float = 0.0,
        ridge_scaling: RidgeScaling = "none",
        bias: Bias = "none",
        duplicates: Duplicates = "error",
        threads: int | None = None,
    ) -> None:
        known = as_observations(rows, cols, values, shape=shape, weights=weights, duplicates=duplicates)
        self._set(known, ridge, ridge_scaling, bias, threads)

    def _set(
        self, known: Observations, ridge: float, ridge_scaling: RidgeScaling, bias: Bias, threads: int | None
    ) -> None:
        if bias not in BIASES:
            raise InputError(f"got bias = {bias!r}; expected one of {', '.join(BIASES)}")
        if ridge_scaling not in ("none", "counts"):
            raise InputError(f"got ridge_scaling = {ridge_scaling!r}; expected 'none' or 'counts'")
        self.ridge = as_positive(ridge, "ridge", zero=True)
        self.ridge_scaling, self.bias = ridge_scaling, bias
        self.shape, self.dtype = known.shape, known.values.dtype
        self.row_ids, self.column_ids = known.row_ids, known.column_ids
        threads = thread_count(threads)
        self.by_rows = Lines(known.indptr, known.indices, known.values, known.weights, known.shape[1], threads)
        self.mean = 0.0 if bias == "none" else _mean(self.by_rows)
        if self.mean:
            np.subtract(known.values, self.mean, out=known.values, casting="same_kind")
        self.entries = self.by_rows.entries
        self.norm = self.by_rows.norm()
        self.reads = 0
        # Shared by all handles: what is true of the entries need be computed once.
        self._known: dict[str, Any] = {}
        self.notes = (*known.notes, *self._about_empty())

    def _about_empty(self) -> list[str]:
        empty = [int(np.count_nonzero(counts == 0)) for counts in (self.by_rows.counts(), self.by_rows.across())]
        return [
            f"{count} {name} have no entries: predicted for them is {_LEFT[self.bias]}"
            for count, name in zip(empty, ("rows", "columns"), strict=True)
            if count
        ]

    @property
    def by_columns(self) -> Lines:
        """The entries column by column; made when first needed."""
        if "columns" not in self._known:
            self._known["columns"] = self.by_rows.turned()
        return self._known["columns"]

    def __repr__(self) -> str:
        m, n = self.shape
        return f"Completion({m} × {n}, {self.entries} entries, {self.dtype.name}, ridge {self.ridge:g})"

    @property
    def bytes_read(self) -> int:
        """How many bytes of the entries were read through this handle."""
        return self.reads * self.by_rows.nbytes

    def metered(self) -> Self:
        """Return a handle on the same entries whose `reads` starts at 0."""
        handle = type(self).__new__(type(self))
        handle.__dict__.update(self.__dict__, reads=0)
        return handle

    def ridges(self, side: str) -> Array:
        """Return λ_i for each row ("x") or λ_j for each column ("y")."""
        key = f"ridges {side}"
        if key not in self._known:
            if self.ridge_scaling == "counts":
                counts = self.by_rows.counts() if side == "x" else self.by_rows.across()
                self._known[key] = self.ridge * counts
            else:
                self._known[key] = np.full(self.shape[side == "y"], self.ridge)
        return self._known[key]

    def _shares(self, side: str) -> tuple[Array, Array]:
        """Return Σ w over each line of this side, and over each line of the other as shares of their sum."""
        key = f"shares {side}"
        if key not in self._known:
            own, other = (self._lines(name).totals() for name in (side, "y" if side == "x" else "x"))
            self._known[key] = own, other / other.sum()
        return self._known[key]

    def _lines(self, side: str) -> Lines:
        return self.by_rows if side == "x" else self.by_columns

    def sigma1(self) -> float:
        """Return an estimate from below of the largest singular value of w∘(a − μ), 0 where nothing is known."""
        if "sigma1" not in self._known:
            self._known["sigma1"] = largest_singular_value(self._gram, self.shape[1])
        return self._known["sigma1"]

    def _gram(self, V: Array) -> tuple[Array, Array]:
        V = V.astype(self.dtype, copy=False)
        self.reads += 1
        swept = self._surrogate().sweep(None, V, np.eye(V.shape[1], dtype=V.dtype))
        return swept.probe, swept.gram

    def _surrogate(self) -> Sparse:
        if "surrogate" not in self._known:
            self._known["surrogate"] = self.by_rows.matrix(None if self.by_rows.weights is None else self._weighed())
        return self._known["surrogate"]

    def _weighed(self) -> Array:
        return self.by_rows.values * np.asarray(self.by_rows.weights)

    def times(self, Y: Array) -> Array:
        """Return M Y for M = w∘(a − μ), 0 where nothing is known: what starts take for A."""
        self.reads += 1
        return self._surrogate().times(Y)

    def transpose_times(self, X: Array) -> Array:
        """Return MᵀX; see `times`."""
        self.reads += 1
        return self._surrogate().transpose_times(X)

    def leading(self, rank: int) -> tuple[Array, Array, Array]:
        """Return U (m × d), s, Vᵗ: about the leading singular vectors of M, with s = cσ for the c that fits best.

        c minimizes Σ w(c u_iᵀΣv_j − a)² + 2λc Σσ: near mn/k where the entries are spread evenly [TMC21].
        """
        U, s, Vt = leading_triplets(self.times, self.transpose_times, self.shape, rank)
        kind = self.dtype
        X, Y = (U * s).astype(kind), Vt.T.astype(kind)
        plus, minus = self.square(X, Y), self.square(-X, Y)
        fitted, agreement = 0.5 * (plus + minus) - self.norm**2, 0.25 * (minus - plus)
        if not fitted > 0.0:
            return U, s, Vt
        ridge = 0.5 * (self.ridges("x").mean() + self.ridges("y").mean())
        return U, s * max((agreement - ridge * s.sum()) / fitted, _LEAST * agreement / fitted), Vt

    def point(self, X: Array, Y: Array) -> CompletionPoint:
        """Return the `CompletionPoint` at copies of X and Y, of d columns or with those of the biases."""
        point = self.located(X, Y, self.dtype)
        X, Y, layout = point.X, point.Y, point.layout
        # What is not observed can never be told apart from 0; ones that stay are needed by the others.
        for F, lines, left in ((X, self.by_rows.counts(), True), (Y, self.by_rows.across(), False)):
            free = layout.order(left=left)[0]
            F[np.ix_(lines == 0, free)] = 0
        return point

    def located(self, X: Array, Y: Array, kind: Any = np.float64) -> CompletionPoint:
        """Return the point at copies of X and Y as they are, in a precision of their own."""
        return CompletionPoint(self, *with_biases(*as_factors(X, Y, self.shape, np.dtype(kind)), self.bias))

    def gradient(self, point: CompletionPoint, side: str) -> tuple[Array, float]:
        """Return the gradient for one factor in its free columns, and Σ w(x_i·y_j − a)²; one read."""
        self.reads += 1
        F, other = (point.X, point.Y) if side == "x" else (point.Y, point.X)
        free = point.layout.order(left=side == "x")[0]
        G, sums = self._lines(side).gradient(F, other)
        slope = G[:, free]
        if self.ridge:
            slope += (self.ridges(side)[:, None] * F[:, free]).astype(slope.dtype)
        return slope, math.fsum(sums)

    def square(self, X: Array, Y: Array) -> float:
        """Return Σ w(x_i·y_j − a)², a less the mean; one read."""
        self.reads += 1
        return math.fsum(self.by_rows.squares(X, Y))

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return √Σ w(x_i·y_j + μ − a)² over the known entries, in the precision of the factors; one read."""
        return math.sqrt(self.square(X, Y))

    def penalty(self, point: CompletionPoint) -> float:
        """Return ½ Σ λ_i‖x_i‖² + ½ Σ λ_j‖y_j‖² over the free columns."""
        free_x, free_y = (point.layout.order(left=left)[0] for left in (True, False))
        return half_square(point.X[:, free_x], self.ridges("x")) + half_square(point.Y[:, free_y], self.ridges("y"))

    def advance(
        self, point: CompletionPoint, x: Metric, y: Metric, *, order: Order, momentum: float = 0.0
    ) -> CompletionPoint:
        """Return the point after one iteration: X by `x`, then Y by `y`, at the new X if `order` is "alternating".

        A metric that is `exact` minimizes over its factor, row by row; any other makes of the gradient a step, with
        Σ_j w_ij·(Yᵀdiag(ω)Y) + λ_i I for the Hessian of row i, ω_j the share of Σ w that column j has: its mean were the
        places drawn independently. Two reads.
        """
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
            at = point if point.ahead is None else point.ahead
            X, _ = self._half(at, "x", x)
            between = CompletionPoint(self, X, at.Y, at.layout) if order == "alternating" else at
            Y, square = self._half(between, "y", y)
            if order != "alternating":
                square = None
            ahead = None
            if momentum:
                further = (new + momentum * (new - old) for new, old in ((X, point.X), (Y, point.Y)))
                ahead = CompletionPoint(self, *further, point.layout)
            return CompletionPoint(self, X, Y, point.layout, ahead, square)

    def _half(self, point: CompletionPoint, side: str, metric: Metric) -> tuple[Array, float | None]:
        """Return one factor moved, and Σ w(x_i·y_j − a)² after that where it comes with it."""
        left = side == "x"
        F, other = (point.X, point.Y) if left else (point.Y, point.X)
        free, still = point.layout.order(left=left)
        if getattr(metric, "exact", False):
            return self._minimized(point, side, metric)
        own, shares = self._shares(side)
        table = other[:, free]
        gram = (table * shares[:, None]).T.astype(np.float64) @ table
        new = F.copy()
        new[:, free] -= metric.step(point.slope(side), gram, own, self.ridges(side))
        return new, None

    def _minimized(self, point: CompletionPoint, side: str, metric: Any) -> tuple[Array, float | None]:
        left = side == "x"
        F, other = (point.X, point.Y) if left else (point.Y, point.X)
        free, still = point.layout.order(left=left)
        if not other[:, free].any():
            return F, None  # from Y = 0 nothing is to be learned about X
        self.reads += 1
        table, ridge, lines = other[:, free + still], self.ridges(side), self._lines(side)
        part = np.ascontiguousarray(F[:, free])
        square = None
        if metric.inner_steps is None:
            least = lines.solve(part, table, ridge, fixed=bool(still), damping=metric.damping)
            if not metric.damping:
                square = self._trusted(math.fsum(least) - 2.0 * half_square(part, ridge))
        else:
            lines.improve(part, table, ridge, fixed=bool(still), damping=metric.damping, steps=metric.inner_steps)
        new = F.copy()
        new[:, free] = part
        return new, square

    def _trusted(self, square: float) -> float | None:
        """Return Σ w(x_i·y_j − a)² as a difference of larger sums, or None where it has lost too many digits."""
        return square if square > _TRUST[self.dtype.name] * self.norm**2 else None


_TRUST = {"float64": 1e-8, "float32": 1e-2}
"""Share of Σ w a² above which the least value of a row's problem, a difference, is right to 1e-7 (float32 1e-4)."""

_LEAST = 0.01
"""Share of the best scalar that a start keeps where the ridge would make it vanish."""

_LEFT = {
    "none": "0",
    "mean": "the mean",
    "rows": "the mean, and for columns the row's bias",
    "columns": "the mean, and for rows the column's bias",
    "both": "the mean and the bias of the other side",
}


def _mean(lines: Lines) -> float:
    """Return Σ w a/Σ w."""
    weights = lines.weights

    def term(part: slice) -> Array:
        a = lines.values[part].astype(np.float64)
        return a if weights is None else a * weights[part]

    return math.fsum(lines.sums(term)) / math.fsum(lines.totals())
