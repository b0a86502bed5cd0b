"""The residual of observed entries as a candidate for the dual problem, and the sums that judge it, line by line."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array


class Sums(NamedTuple):
    """For each line Σ w(x·y − a)² and, with w the residual there: Σ w a, Σ|w a|, Σ w²/weight and Σ w."""

    squares: Array
    agreed: Array
    moduli: Array
    share: Array
    totals: Array


def dual(
    lines: Any, X: Array, Y: Array, left: Array, right: Array, *, kind: np.dtype[Any], divided: bool
) -> tuple[Any, Sums]:
    """Return W̃_ij = w_ij(a − x_i·y_j)/(l_i r_j), of this type, and its sums, in which w is W̃_ij l_i r_j again.

    Without `divided` all l and r are 1. `lines` is a `storage.Lines`, as W̃ is.
    """
    held, squares = lines.residual(X, Y, kind)
    W, weights = held.values, lines.weights

    def terms(part: slice, line: NDArray[np.intp]) -> list[Array]:
        w = W[part].astype(np.float64)
        if divided:
            scale = left[lines.lines_of(part)[0] + line] * right[lines.indices[part]]
            W[part] /= scale  # as stored from here on: whatever rounding makes of it is a candidate too
            w = W[part] * scale
        share = w * w if weights is None else w * w / weights[part]
        agreed = w * lines.values[part]
        return [np.bincount(line, v).astype(np.float64) for v in (agreed, np.abs(agreed), share, w)]

    return held, Sums(squares, *lines.stretched(terms))
