"""Observed entries under a penalty: what solvers, starts and certificates ask of a completion problem."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Self

import numpy as np

from lopside.arrays import Array, as_factors
from lopside.linalg import chunks
from lopside.problems.biases import with_biases
from lopside.problems.completion_moves import moved
from lopside.problems.completion_point import CompletionPoint
from lopside.problems.held_out import parted
from lopside.problems.penalty import Penalty
from lopside.problems.prediction import Cold, predicted
from lopside.problems.protocol import Metric, Order
from lopside.problems.setting import Setting
from lopside.problems.surrogate import Surrogate
from lopside.problems.tangent import tangent
from lopside.storage.known import Known, Product, Withheld
from lopside.storage.lines import Lines
from lopside.threads import thread_count

_TINY = 1e-30
"""Stands for the scale of lines without entries."""


class Observed:
    """F(X, Y) over checked observations; `Completion` is the way in and says what everything is.

    Parameters
    ----------
    known : Observations or Known
        Taken over: the mean is subtracted in place.
    penalty : Penalty
    threads : int, optional
    """

    def __init__(self, known: Any, penalty: Penalty, threads: int | None = None) -> None:
        self.penalty, self.shape = penalty, known.shape
        self.row_ids, self.column_ids = known.row_ids, known.column_ids
        self.by_rows = _held(known, threads)
        self.dtype = self.by_rows.dtype
        self.mean = 0.0 if penalty.bias == "none" else self.by_rows.mean()
        if self.mean:
            self.by_rows = self.by_rows.less(self.mean)
        self.entries = self.by_rows.entries
        self.norm = self.by_rows.norm()
        self.reads = 0
        # Shared by all handles: what is true of the entries need be computed once.
        self._known: dict[str, Any] = {}
        counts = self.by_rows.counts(), self.by_rows.across()
        self.empty_rows, self.empty_columns = (np.flatnonzero(count == 0) for count in counts)
        self.notes = (*known.notes, *penalty.about_empty(len(self.empty_rows), len(self.empty_columns)))

    @property
    def ridge(self) -> float:
        """λ."""
        return self.penalty.ridge

    @property
    def by_columns(self) -> Any:
        """The entries column by column; made when first needed."""
        if "columns" not in self._known:
            self._known["columns"] = self.by_rows.turned()
        return self._known["columns"]

    def __repr__(self) -> str:
        m, n = self.shape
        where = f", {len(self.by_rows.parts)} partitions on Dask" if self.on_dask else ""
        return f"Completion({m} × {n}, {self.entries} entries, {self.dtype.name}, ridge {self.ridge:g}{where})"

    @property
    def on_dask(self) -> bool:
        """Whether the entries lie in partitions; X and Y do not."""
        return not isinstance(self.by_rows, Lines)

    @property
    def bytes_read(self) -> int:
        """How many bytes of the entries were read through this handle."""
        return self.reads * self.by_rows.nbytes

    def metered(self) -> Self:
        """Return a handle on the same entries whose `reads` starts at 0."""
        handle = type(self).__new__(type(self))
        handle.__dict__.update(self.__dict__, reads=0)
        return handle

    def with_ridge(self, ridge: float) -> Self:
        """Return the problem of the same entries with another λ; a ridge of the biases keeps its ratio to it."""
        penalty = self.penalty
        rho = None if penalty.bias_ridge is None else penalty.bias_ridge * ridge / penalty.ridge
        handle = self.metered()
        handle.penalty = replace(penalty, ridge=ridge, bias_ridge=rho)
        handle._known = {key: known for key, known in self._known.items() if not key.startswith("ridges")}
        return handle

    def split(self, share: float, rng: np.random.Generator) -> tuple[Self, Withheld]:
        """Return the problem of some of the entries, drawn at random, and the others, to judge it by.

        Parameters
        ----------
        share : float
            Of the entries that are held out, in (0, 1); at least one is, and one is left.
        rng : numpy.random.Generator
        """
        lines, held = parted(self.by_rows, share, self.mean, rng)
        kept = type(self).__new__(type(self))
        Observed.__init__(kept, Known(lines, self.shape, self.row_ids, self.column_ids, ()), self.penalty)
        return kept, held

    def error(self, solution: Any, held: Withheld) -> float:
        """Return √(Σ w(μ + x_i·y_j − a)²/Σ w) over entries held out."""
        point = self.fitted(solution)
        missed = predicted(point, self.mean, held.rows, held.columns, cold="mean") - held.values
        return float(np.sqrt(np.average(missed.astype(np.float64) ** 2, weights=held.weights)))

    def largest_ridge(self) -> float:
        """Return λ_max = ‖M̃‖₂, M̃_ij = w(a − μ)/√(s_i t_j): from there on the best factors are 0, if without biases."""
        if "largest ridge" not in self._known:
            unit = self.with_ridge(1.0) if not self.ridge else self
            left, right = (np.sqrt(np.maximum(unit.ridges(side) / unit.ridge, _TINY)) for side in ("x", "y"))

            def scaled(lines: Any, right: Array, left: Array) -> Product:
                return lambda V: (lines.product((V / right[:, None]).astype(self.dtype)) / left[:, None]).astype(
                    V.dtype
                )

            times, transpose_times = scaled(self.by_rows, right, left), scaled(self.by_columns, left, right)
            self._known["largest ridge"] = Surrogate(times, transpose_times, self.shape, self.dtype).sigma1()
        return self._known["largest ridge"]

    def ridges(self, side: str) -> Array:
        """Return λ_i for each row ("x") or λ_j for each column ("y")."""
        key = f"ridges {side}"
        if key not in self._known:
            self._known[key] = self.penalty.ridges(self.by_rows.counts() if side == "x" else self.by_rows.across())
        return self._known[key]

    def shares(self, side: str) -> tuple[Array, Array]:
        """Return Σ w over each line of this side, and over each line of the other as shares of their sum."""
        key = f"shares {side}"
        if key not in self._known:
            own, other = (self.lines(name).totals() for name in (side, "y" if side == "x" else "x"))
            self._known[key] = own, other / other.sum()
        return self._known[key]

    def lines(self, side: str) -> Any:
        """Return the entries row by row ("x") or column by column ("y")."""
        return self.by_rows if side == "x" else self.by_columns

    @property
    def surrogate(self) -> Surrogate:
        """The sparse matrix M = w∘(a − μ)."""
        if "surrogate" not in self._known:
            self._known["surrogate"] = Surrogate(self.by_rows.product, self._across, self.shape, self.dtype)
        return self._known["surrogate"]

    def _across(self, U: Array) -> Array:
        return self.by_columns.product(U)

    def residual(self, X: Array, Y: Array) -> Surrogate:
        """Return the sparse matrix w∘(a − μ − x_i·y_j)."""
        self.reads += 1
        lines, _ = self.by_rows.residual(X, Y)
        times, transpose_times = lines.products()
        return Surrogate(times, transpose_times, self.shape, self.dtype)

    def sigma1(self) -> float:
        """Return σ₁(M), estimated from below, plus the largest λ_i: the curvature that plain steps are measured by."""
        before = self.surrogate.reads
        sigma1 = self.surrogate.sigma1()
        self.reads += self.surrogate.reads - before
        ratio = max(1.0, self.penalty.of_biases / self.ridge) if self.ridge else 0.0
        return sigma1 + ratio * float(max(self.ridges("x").max(), self.ridges("y").max()))

    def times(self, Y: Array) -> Array:
        """Return M Y."""
        self.reads += 1
        return self.by_rows.product(Y)

    def transpose_times(self, X: Array) -> Array:
        """Return MᵀX."""
        self.reads += 1
        return self.by_columns.product(X)

    def leading(self, rank: int) -> tuple[Array, Array, Array]:
        """Return U (m × d), s, Vᵗ: about the leading singular vectors of M, scaled to fit the entries best.

        The scalar is near mn/k where the entries are spread evenly [TMC21].
        """
        return self._scaled(self.surrogate, rank)

    def weighted_leading(self, rank: int, weight_rank: int) -> tuple[Array, Array, Array]:
        """Return the same for the matrix of L_ij/√w_ij, L the best approximation of √w∘(a − μ) of rank ρd [WY24]."""
        lines = self.by_rows
        root = np.ones(1, self.dtype) if lines.weights is None else np.sqrt(lines.weights)
        whole = Surrogate.at(lines, lines.values * root)
        U, s, Vt = whole.triplets(min(rank * weight_rank, *self.shape))
        self.reads += whole.reads + 1
        missed = lines.residual((U * s).astype(self.dtype), Vt.T.astype(self.dtype))[0].values
        # The residual is w(a − L), and L/√w = (a − (a − L))/√w.
        return self._scaled(Surrogate.at(lines, (lines.values - missed / root**2) / root), rank)

    def _scaled(self, surrogate: Surrogate, rank: int) -> tuple[Array, Array, Array]:
        ridge = 0.5 * (self.ridges("x").mean() + self.ridges("y").mean())
        before = surrogate.reads
        found = surrogate.leading(rank, self.square, self.norm**2, ridge)
        self.reads += surrogate.reads - before
        return found

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
        return CompletionPoint(self, *with_biases(*as_factors(X, Y, self.shape, np.dtype(kind)), self.penalty.bias))

    def fitted(self, solution: Any) -> CompletionPoint:
        """Return the point of a solution or a pair of factors; float32 stays, everything else becomes float64."""
        X, Y = solution if isinstance(solution, tuple | list) else (solution.X, solution.Y)
        single = getattr(X, "dtype", None) == np.float32
        return self.located(X, Y, np.float32 if single else np.float64)

    def gradient(self, point: CompletionPoint, side: str) -> tuple[Array, float]:
        """Return the gradient for one factor in its free columns, and Σ w(x_i·y_j − a)²; one read."""
        self.reads += 1
        F, other = (point.X, point.Y) if side == "x" else (point.Y, point.X)
        free = point.layout.order(left=side == "x")[0]
        slope, sums = self.lines(side).gradient(F, other, free)
        if self.ridge:
            units = self.penalty.units(point.layout, left=side == "x")
            for rows in chunks(len(F)):
                slope[rows] += self.ridges(side)[rows, None] * (F[rows, free] / units**2)
        return slope, math.fsum(sums)

    def square(self, X: Array, Y: Array) -> float:
        """Return Σ w(x_i·y_j − a)², a less the mean; one read."""
        self.reads += 1
        return math.fsum(self.by_rows.squares(X, Y))

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return √Σ w(x_i·y_j + μ − a)² over the known entries, in the precision of the factors; one read."""
        return math.sqrt(self.square(X, Y))

    def charge(self, point: CompletionPoint) -> float:
        """Return what the ridge adds to the loss at a point."""
        return sum(
            self.penalty.of(F, self.ridges(side), point.layout, left=side == "x")
            for F, side in ((point.X, "x"), (point.Y, "y"))
        )

    def advance(
        self, point: CompletionPoint, x: Metric, y: Metric, *, order: Order, momentum: float = 0.0
    ) -> CompletionPoint:
        """Return the point after one iteration: X by `x`, then Y by `y`, at the new X if `order` is "alternating".

        A metric that is `exact` minimizes over its factor, row by row; any other makes of the gradient a step, with
        Σ_j w_ij·(Yᵀdiag(ω)Y) + λ_i I for the Hessian of row i, ω_j the share of Σ w that column j has: its mean were
        the places drawn independently. Two reads.
        """
        return moved(self, point, x, y, order=order, momentum=momentum)

    def tangent(self, point: CompletionPoint) -> tuple[Any, Array]:
        """Return what the entries see of a change of the factors, and what is left; see `problems.tangent`."""
        return tangent(self, point)

    def predict(self, solution: Any, rows: Any, cols: Any, *, cold: Cold = "mean") -> Array:
        """Return μ + x_i·y_j for pairs of rows and columns.

        Parameters
        ----------
        solution : Solution, or (X, Y)
        rows, cols : array_like, shape (k,)
            Ids where the problem has `row_ids` or `column_ids`, else positions.
        cold : "mean", "raise" or "nan"
            For rows and columns without entries, or that were not there at all: what the mean and the other side's
            bias say, an error, or NaN.
        """
        return Setting.of(self).at(self.fitted(solution), rows, cols, cold=cold)


def _held(known: Any, threads: int | None) -> Any:
    if isinstance(known, Known):
        return known.lines
    return Lines(known.indptr, known.indices, known.values, known.weights, known.shape[1], thread_count(threads))
