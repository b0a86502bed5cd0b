"""Biases of rows and columns as columns of the factors, X = [X′ | b | 1] and Y = [Y′ | 1 | c]: X Yᵀ has them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lopside.arrays import Array

BIASES = ("none", "mean", "rows", "columns", "both")


class Layout(NamedTuple):
    """Which columns of the factors are free, for d columns that rows and columns share.

    With rows X has a column b beside which Y's is 1, with columns Y has a column c beside which X's is 1, in this
    order.

    Attributes
    ----------
    shared : int
        d.
    rows, columns : bool
    """

    shared: int
    rows: bool
    columns: bool

    @property
    def width(self) -> int:
        """How many columns a factor has in all."""
        return self.shared + self.rows + self.columns

    def order(self, *, left: bool) -> tuple[list[int], list[int]]:
        """Return the columns of X (or Y) that are free and the one that stays 1, if there is one."""
        d = self.shared
        b, c = [d] * self.rows, [d + self.rows] * self.columns
        free, still = (b, c) if left else (c, b)
        return [*range(d), *free], still

    def holds(self, X: Array, Y: Array) -> bool:
        """Whether factors have the columns that stay 1."""
        return all(
            F.shape[1] == self.width and bool((F[:, self.order(left=left)[1]] == 1).all())
            for F, left in ((X, True), (Y, False))
        )

    def widened(self, X: Array, Y: Array) -> tuple[Array, Array]:
        """Return factors of d columns with those of the biases, 0, appended."""
        one_x, one_y = np.ones((len(X), 1), X.dtype), np.ones((len(Y), 1), Y.dtype)
        left = [X, *[0 * one_x] * self.rows, *[one_x] * self.columns]
        right = [Y, *[one_y] * self.rows, *[0 * one_y] * self.columns]
        return np.hstack(left), np.hstack(right)


def with_biases(X: Array, Y: Array, bias: str) -> tuple[Array, Array, Layout]:
    """Return factors with the columns of the biases, which begin at 0 where they are not there yet.

    They count as there where the columns that stay 1 do.
    """
    rows, columns = bias in ("rows", "both"), bias in ("columns", "both")
    there = Layout(X.shape[1] - rows - columns, rows, columns)
    if (rows or columns) and there.shared > 0 and there.holds(X, Y):
        return X, Y, there
    layout = Layout(X.shape[1], rows, columns)
    return *layout.widened(X, Y), layout
