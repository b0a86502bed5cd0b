"""How much memory a run on observed entries takes: its start, a half step, and what is looked at in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lopside.footprint.parts import Parts, largest, summed
from lopside.storage.protocol import Widths

_SPARE = 8
"""Columns that the start carries along beside those asked for."""


class Completing(NamedTuple):
    """A run on known entries.

    Attributes
    ----------
    problem : Completion
    rank : int
    exact : bool
        Whether a half step minimizes over its factor, row by row.
    momentum : bool
    """

    problem: Any
    rank: int
    exact: bool
    momentum: bool

    def most(self) -> Parts:
        """Return what is held at most; entries by columns are made in the run, and kept by the problem."""
        return largest(self._moments())

    def _moments(self) -> Iterator[Parts]:
        problem, size = self.problem, self.problem.dtype.itemsize
        (m, n), lines = problem.shape, problem.by_rows
        free = self.rank + (problem.penalty.bias in ("rows", "both"))
        d = free + (problem.penalty.bias in ("columns", "both"))
        both, pair = {"entries by columns": lines.nbytes + 16 * (m + n)}, size * d * (m + n)
        weighted = 0 if lines.weights is None else lines.weights.nbytes + lines.indices.nbytes
        yield summed(both, {"entries": weighted})
        k = min(self.rank + _SPARE, m, n)
        held = lines.matrix()
        own = {"entries": 0 if lines.weights is None else lines.values.nbytes}
        drawn = {"factors": size * k * (m + n)}
        started = summed(own, drawn, held.workspace(Widths(0, k, k, itemsize=size)))
        yield started
        yield summed(started, {"factors": size * self.rank * (m + n) - size * k * n})
        table = size * _padded(d, size)
        yield summed(both, own, {"factors": pair * (2 + (problem.penalty.bias not in ("none", "mean")))})
        old = {"factors": pair * (2 + self.momentum * 2)}
        shares = {"packed factor": table * max(m, n), "sums": 8 * (m + n)}
        slopes = {} if self.exact else {"gradients": size * free * (m + n), "steps": size * free * max(m, n) * 2}
        yield summed(both, own, old, shares, slopes)
        # What is looked at in the end: both gradients.
        yield summed(both, own, {"factors": pair, "gradients": size * free * (m + n)}, shares)


def _padded(d: int, size: int) -> int:
    lanes = 64 // size
    return -(-d // lanes) * lanes
