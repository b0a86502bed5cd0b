"""Some entries of A are known: min ½ Σ w(x_i·y_j + μ − a_ij)² over these, plus a ridge."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, Self

from lopside.observations import as_observations
from lopside.observed_tables import of_sparse, of_table
from lopside.problems.observed import Observed
from lopside.problems.penalty import Bias, Penalty, RidgeScaling
from lopside.storage.executor import is_on_dask

Duplicates = Literal["error", "mean", "last"]


class Completion(Observed):
    """A ≈ μ + X Yᵀ from some of its entries: F(X, Y) = ½ Σ w_ij(x_i·y_j + μ − a_ij)² + ½ Σ λ_i‖x_i‖² + ½ Σ λ_j‖y_j‖².

    Rows and columns without entries have factors of zero: of them only the mean and the other side's bias is known.

    Parameters
    ----------
    rows, cols : array_like of int, shape (k,)
        Places of the known entries, counted from 0. These three and `weights` may be arrays of Dask in the same chunks;
        see `from_dask`.
    values : array_like, shape (k,)
        Finite. float32 and float64 are kept, integers become float64.
    shape : (m, n), optional
        Default: the largest places plus 1. A side that is far longer than there are entries is compressed to the
        lines that have any, named by `row_ids` and `column_ids`: memory follows the entries.
    weights : array_like, shape (k,), optional
        w ≥ 0; an entry of weight 0 counts as unknown.
    ridge : float
        λ ≥ 0.
    ridge_scaling : "none", "counts" or "smoothed"
        λ_i = λ s_i, and likewise for columns, with s_i = 1 [SRJ04], the number of entries of the row [ZWSP08], or the
        mean of that and its average over all rows, which predicts best where entries are spread unevenly [FSSS11].
    bias : "none", "mean", "rows", "columns" or "both"
        μ is the weighted mean of the values, or 0 with "none". Row and column biases are fitted with the rest: as
        columns of the factors, X = [X′ | b | 1] and Y = [Y′ | 1 | c].
    bias_ridge : float, optional
        ρ > 0 in place of λ for the biases; default λ.
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
        bias_ridge: float | None = None,
        duplicates: Duplicates = "error",
        threads: int | None = None,
    ) -> None:
        take: Any = as_observations
        if is_on_dask(rows, cols, values, weights):
            from lopside.storage.spreading import spread_arrays as take
        known = take(rows, cols, values, shape=shape, weights=weights, duplicates=duplicates)
        super().__init__(known, Penalty(ridge, ridge_scaling, bias, bias_ridge), threads)

    @classmethod
    def from_dense(
        cls,
        A: Any,
        *,
        weights: Any = None,
        ridge: float = 0.0,
        ridge_scaling: RidgeScaling = "none",
        bias: Bias = "none",
        bias_ridge: float | None = None,
        threads: int | None = None,
    ) -> Self:
        """Return the problem of a table (m × n) in which NaN stands for what is not known; `weights` has its shape."""
        return cls._of(of_table(A, weights), Penalty(ridge, ridge_scaling, bias, bias_ridge), threads)

    @classmethod
    def from_sparse(
        cls,
        S: Any,
        *,
        weights: Any = None,
        ridge: float = 0.0,
        ridge_scaling: RidgeScaling = "none",
        bias: Bias = "none",
        bias_ridge: float | None = None,
        duplicates: Duplicates = "error",
        threads: int | None = None,
    ) -> Self:
        """Return the problem of a SciPy matrix whose stored entries, zeros included, are what is known.

        `weights` is a sparse matrix that has the same places stored.
        """
        known = of_sparse(S, weights, duplicates=duplicates)
        return cls._of(known, Penalty(ridge, ridge_scaling, bias, bias_ridge), threads)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        row: Hashable,
        column: Hashable,
        value: Hashable,
        weight: Hashable = None,
        ridge: float = 0.0,
        ridge_scaling: RidgeScaling = "none",
        bias: Bias = "none",
        bias_ridge: float | None = None,
        duplicates: Duplicates = "error",
        threads: int | None = None,
    ) -> Self:
        """Return the problem of a long frame (pandas, polars, pyarrow …) with an observed entry in each of its rows.

        `row`, `column`, `value` and `weight` name its columns; the ids are kept as `row_ids` and `column_ids`.
        """
        from lopside.frames import entries

        long = entries(frame, row=row, column=column, value=value, weight=weight)
        problem = cls(
            long.rows,
            long.columns,
            long.values,
            shape=long.shape,
            weights=long.weights,
            ridge=ridge,
            ridge_scaling=ridge_scaling,
            bias=bias,
            bias_ridge=bias_ridge,
            duplicates=duplicates,
            threads=threads,
        )
        problem.row_ids, problem.column_ids = long.row_ids, long.column_ids
        return problem

    @classmethod
    def from_dask(
        cls,
        frame: Any,
        *,
        row: Hashable,
        column: Hashable,
        value: Hashable,
        weight: Hashable = None,
        ridge: float = 0.0,
        ridge_scaling: RidgeScaling = "none",
        bias: Bias = "none",
        bias_ridge: float | None = None,
        duplicates: Duplicates = "error",
    ) -> Self:
        """Return the problem of a long frame of Dask, with the factors that `from_frame` of all its rows would have.

        The frame is read once; its entries then lie with the workers, by rows and, when first needed, by columns, in
        as many partitions as the frame has. The factors, ids and numbers of entries of a line are here. Any number of
        partitions and workers gives the same bits, and what a worker held that died is made again from the frame.
        With a `distributed.Client` open the partitions lie with its workers, and it must stay open; without one Dask's
        threads do the work. Arrays of Dask go through `Completion` itself.
        """
        from lopside.storage.spreading import spread_frame

        known = spread_frame(frame, row=row, column=column, value=value, weight=weight, duplicates=duplicates)
        return cls._of(known, Penalty(ridge, ridge_scaling, bias, bias_ridge), None)

    @classmethod
    def _of(cls, known: Any, penalty: Penalty, threads: int | None) -> Self:
        problem = cls.__new__(cls)
        Observed.__init__(problem, known, penalty, threads)
        return problem
