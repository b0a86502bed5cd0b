"""What is said of observed entries, however and wherever they are held."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array

Product = Callable[[Array], Array]


class Known(NamedTuple):
    """Checked entries line by line, and what `lopside.observations.Observations` says of them."""

    lines: Any
    shape: tuple[int, int]
    row_ids: NDArray[Any] | None
    column_ids: NDArray[Any] | None
    notes: tuple[str, ...]


class Withheld(NamedTuple):
    """Entries to judge a fit by: positions, values and weights (or None)."""

    rows: NDArray[Any]
    columns: NDArray[Any]
    values: Array
    weights: Array | None

    @classmethod
    def joined(cls, pieces: list[Withheld], firsts: list[int]) -> Withheld:
        """Return those of several partitions, of which these are the first rows."""
        rows = [piece.rows + np.int32(first) for piece, first in zip(pieces, firsts, strict=True)]
        weights = [piece.weights for piece in pieces if piece.weights is not None]
        columns, values = [piece.columns for piece in pieces], [piece.values for piece in pieces]
        told = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
        return cls(*told, np.concatenate(weights) if weights else None)


class Summed:
    """What follows from sums over each line: Σ w, Σ w a and Σ w a² of all entries, the same however these are held."""

    def totals(self) -> Array:
        """Return Σ w over each line, in float64."""
        raise NotImplementedError

    def moments(self) -> Array:
        """Return Σ w a over each line, in float64."""
        raise NotImplementedError

    def energies(self) -> Array:
        """Return Σ w a² over each line, in float64."""
        raise NotImplementedError

    def norm(self) -> float:
        """Return √Σ w a²."""
        return math.sqrt(math.fsum(self.energies()))

    def mean(self) -> float:
        """Return Σ w a/Σ w."""
        return math.fsum(self.moments()) / math.fsum(self.totals())
