"""Several steps of gradient descent at once, where the matrix is so small that Python would take most of the time."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside import kernels
from lopside.arrays import Array
from lopside.problems.point import Point
from lopside.storage import Dense, Storage

_MOST_ENTRIES = 1 << 17
_MOST_COLUMNS = 64
"""Beyond, two threads gain more than the single call does."""


def can_stretch(storage: Storage, columns: int) -> bool:
    """Return whether `descended` takes steps with `columns` columns on the matrix held."""
    return (
        isinstance(storage, Dense)
        and storage.shape[0] * storage.shape[1] <= _MOST_ENTRIES
        and columns <= _MOST_COLUMNS
        and kernels.available()
    )


def descended(
    problem: Any,
    storage: Any,
    point: Point,
    step_size: float,
    *,
    alternating: bool,
    steps: int,
    low: float,
    high: float,
) -> tuple[Point, list[float], int]:
    """Return the point after up to `steps` plain steps of size η, the loss after each, and how often A was read.

    It ends after the first step whose loss is at most `low` and short of one whose loss is not at most `high`. The
    rows of the matrix held belong to X.
    """
    from lopside.kernels import dense, small

    n, d, kind = storage.shape[1], point.X.shape[1], point.X.dtype
    pitch = dense.pitch(n, kind.itemsize)
    PT = np.zeros((d, pitch), kind)
    PT[:, :n] = point.probe.T
    X, Y, PT = _pair(point.X), _pair(dense.pack(point.Y)), _pair(PT)
    Gx, Gy = (_pair(_padded(gram, dense.pitch(d, 8))) for gram in (point.gram_x, point.gram_y))
    losses = np.empty(steps)
    chunk = dense.chunk_rows(pitch, d, kind.itemsize)
    A, scale = storage.operands(kind)
    taken, at, residuals = small.descend(
        A, scale, X, Y, PT, Gx, Gy, float(step_size), alternating,
        problem.norm**2, problem.trust, low, high, chunk, losses,
    )  # fmt: skip
    if not taken:
        return point, [], 1 + residuals
    Y_now = Y[at, :, :d].copy()
    probe = np.ascontiguousarray(PT[at, :, :n].T)
    loss = float(losses[taken - 1])
    new = Point(problem, X[at].copy(), Y_now, probe, Gx[at, :, :d].copy(), Gy[at, :, :d].copy(), loss=loss)
    refused = taken < steps and loss > low
    return new, losses[:taken].tolist(), taken + residuals + refused


def _pair(state: Array) -> Array:
    # Zeros, because whatever memory held before may be slow to compute with, even where it counts for nothing.
    pair = np.zeros((2, *state.shape), state.dtype)
    pair[0] = state
    return pair


def _padded(gram: Array, pitch: int) -> Array:
    padded = np.zeros((len(gram), pitch))
    padded[:, : len(gram)] = gram
    return padded
