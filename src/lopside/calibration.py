"""How long one read of A takes on this machine, from a read of some of it."""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

import numpy as np

from lopside.storage import Storage
from lopside.storage.mapped import Mapped
from lopside.storage.protocol import Widths, elsewhere
from lopside.storage.reading import Place

_PIECE_BYTES = 1 << 25
"""Bytes of A that are read for the time of a pass."""

_LEAST_ROWS = 64
_FEW = 16
_LOOKS = 64
"""Places of a file at which it is looked whether they are in memory."""

_ENOUGH = 0.3
"""Seconds for repetitions."""


class Timing(NamedTuple):
    """Seconds of one pass, of the first one where it has to come from a disk, and how that was found."""

    seconds: float
    first: float
    how: str


def pass_time(storage: Storage, widths: Widths, *, imagined: bool = False) -> Timing:
    """Measure a sweep over some rows, in well under a second where A is not slow by itself.

    Parameters
    ----------
    storage : Storage
    widths : Widths
        Of the sweep.
    imagined : bool
        Whether there is only a shape: ones are read then.
    """
    m, n = storage.shape
    per_row = max(1, storage.nbytes // m)
    rows = min(m, max(_LEAST_ROWS, _PIECE_BYTES // per_row))
    whole = rows == m or storage.nbytes == 0
    if imagined:
        from lopside.storage.dense import Dense

        piece: Any = Dense(np.ones((rows, n), storage.dtype))
    else:
        piece = storage if whole else storage.first_rows(rows)
    taken = _least_time(piece, widths)
    seconds = taken if whole else _scaled(piece, widths, taken, rows, m)
    how = "all of A was read" if whole else f"{100.0 * rows / m:.2g} % of A was read"
    inner = getattr(storage, "_inner", storage)
    if not isinstance(inner, Mapped):
        return Timing(seconds, seconds, f"ones of its type were read, {rows} rows" if imagined else how)
    share = share_in_memory(inner.place)
    if share is None or share > 0.95:
        return Timing(seconds, seconds, f"{how} with its pages in memory (warm)")
    rate = _cold_rate(inner.place)
    first = max(seconds, inner.nbytes / rate) if rate else seconds
    return Timing(seconds, first, f"{how}; {100.0 * share:.0f} % of the file is in memory, the rest is cold")


def _least_time(piece: Storage, widths: Widths) -> float:
    kind = np.dtype(f"f{widths.itemsize}")
    (m, n), rng = piece.shape, np.random.default_rng(0)
    Y = rng.standard_normal((n, widths.columns)).astype(kind)
    R, there = np.zeros((m, widths.depth), kind) if widths.depth else None, elsewhere(piece)
    if there and R is not None:
        R = there.to_rows(R, "R", kind)
    M = np.zeros((widths.depth + widths.columns, widths.kept), kind)
    M[widths.depth :][: widths.kept] = np.eye(widths.columns, widths.kept, dtype=kind)
    N = M[:, : widths.apart].copy() if widths.apart else None
    if piece.nbytes:
        few = piece if there else piece.first_rows(min(m, _FEW))
        few.sweep(None if R is None else R if there else R[: few.shape[0]], Y, M, N)  # compiles
    best, began = np.inf, time.perf_counter()
    for _ in range(5):
        last = time.perf_counter()
        piece.sweep(R, Y, M, N)
        best = min(best, time.perf_counter() - last)
        if time.perf_counter() - began > _ENOUGH:
            break
    return best


def _scaled(piece: Storage, widths: Widths, taken: float, rows: int, m: int) -> float:
    """Return the time of all rows: what Y and AᵀX cost does not grow with them."""
    half = rows // 2
    if half < _LEAST_ROWS // 2:
        return taken * m / rows
    slope = (taken - _least_time(piece.first_rows(half), widths)) / (rows - half)
    return taken + max(slope, 0.5 * taken / rows) * (m - rows)


def share_in_memory(place: Place) -> float | None:
    """Return about the share of a file's pages that are in memory, None where the system does not say."""
    if not (hasattr(os, "preadv") and hasattr(os, "RWF_NOWAIT")):  # only Linux has it
        return None
    found = 0
    with open(place.path, "rb", buffering=0) as file:
        for at in _offsets(place):
            try:
                found += os.preadv(file.fileno(), [bytearray(1)], at, os.RWF_NOWAIT) == 1
            except BlockingIOError:
                continue
            except OSError:  # a file system without it
                return None
    return found / _LOOKS


def _offsets(place: Place) -> list[int]:
    return [place.offset + place.nbytes * k // _LOOKS for k in range(_LOOKS)]


def _cold_rate(place: Place) -> float | None:
    """Return bytes a second of a read of pages that are not in memory; they are afterwards."""
    buffer, began, done = bytearray(1 << 22), time.perf_counter(), 0
    with open(place.path, "rb", buffering=0) as file:
        for at in _offsets(place):
            try:
                os.preadv(file.fileno(), [bytearray(1)], at, os.RWF_NOWAIT)
                continue
            except OSError:
                file.seek(at)
                last = time.perf_counter()
                done += file.readinto(buffer) or 0
                if last - began > _ENOUGH:
                    break
    spent = time.perf_counter() - began
    return done / spent if done else None
