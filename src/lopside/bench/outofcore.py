"""One pass over a file, against plain sequential reads of the same file, and a whole fit; with the memory they take."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.bench.memory import AnonymousMemory
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.errors import FileError
from lopside.factorize import factorize
from lopside.problems import Full
from lopside.storage.mapped import BLOCK_BYTES

D = 16
COLUMNS = 10000
_SPARE = 1.0
"""Gigabytes that must stay free on the disk."""

_SIGNAL = 0.1
"""Size of the planted part, of rank D, over that of the noise, entry by entry."""

_PASS = (
    Column("type", "type"),
    Column("gigabytes", "GB", ".1f"),
    Column("state", "pages"),
    Column("read", "plain read s", ".2f"),
    Column("rate", "GB/s", ".2f"),
    Column("seconds", "pass s", ".2f"),
    Column("share", "of plain read", ".0%"),
    Column("memory", "memory MB", ".0f"),
    Column("allowed", "4 blocks + factors MB", ".0f"),
    Column("error", "error", ".1e"),
)
_FIT = (
    Column("type", "type"),
    Column("gigabytes", "GB", ".1f"),
    Column("seconds", "s", ".1f"),
    Column("passes", "passes", "d"),
    Column("reads", "s / plain read", ".1f"),
    Column("relative_error", "relative error", ".6f"),
    Column("excess", "proved excess ≤", ".1e"),
    Column("memory", "memory MB", ".0f"),
)
_PEERS = ("np.memmap, whole", "np.memmap, by blocks", "readinto, by blocks")


def tables(
    *,
    quick: bool,
    say: Callable[[str], None],
    gigabytes: float | None = None,
    folder: Path | None = None,
    types: Sequence[str] = ("float32", "float64"),
) -> Iterator[Table]:
    """Yield the passes and the fits on one file for each type; the file is removed in the end.

    Parameters
    ----------
    quick : bool
        One gigabyte unless said otherwise, and fewer rounds.
    say : callable
        Is told what is being measured.
    gigabytes : float, optional
        Size of each file; default 30, or as much as the disk has room for.
    folder : Path, optional
        Where the file is made; default: the system's folder for temporary files.
    types : sequence of str
        float32, float64.

    Raises
    ------
    FileError
        If the disk has no room for a file of the size asked for.
    """
    folder = Path(tempfile.gettempdir()) if folder is None else folder
    size = room(folder, gigabytes, 1.0 if quick else 30.0)
    passes: list[dict[str, Any]] = []
    fits: list[dict[str, Any]] = []
    _warm_up(folder)
    for kind in types:
        shape = (max(64, int(size * 1e9 / COLUMNS / np.dtype(kind).itemsize)), COLUMNS)
        say(f"outofcore: writing {size:g} GB, {shape[0]} × {shape[1]} {kind}, in {folder}")
        with planted_file(folder, shape, kind) as path:
            cold, found = (one_pass(path, state, 3, say) for state in ("cold", "as found"))
            passes += [cold, found]
            fits.append(fit(path, cold["read"], say))
    remarks = (
        f"pass: one read of A at d = {D}. Plain reads fill one buffer of {BLOCK_BYTES >> 20} MiB again and again, in "
        "the same rounds. cold: the file's pages are dropped from memory before each.",
        "memory: the most anonymous memory in use beyond what there was before; factors count twice, old and new.",
        "Peers make the same X⁺ and AᵀX⁺ by NumPy from a map or from plain reads; ratios are theirs over our time.",
    )
    columns = (*_PASS, *(Column(peer, peer, ".2f") for peer in _PEERS))
    yield Table("outofcore", f"One pass over a file, {COLUMNS} columns", columns, passes, _PEERS, remarks)
    yield Table("fit", f"factorize at rank {D} on the same files, cold", _FIT, fits)


def room(folder: Path, asked: float | None, usual: float) -> float:
    """Return how many gigabytes to write.

    Raises
    ------
    FileError
        If `asked` is more than there is room for, or nothing fits.
    """
    free = shutil.disk_usage(folder).free / 1e9 - _SPARE
    size = min(usual, free) if asked is None else asked
    if size > free or size < 0.01:
        raise FileError(
            f"got {size:.3g} GB to write in {folder}, where {max(free, 0.0):.3g} GB are free beside {_SPARE:g} GB of "
            "reserve; expected room for the whole file. Try --gigabytes with less, or --folder on another disk"
        )
    return size


@contextmanager
def planted_file(folder: Path, shape: tuple[int, int], kind: str) -> Iterator[Path]:
    """Write an .npy of rank-D signal and white noise, block by block; remove it in the end."""
    path = folder / f"lopside-bench-{secrets.token_hex(4)}.npy"
    rng = np.random.default_rng(0)
    V = rng.standard_normal((D, shape[1]), dtype=np.float32)
    rows = max(1, BLOCK_BYTES // (4 * shape[1]))
    try:
        with open(path, "wb") as file:
            header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, header)
            for first in range(0, shape[0], rows):
                count = min(rows, shape[0] - first)
                block = rng.standard_normal((count, shape[1]), dtype=np.float32)
                block += _SIGNAL * (rng.standard_normal((count, D), dtype=np.float32) @ V)
                file.write(block.astype(kind, copy=False).data)
            file.flush()
            os.fsync(file.fileno())  # pages not yet on the disk cannot be dropped
        yield path
    finally:
        path.unlink(missing_ok=True)


def _warm_up(folder: Path) -> None:
    """Compile and load what a fit needs, so that its memory is not counted."""
    for kind in ("float32", "float64"):
        with planted_file(folder, (400, 300), kind) as path:
            factorize(path, D // 2)
            _sweep(Full(path), *_factors(Full(path)))()


def _factors(problem: Full) -> tuple[Array, Array, Array]:
    rng, (m, n) = np.random.default_rng(1), problem.shape
    X, Y = (rng.standard_normal((size, D), dtype=np.float32).astype(problem.dtype) for size in (m, n))
    M = np.concatenate([0.5 * np.eye(D), 1e-3 * np.eye(D)]).astype(problem.dtype)
    return X, Y, M


def _sweep(problem: Full, X: Array, Y: Array, M: Array) -> Callable[[], tuple[Array, Array]]:
    def sweep() -> tuple[Array, Array]:
        swept = problem.storage.sweep(X, Y, M)
        return swept.rows, swept.probe

    return sweep


def one_pass(path: Path, state: str, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the row of one file and one state of its pages."""
    gigabytes = path.stat().st_size / 1e9
    say(f"outofcore: {gigabytes:.3g} GB, {state}: passes and plain reads")
    before = _dropping(path) if state == "cold" else None
    read = _reading(path)
    with AnonymousMemory() as memory:
        problem = Full(path)
        X, Y, M = _factors(problem)
        timings = interleave({"read": read, "pass": _sweep(problem, X, Y, M)}, rounds, warm=False, before=before)
    ours, plain = timings["pass"], timings["read"]
    say(f"outofcore: {gigabytes:.3g} GB, {state}: peers")
    peers = interleave(dict(zip(_PEERS, _peer_tasks(path, X, Y, M), strict=True)), 1, warm=False, before=before)
    new, probe = peers[_PEERS[2]].answer
    gaps = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(ours.answer, (new, probe), strict=True)]
    row = {
        "type": problem.dtype.name,
        "gigabytes": gigabytes,
        "state": state,
        "read": plain.median,
        "rate": gigabytes / plain.median,
        "seconds": ours.median,
        "share": plain.ratio(ours),
        "memory": memory.peak / 1e6,
        "allowed": (4 * BLOCK_BYTES + 2 * (X.nbytes + Y.nbytes)) / 1e6,
        "error": float(max(gaps)),
    }
    return row | {peer: timing.median / ours.median for peer, timing in peers.items()}


