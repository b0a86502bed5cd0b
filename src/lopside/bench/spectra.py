"""Matrices whose singular values are prescribed, and sparse ones as they come up in practice."""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = ("1/√i", "gap", "exponential", "noise", "clustered")


def spectrum(name: str, shape: tuple[int, int], k: int) -> np.ndarray:
    """Return min(m, n) falling singular values with σ₁ = 1.

    Parameters
    ----------
    name : str
        "1/√i"; "gap": 1/√i up to k, then half of σ_k and on as 1/√i; "exponential": ten to a decade; "noise": k equal
        ones and, 1 % of their norm together, those of white noise; "clustered": ten ones, thirty halves across k, then
        0.1/√i.
    shape : (m, n)
    k : int
        The rank that will be asked for, < min(m, n).
    """
    i = np.arange(1.0, min(shape) + 1.0)
    if name == "1/√i":
        return i**-0.5
    if name == "gap":
        tail = 0.5 * k**-0.5 * (i[k:] - k) ** -0.5
        return np.concatenate([i[:k] ** -0.5, tail])
    if name == "exponential":
        return 10.0 ** ((1.0 - i) / 10.0)
    if name == "noise":
        noise = _white((shape[0] - k, shape[1] - k))
        return np.concatenate([np.ones(k), noise * (0.01 * k**0.5 / np.linalg.norm(noise))])
    if name == "clustered":
        return np.concatenate([np.ones(10), np.full(30, 0.5), 0.1 * i[: len(i) - 40] ** -0.5])[: len(i)]
    raise ValueError(f"got the spectrum {name!r}; expected one of {', '.join(NAMES)}")


def _white(shape: tuple[int, int]) -> np.ndarray:
    """Return the expected singular values of a Gaussian matrix, by the quantiles of Marchenko and Pastur's law."""
    count, beta = min(shape), min(shape) / max(shape)
    low, high = 1.0 - beta**0.5, 1.0 + beta**0.5
    s = np.linspace(low, high, 20001)[1:-1]
    mass = np.cumsum(np.sqrt((s**2 - low**2) * (high**2 - s**2)) / s)
    return np.interp((np.arange(count, 0, -1.0) - 0.5) / count, mass / mass[-1], s)


def prescribed(shape: tuple[int, int], values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return a dense float64 matrix with these singular values, to rounding, in O(mn log mn) work.

    A = D₁ Cᵀ P diag(σ) Q C D₂ with cosine transforms C, random signs D and random places P, Q.

    Parameters
    ----------
    shape : (m, n)
    values : ndarray, shape (min(m, n),)
    seed : int
    """
    from scipy.fft import dct

    rng = np.random.default_rng(seed)
    count = min(shape)
    rows, columns = (rng.permutation(size)[:count] for size in shape)
    A = np.zeros(shape)
    A[rows, columns] = values
    for axis in (0, 1):
        A = dct(A, axis=axis, norm="ortho", overwrite_x=True, workers=-1)
        A *= np.expand_dims(rng.choice([-1.0, 1.0], shape[axis]), 1 - axis)
    return np.ascontiguousarray(A)


def counts(shape: tuple[int, int], entries: int, topics: int, seed: int = 0) -> Any:
    """Return a CSR matrix like one of word counts: columns by a power law, logarithms of Poisson counts.

    Parameters
    ----------
    shape : (m, n)
    entries : int
        How many are stored.
    topics : int
        Groups of rows with a stretch of columns of their own, which makes a gap after as many singular values; 0 for
        none.
    seed : int
    """
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    m, n = shape
    places = np.empty(0, dtype=np.int64)
    while (missing := entries - len(places)) > 0:  # places drawn twice count once
        drawn = missing + missing // 8
        rows = rng.integers(m, size=drawn)
        columns = (n * rng.random(drawn) ** 2).astype(np.int64)  # density falls as 1/√column
        if topics:
            width = n // topics
            own = (rows % topics) * width + rng.integers(width, size=drawn)
            columns = np.where(rng.random(drawn) < 0.8, own, columns)
        places = np.unique(np.concatenate([places, rows * n + columns]))
    places = np.delete(places, rng.choice(len(places), len(places) - entries, replace=False))
    starts = np.searchsorted(places, n * np.arange(m + 1))
    values = np.log1p(1.0 + rng.poisson(1.0, entries))
    return csr_array((values, (places % n).astype(np.int32), starts.astype(np.int32)), shape=shape)
