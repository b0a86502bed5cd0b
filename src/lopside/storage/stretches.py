"""Sums over the lines of observed entries, a stretch of them at once, the same however lines are held together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.storage.known import Summed

_STRETCH = 1 << 17
"""Entries treated at once where NumPy does the work."""


class Stretched(Summed):
    """Entries a_ij with weights w_ij line by line, as CSR arrays; see `storage.Lines`."""

    indptr: NDArray[Any]
    indices: NDArray[Any]
    values: Array
    weights: Array | None
    shape: tuple[int, int]

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return len(self.values)

    def counts(self) -> NDArray[np.int64]:
        """Return how many entries each line has."""
        return np.diff(self.indptr).astype(np.int64)

    def across(self) -> NDArray[np.int64]:
        """Return how many entries each line of the transpose has."""
        counts = np.zeros(self.shape[1], np.int64)
        for start in range(0, self.entries, _STRETCH):  # because bincount widens what it is given
            part = np.bincount(self.indices[start : start + _STRETCH])
            counts[: len(part)] += part
        return counts

    def totals(self) -> Array:
        """Return Σ w over each line, in float64."""
        if self.weights is None:
            return self.counts().astype(np.float64)
        return self.sums(lambda part: np.asarray(self.weights)[part])

    def sums(self, term: Callable[[slice], Array]) -> Array:
        """Return the sum over each line of a number for each entry, which `term` gives for a stretch of them."""
        return self.stretched(lambda part, lines: [np.bincount(lines, term(part)).astype(np.float64)])[0]

    def stretched(self, work: Callable[[slice, NDArray[Any]], list[Array]]) -> list[Array]:
        """Return sums over each line.

        `work` gets stretches of the entries, with the number of each one's line counted from the first, and returns
        arrays of sums counted likewise. Where a line is cut depends on that line alone.
        """
        out: list[Array] = []
        for part in self._stretches():
            first, lines = self.lines_of(part)
            for number, some in enumerate(work(part, lines)):
                if number == len(out):
                    out.append(np.zeros(self.shape[0]))
                out[number][first : first + len(some)] += some
        return out

    def _stretches(self) -> Iterator[slice]:
        """Yield stretches of whole lines, but for lines that are longer, which are cut from their beginning."""
        a = 0
        while True:
            b = min(a + _STRETCH, self.entries)
            end = int(self.indptr[int(np.searchsorted(self.indptr, b, side="right")) - 1])
            b = end if a < end < b else b
            yield slice(a, b)
            if (a := b) >= self.entries:
                return

    def lines_of(self, part: slice) -> tuple[int, NDArray[Any]]:
        """Return the line of the first of these entries, and the line of each counted from there."""
        first = int(np.searchsorted(self.indptr, part.start, side="right")) - 1
        last = int(np.searchsorted(self.indptr, part.stop, side="left"))
        inside = np.clip(self.indptr[first : last + 1], part.start, part.stop)
        return first, np.repeat(np.arange(last - first), np.diff(inside))

    def energies(self) -> Array:
        """Return Σ w a² over each line, in float64."""
        weights = self.weights

        def term(part: slice) -> Array:
            a = self.values[part].astype(np.float64)
            return a * a if weights is None else a * a * weights[part]

        return self.sums(term)

    def moments(self) -> Array:
        """Return Σ w a over each line, in float64."""
        weights = self.weights

        def term(part: slice) -> Array:
            a = self.values[part].astype(np.float64)
            return a if weights is None else a * weights[part]

        return self.sums(term)
