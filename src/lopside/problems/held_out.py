"""Some of the observed entries set aside, to judge a fit of the others by."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.errors import InputError
from lopside.storage.known import Withheld


def parted(lines: Any, share: float, mean: float, rng: np.random.Generator) -> tuple[Any, Withheld]:
    """Return a random part of the entries row by row, and the others, both with `mean` added.

    Parameters
    ----------
    lines : Lines, or those of Dask
    share : float
        Of the entries that are held out, in (0, 1); at least one is, and one is left.
    mean : float
    rng : numpy.random.Generator
    """
    entries = lines.entries
    if not 0.0 < share < 1.0 or entries < 2:
        raise InputError(f"got share {share} of {entries} entries; expected 0 < share < 1 of two or more")
    out = np.zeros(entries, bool)
    out[rng.permutation(entries)[: min(max(1, round(share * entries)), entries - 1)]] = True
    return lines.parted(out, mean)
