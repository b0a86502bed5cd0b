"""The tangent of a completion problem: what its entries see of a change of the factors, to first order."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.errors import AbilityError


def tangent(problem: Any, point: Any) -> tuple[Any, Array]:
    """Return T: (dX, dY) ↦ √w_ij(x_i·dy_j + dx_i·y_j), entry by entry, and √w_ij(a_ij − μ − x_i·y_j).

    T is a k × (m + n)d LinearOperator on the entries of dX, row by row, and after them those of dY; each product with T
    or its transpose reads the entries once or twice.

    Raises
    ------
    AbilityError
        With biases of rows or columns, whose columns of ones are not to change.
    """
    from scipy.sparse.linalg import LinearOperator

    if point.layout.rows or point.layout.columns:
        raise AbilityError(
            f"got Completion with bias = {problem.penalty.bias!r}, whose factors have columns that stay 1; a tangent "
            "needs factors that are all free. Try bias='mean', or AlternatingLeastSquares()"
        )
    X, Y, lines = point.X, point.Y, problem.by_rows
    root = np.ones(1, X.dtype) if lines.weights is None else np.sqrt(lines.weights)
    known, missed = root * lines.values, np.empty(lines.entries, X.dtype)

    def forward(z: Array) -> Array:
        dX, dY = (part.reshape(F.shape) for part, F in zip(np.split(z, [X.size]), (X, Y), strict=True))
        problem.reads += 1
        lines.squares(np.hstack([X, dX]).astype(X.dtype), np.hstack([dY, Y]).astype(X.dtype), missed)
        return known - missed / root

    def back(v: Array) -> Array:
        M = lines.matrix((root * v).astype(X.dtype))
        problem.reads += 2
        return np.concatenate([M.times(Y).ravel(), M.transpose_times(X).ravel()])

    make: Any = LinearOperator  # its stub wants a method for each keyword
    operator = make((lines.entries, X.size + Y.size), matvec=forward, rmatvec=back, dtype=X.dtype)
    return operator, problem.residual(X, Y).held.A.data / root
