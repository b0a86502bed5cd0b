"""What the machine can do at most: reading memory, and multiplying matrices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lopside.threads import thread_count

_SIDE = 2048
"""A square product of this size is large enough for any BLAS to reach its peak."""


def reader(buffer: np.ndarray) -> Callable[[], Any]:
    """Return a task that reads `buffer` once, on all threads: each finds the largest entry of its share.

    Of NumPy's sum, dot product and maximum, the last came closest to the speed of the memory.

    Parameters
    ----------
    buffer : ndarray of floats, contiguous in either order
    """
    flat = buffer.ravel(order="K")
    if not np.shares_memory(flat, buffer):
        raise ValueError("expected a contiguous array")
    shares = np.array_split(flat, thread_count())

    def read() -> None:
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(np.max, shares))

    return read


def multiplier(dtype: Any) -> tuple[Callable[[], Any], float]:
    """Return a task that multiplies two square matrices on all threads of the BLAS, and its count of operations."""
    rng = np.random.default_rng(0)
    P, Q = (rng.standard_normal((_SIDE, _SIDE)).astype(dtype) for _ in range(2))
    out = np.empty_like(P)
    return lambda: np.matmul(P, Q, out=out), 2.0 * _SIDE**3
