"""The derivative of what is observed of X Yᵀ: a linear map of both factors at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.errors import AbilityError
from lopside.problems.completion_point import CompletionPoint
from lopside.problems.sensing_maps import linear_operator
from lopside.storage.lines import Lines


def tangent(problem: Any, point: CompletionPoint) -> tuple[Any, Array]:
    """Return T: (dX, dY) ↦ (√w_ij (x_i·dy_j + dx_i·y_j)) and the target (√w_ij (a_ij − μ − x_i·y_j)), entry by entry.

    T is a k × (m + n)d LinearOperator on the entries of dX, row by row, and after them those of dY.

    Raises
    ------
    AbilityError
        With biases, whose columns of ones do not move, and for entries on Dask.
    """
    if point.layout.rows or point.layout.columns:
        raise AbilityError(
            f'got Completion(bias="{problem.penalty.bias}"), in which some columns of the factors stay 1; expected '
            'bias "none" or "mean" here. Try AlternatingLeastSquares()'
        )
    if problem.on_dask:
        raise AbilityError(
            f"got {problem!r} for a method (GNMR) that solves for both factors at once, over all entries in one place; "
            "expected one that goes line by line. Try AlternatingLeastSquares(), or Completion of computed arrays"
        )
    X, Y, lines = point.X, point.Y, problem.by_rows
    root = None if lines.weights is None else np.sqrt(lines.weights)

    def missed(values: Array, left: Array, right: Array) -> Array:
        held = Lines(lines.indptr, lines.indices, values, None, lines.shape[1], lines.threads)
        out = np.empty_like(values)
        problem.reads += 1
        held.squares(left, right, out)
        return out if root is None else root * out

    nothing = np.zeros_like(lines.values)

    def forward(z: Array) -> Array:
        dX, dY = (part.reshape(F.shape) for part, F in zip(np.split(z, [X.size]), (X, Y), strict=True))
        return -missed(nothing, np.hstack([X, dX]).astype(X.dtype), np.hstack([dY, Y]).astype(X.dtype))

    def back(v: Array) -> Array:
        v = v.astype(X.dtype, copy=False)
        held = lines.matrix(v if root is None else root * v)
        problem.reads += 1
        return np.concatenate([held.times(Y).ravel(), held.transpose_times(X).ravel()])

    return linear_operator((problem.entries, X.size + Y.size), forward, back, X.dtype), missed(lines.values, X, Y)