def fit(path: Path, read: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the row of a whole fit, begun with none of the file in memory."""
    say("outofcore: factorize")
    with AnonymousMemory() as memory:
        timing = interleave({"fit": lambda: factorize(path, D)}, 1, warm=False, before=_dropping(path))["fit"]
    solution = timing.answer
    return {
        "type": solution.X.dtype.name,
        "gigabytes": path.stat().st_size / 1e9,
        "seconds": timing.median,
        "passes": solution.passes,
        "reads": timing.median / read,
        "relative_error": solution.relative_error,
        "excess": solution.certificate.excess,
        "memory": memory.peak / 1e6,
    }


def _dropping(path: Path) -> Callable[[], None] | None:
    """Return a task that makes the system forget the pages of a file; None where it cannot be asked."""
    advise = getattr(os, "posix_fadvise", None)  # not on macOS or Windows
    if advise is None:
        return None

    def drop() -> None:
        with open(path, "rb") as file:
            advise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    return drop


def _reading(path: Path) -> Callable[[], int]:
    buffer = np.zeros(BLOCK_BYTES, np.uint8).data  # zeros: its pages are there before the clock runs

    def read() -> int:
        total = 0
        with open(path, "rb", buffering=0) as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            while count := file.readinto(buffer):
                total += count
        return total

    return read


def _peer_tasks(path: Path, X: Array, Y: Array, M: Array) -> tuple[Callable[[], Any], ...]:
    """Return the tasks of the peers, in the order of their names."""
    B, C = M[:D], M[D:]

    def whole() -> tuple[Array, Array]:
        A = np.load(path, mmap_mode="r")
        new = X @ B + (A @ Y) @ C
        return new, A.T @ new

    def visited(blocks: Iterator[tuple[slice, Array]]) -> tuple[Array, Array]:
        new, probe = np.empty_like(X), np.zeros_like(Y)
        for rows, block in blocks:
            new[rows] = X[rows] @ B + (block @ Y) @ C
            probe += block.T @ new[rows]
        return new, probe

    def mapped() -> Iterator[tuple[slice, Array]]:
        A = np.load(path, mmap_mode="r")
        step = BLOCK_BYTES // (A.shape[1] * A.itemsize)
        for first in range(0, len(A), step):
            yield slice(first, first + step), A[first : first + step]

    def filled() -> Iterator[tuple[slice, Array]]:
        A = np.load(path, mmap_mode="r")
        buffer = np.empty((BLOCK_BYTES // (A.shape[1] * A.itemsize), A.shape[1]), A.dtype)
        with open(path, "rb", buffering=0) as file:
            file.seek(path.stat().st_size - A.nbytes)
            first = 0
            while count := file.readinto(buffer.reshape(-1).view(np.uint8).data):
                rows = count // (A.shape[1] * A.itemsize)
                yield slice(first, first + rows), buffer[:rows]
                first += rows

    return whole, lambda: visited(mapped()), lambda: visited(filled())
