"""Observed entries of a planted low-rank matrix, spread as ratings are: a few rows and columns have most of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import as_generator, as_positive
from lopside.errors import InputError

_DENSEST = 0.5
"""The largest share of positions that draws with rejection fill quickly."""

_BLOCK = 1 << 20
"""Entries drawn together."""


class PlantedEntries(NamedTuple):
    """Observed entries and what was planted in them.

    Attributes
    ----------
    rows, columns : ndarray of int32, shape (entries,)
        Positions, none twice, in random order.
    values : ndarray of float32, shape (entries,)
        mean + row_bias + column_bias + x·y + noise.
    X, Y : ndarray of float32, shapes (m, rank) and (n, rank)
        Of entries such that x·y has variance 1.
    mean : float
    row_bias, column_bias : ndarray of float32, shapes (m,) and (n,)
    noise : float
        The standard deviation of what nothing can predict: the least root-mean-square error on unseen entries.
    shape : (m, n)
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    X: NDArray[np.float32]
    Y: NDArray[np.float32]
    mean: float
    row_bias: NDArray[np.float32]
    column_bias: NDArray[np.float32]
    noise: float
    shape: tuple[int, int]


def planted_entries(
    m: int,
    n: int,
    rank: int,
    entries: int,
    *,
    exponent: float = 0.8,
    noise: float = 0.5,
    biases: float = 0.5,
    mean: float = 3.5,
    rng: int | np.random.Generator = 0,
) -> PlantedEntries:
    """Draw positions (i, j) with probability ∝ p_i q_j, each once, and a = mean + b_i + c_j + x_i·y_j + noise there.

    p and q are power laws in a random order of the rows and columns: the k-th most popular has the weight
    ∫ t^−exponent dt from k to k + 1. Where a position was drawn before, another is drawn in its stead, with half the
    exponent each time, so that the most popular rows fill up and the others take what is left.

    Parameters
    ----------
    m, n, rank : int
        Rows and columns up to 2³¹ − 1; rank ≥ 1, that of x·y, to which the biases add two.
    entries : int
        From 1 to half of m·n.
    exponent : float
        ≥ 0; 0 is uniform.
    noise, biases : float
        Standard deviations ≥ 0, of the noise and of each of b and c; that of x·y is 1.
    mean : float
    rng : int or numpy.random.Generator

    Returns
    -------
    PlantedEntries

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> found = planted_entries(30, 20, 2, 100, noise=0.0, biases=0.0, mean=0.0)
    >>> bool(abs(found.values - (found.X @ found.Y.T)[found.rows, found.columns]).max() < 1e-6)
    True
    """
    _require_sizes(m, n, rank, entries)
    exponent, noise = as_positive(exponent, "exponent", zero=True), as_positive(noise, "noise", zero=True)
    biases = as_positive(biases, "biases", zero=True)
    rng = as_generator(rng)
    X, Y = (rng.standard_normal((side, rank), np.float32) * np.float32(rank**-0.25) for side in (m, n))
    b, c = (rng.standard_normal(side, np.float32) * np.float32(biases) for side in (m, n))
    rows, columns = _positions(m, n, entries, exponent, rng)
    values = np.empty(entries, np.float32)
    for part in _parts(entries, max(1, _BLOCK // rank)):
        i, j = rows[part], columns[part]
        signal = np.einsum("kd,kd->k", X[i], Y[j]) + b[i] + c[j]
        values[part] = signal + np.float32(mean) + np.float32(noise) * rng.standard_normal(len(i), np.float32)
    return PlantedEntries(rows, columns, values, X, Y, mean, b, c, noise, (m, n))


def _require_sizes(m: int, n: int, rank: int, entries: int) -> None:
    if not (1 <= m < 2**31 and 1 <= n < 2**31):
        raise InputError(f"got the shape {m} × {n}; expected 1 to 2^31 − 1 rows and columns")
    if rank < 1:
        raise InputError(f"got rank {rank}; expected at least 1")
    if not 1 <= entries <= _DENSEST * m * n:
        raise InputError(f"got {entries} entries for {m} × {n}; expected 1 to {int(_DENSEST * m * n)}, half of all")


def _parts(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _positions(
    m: int, n: int, entries: int, exponent: float, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    orders = rng.permutation(m).astype(np.int32), rng.permutation(n).astype(np.int32)
    places = _drawn(entries, orders, exponent, rng)
    known = _without_doubles(places)
    added = places[:0]
    while missing := entries - len(known) - len(added):
        exponent /= 2.0
        drawn = _drawn(missing, orders, exponent, rng)
        fresh = _without_doubles(drawn)
        fresh = fresh[~(_among(fresh, known) | _among(fresh, added))]
        added = np.sort(np.concatenate([added, fresh]))
    places[len(known) :] = added
    rng.shuffle(places)
    rows, columns = np.empty(entries, np.int32), np.empty(entries, np.int32)
    for part in _parts(entries, _BLOCK):
        rows[part], columns[part] = np.divmod(places[part], n)
    return rows, columns


def _without_doubles(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort in place, and return the beginning, where each is once now."""
    places.sort()
    count = 0
    for part in _parts(len(places), _BLOCK):
        block = places[part]
        last = places[count - 1] if count else block[0] - 1
        kept = block[np.diff(block, prepend=last) > 0]
        places[count : count + len(kept)] = kept
        count += len(kept)
    return places[:count]


def _among(some: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(some), np.bool_)
    return known[np.minimum(np.searchsorted(known, some), len(known) - 1)] == some


def _drawn(
    count: int, orders: tuple[NDArray[np.int32], NDArray[np.int32]], exponent: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return positions as numbers i·n + j."""
    places = np.empty(count, np.int64)
    for part in _parts(count, _BLOCK):
        i, j = (order[_popular(rng.random(part.stop - part.start), len(order), exponent)] for order in orders)
        places[part] = i.astype(np.int64) * len(orders[1]) + j
    return places


def _popular(u: NDArray[np.float64], side: int, exponent: float) -> NDArray[np.int64]:
    """Return ranks from 0 with probability ∝ ∫ t^−exponent dt from rank + 1 to rank + 2, for u uniform in [0, 1)."""
    power = 1.0 - exponent
    largest = np.log(side + 1.0)
    # The inverse of the integral, in a form that has a limit where the exponent is 1.
    logs = np.log1p(u * np.expm1(power * largest)) / power if abs(power) > 1e-9 else u * largest
    return np.minimum(np.exp(logs).astype(np.int64), side) - 1
