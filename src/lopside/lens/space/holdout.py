"""Which rank predicts best: terms of papers are hidden, and looked for."""

from __future__ import annotations

import numpy as np

from lopside.lens.space.arrays import Floats, Sparse
from lopside.lens.space.factors import SEED, factors

HIDDEN = 0.1
"""Share of the entries that are hidden."""

_ENOUGH, _DRAWS = 2000, 20
"""Entries that are hidden in all, and draws at most."""

_LOOKED_FOR, _ABSENT = 5000, 20
"""Hidden entries of a draw that are looked for, and terms that each is compared with."""


_TIE = 1e-6
"""Share of the largest score by which two are the same: what rounds differently the next time decides nothing."""


def hit_rates(A: Sparse, rank: int, seed: int = SEED) -> Floats:
    """Return for each rank up to one how often a hidden term ranks above a term that the paper does not have.

    A tenth of the entries is taken out and the rest is factored, in several draws where there are few entries.

    Returns
    -------
    ndarray, shape (rank,)
        0.5 is chance; empty where there is too little to hide.
    """
    count = round(HIDDEN * A.nnz)
    if count < 10:
        return np.zeros(0)
    draws = min(_DRAWS, -(-_ENOUGH // count))
    return np.mean([_one(A, rank, count, np.random.default_rng((seed, draw))) for draw in range(draws)], axis=0)


def _one(A: Sparse, rank: int, count: int, rng: np.random.Generator) -> Floats:
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    codes = rows * A.shape[1] + A.indices
    hidden = rng.permutation(A.nnz)[:count]
    left = np.delete(np.arange(A.nnz), hidden)
    seen = csr_array((A.data[left], (rows[left], A.indices[left])), shape=A.shape)
    found = factors(seen, rank)
    hidden = hidden[:_LOOKED_FOR]
    at = rows[hidden]
    X = found.X[at]
    above, compared = np.zeros(rank), 0
    there = np.cumsum(X * found.Y[A.indices[hidden]], axis=1)
    tie = _TIE * float(np.abs(there).max(initial=0.0))
    for _ in range(_ABSENT):
        other = rng.integers(A.shape[1], size=len(hidden))
        wanted = at * A.shape[1] + other
        absent = codes[np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)] != wanted
        elsewhere = np.cumsum(X[absent] * found.Y[other[absent]], axis=1)
        ahead = there[absent] - elsewhere
        wins = np.sum(ahead > tie, axis=0) + 0.5 * np.sum(np.abs(ahead) <= tie, axis=0)
        above += np.pad(wins, (0, rank - len(wins)), mode="edge") if len(wins) else 0.0
        compared += int(absent.sum())
    return above / max(compared, 1)


def best_rank(rates: Floats) -> int:
    """Return the smallest rank, 2 at least, of the best rate; 2 where there are none."""
    return 2 if len(rates) < 2 else 2 + int(np.argmax(rates[1:]))
