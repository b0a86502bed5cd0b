"""Some of the observed entries set aside, to judge a fit of the others by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.observations import Observations
from lopside.storage.lines import Lines


class Held(NamedTuple):
    """Entries to judge a fit by: positions, values and weights (or None)."""

    rows: NDArray[Any]
    columns: NDArray[Any]
    values: Array
    weights: Array | None


def parted(lines: Lines, share: float, rng: np.random.Generator) -> tuple[Observations, Held]:
    """Return a random part of the entries row by row, and the others.

    Parameters
    ----------
    lines : Lines
    share : float
        Of the entries that are held out, in (0, 1); at least one is, and one is left.
    rng : numpy.random.Generator
    """
    entries, weights = lines.entries, lines.weights
    if not 0.0 < share < 1.0 or entries < 2:
        raise InputError(f"got share {share} of {entries} entries; expected 0 < share < 1 of two or more")
    out = np.zeros(entries, bool)
    out[rng.permutation(entries)[: min(max(1, round(share * entries)), entries - 1)]] = True
    rows = np.repeat(np.arange(lines.shape[0], dtype=np.int32), lines.counts())
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[~out], minlength=lines.shape[0]))])
    kept = None if weights is None else weights[~out]
    known = Observations(indptr, lines.indices[~out], lines.values[~out], kept, lines.shape, None, None, ())
    return known, Held(rows[out], lines.indices[out], lines.values[out], None if weights is None else weights[out])
