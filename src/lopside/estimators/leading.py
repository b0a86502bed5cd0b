"""The largest few numbers of each row, in an order that does not depend on how they were found."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.threads import one_blas_thread, ordered_map, thread_count

_BLOCK = 1 << 20
"""Numbers looked at together: 8 MiB, for each thread."""


class Ranked(NamedTuple):
    """For each id asked about those that came out first, best first: a table of three columns.

    Attributes
    ----------
    asked, found : ndarray, shape (k,)
        Ids; each of the first is there as often as something was found for it.
    scores : ndarray, shape (k,)
    """

    asked: NDArray[Any]
    found: NDArray[Any]
    scores: Array


def leading(
    scores: Callable[[slice], Array], count: int, width: int, k: Any
) -> tuple[NDArray[Any], NDArray[Any], Array]:
    """Return rows, columns and scores of the k best in each row, best first and equal ones by column; −inf is left out.

    Parameters
    ----------
    scores : callable
        Returns some rows of them, of which there are `count`, of shape (·, width); they are never held all at once.
    count, width : int
    k : int
        ≥ 1; where there are fewer, all are returned.
    """
    most = min(_as_count(k), width)
    step = max(1, _BLOCK // max(width, 1))
    blocks = [slice(a, min(a + step, count)) for a in range(0, count, step)]

    def work(block: slice) -> tuple[NDArray[Any], NDArray[Any], Array]:
        rows, columns, best = _of_block(scores(block), most)
        return rows + block.start, columns, best

    with one_blas_thread:
        found = ordered_map(work, blocks, thread_count())
    if not found:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    rows, columns, best = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return rows, columns, best


def _of_block(scores: Array, k: int) -> tuple[NDArray[Any], NDArray[Any], Array]:
    rows, width = scores.shape
    least = np.partition(scores, width - k, axis=1)[:, width - k, None]
    chosen = scores >= least
    crowded = np.flatnonzero(chosen.sum(axis=1) > k)
    if len(crowded):  # several equal the last: the first columns of these
        last = scores[crowded] == least[crowded]
        spare = k - (scores[crowded] > least[crowded]).sum(axis=1, keepdims=True)
        chosen[crowded] &= ~last | (np.cumsum(last, axis=1) <= spare)
    columns = np.nonzero(chosen)[1].reshape(rows, k)
    best = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-best, axis=1, kind="stable")
    columns, best = np.take_along_axis(columns, order, axis=1).ravel(), np.take_along_axis(best, order, axis=1).ravel()
    there = best > -np.inf
    return np.repeat(np.arange(rows), k)[there], columns[there], best[there]


def _as_count(k: Any) -> int:
    try:
        count = -1 if isinstance(k, bool | np.bool_) else operator.index(k)
    except TypeError:
        count = -1
    if count < 1:
        raise InputError(f"got k = {k!r}; expected an integer ≥ 1")
    return count
