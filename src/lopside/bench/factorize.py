"""`factorize` to a relative excess of 1e-6 over the best possible error, against other libraries at their fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import row_blocks
from lopside.bench import spectra
from lopside.bench.peers import Peer, absent, arpack, installed
from lopside.bench.rounds import Timing, interleave
from lopside.bench.tables import Column, Table
from lopside.factorize import factorize
from lopside.linalg import frobenius
from lopside.threads import thread_count

TOLERANCE = 1e-6
RANK = 20

_PATIENCE = 6.0
"""A peer that missed the tolerance and took this many times our seconds is not given a costlier setting."""

_LEAST_PATIENCE = 2.0
"""Seconds."""

_CLOSE = 3.0
"""Peers within this factor of the fastest are timed again in rounds; the others keep their one time."""

SHAPES = {"tall": (20000, 4000), "wide": (4000, 20000), "square": (9000, 9000)}
_QUICK_SHAPES = {"tall": (3000, 800), "wide": (800, 3000), "square": (1500, 1500)}
SPARSE = {"counts": 0, "topics": RANK}

_SUMMARY = (
    Column("matrix", "matrix"),
    Column("spectrum", "spectrum"),
    Column("seconds", "lopside s", ".3f"),
    Column("excess", "excess", ".1e"),
    Column("proved", "proved", ".1e"),
    Column("passes", "passes", "d"),
    Column("certificate", "certificate", ".0%"),
    Column("fastest", "fastest peer that reaches 1e-6"),
    Column("peer_seconds", "its s", ".3f"),
    Column("peer_excess", "excess", ".1e"),
    Column("ratio", "ratio", ".2f"),
    Column("reached", "peers that reach", "d"),
)
_DETAILS = (
    Column("matrix", "matrix"),
    Column("spectrum", "spectrum"),
    Column("peer", "peer"),
    Column("setting", "setting"),
    Column("chosen", "chosen as"),
    Column("seconds", "s", ".3f"),
    Column("rounds", "rounds", "d"),
    Column("excess", "excess", ".1e"),
    Column("ratio", "ratio", ".2f"),
)


@dataclass(frozen=True)
class Case:
    """A matrix, and the least error ‖A − A_k‖_F that rank k allows."""

    matrix: str
    spectrum: str
    A: Any
    least: float

    def excess(self, U: np.ndarray, s: np.ndarray, Vt: np.ndarray) -> float:
        """Return ‖U diag(s) Vᵗ − A‖_F/‖A − A_k‖_F − 1 from the residual, or from Gram matrices where A is sparse."""
        return residual(self.A, U * s, Vt) / self.least - 1.0


@dataclass(frozen=True)
class Attempt:
    """What one peer did with one setting."""

    peer: Peer
    setting: Any
    seconds: float
    excess: float

    @property
    def label(self) -> str:
        """Peer and setting in one text."""
        return f"{self.peer.name}, {self.peer.knob} {self.setting}"


def residual(A: Any, left: np.ndarray, right: np.ndarray) -> float:
    """Return ‖left·right − A‖_F in float64."""
    if hasattr(A, "nnz"):
        fitted = float(np.vdot(left.T @ left, right @ right.T))
        squared = frobenius(A.data[None]) ** 2 - 2.0 * float(np.vdot(A @ right.T, left)) + fitted
        return max(squared, 0.0) ** 0.5
    return frobenius(np.array([[frobenius(left[rows] @ right - A[rows]) for rows in row_blocks(A.shape, A.itemsize)]]))


def tables(*, quick: bool, say: Callable[[str], None], matrices: Sequence[str] = (*SHAPES, *SPARSE)) -> Iterator[Table]:
    """Yield the summary, one row for each matrix, and all that was measured.

    Parameters
    ----------
    quick : bool
        Small matrices and fewer rounds.
    say : callable
        Is told what is being measured.
    matrices : sequence of str
        Some of "tall", "wide", "square", "counts", "topics".
    """
    from threadpoolctl import threadpool_limits

    summary: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    with threadpool_limits(thread_count(), user_api="blas"):
        for case in cases(quick, matrices, say):
            # The usual settings take long where they go on to full precision: shown for one shape of dense matrices.
            usual = case.matrix.startswith(("tall", "CSR"))
            best, rows = compare(case, 3, say, usual=usual)
            summary.append(best)
            details += rows
    left_out = [f"not installed: {', '.join(absent())}"] if absent() else []
    names = [peer.name for peer in installed()]
    title = f"Rank {RANK} to an excess ‖A − XYᵀ‖/‖A − A_k‖ − 1 of {TOLERANCE:g}, certificate and input checks included"
    remarks = [
        "Each peer at its cheapest setting that reaches the tolerance, found by search; ratio: its time over ours.",
        "certificate: its share of our seconds, in which it is contained.",
        f"Randomized peers have {RANK} + 10 columns. excess: measured, against the prescribed spectrum; proved: by us.",
        *left_out,
    ]
    yield Table("factorize", title, _SUMMARY, summary, names, remarks)
    yield Table("peers", "All that was measured", _DETAILS, details, names, left_out)


def cases(quick: bool, matrices: Sequence[str], say: Callable[[str], None]) -> Iterator[Case]:
    """Yield one matrix after the other; only one is held at a time."""
    for kind, shape in (_QUICK_SHAPES if quick else SHAPES).items():
        names = spectra.NAMES[:2] if quick and kind != "tall" else spectra.NAMES
        for name in names if kind in matrices else ():
            size = f"{kind} {shape[0]} × {shape[1]}"
            say(f"factorize: making {size}, {name}")
            values = spectra.spectrum(name, shape, RANK)
            least = frobenius(values[None, RANK:])
            yield Case(size, name, spectra.prescribed(shape, values), least)
    for name, topics in SPARSE.items():
        if name in matrices:
            yield _sparse_case(name, topics, quick, say)


def _sparse_case(name: str, topics: int, quick: bool, say: Callable[[str], None]) -> Case:
    """Return a sparse matrix with σ₁ near 1; its least error is that of ARPACK at a tight tolerance."""
    shape, entries = ((20000, 6000), 10**6) if quick else ((100000, 30000), 10**7)
    say(f"factorize: making CSR {shape[0]} × {shape[1]}, {name}")
    S = spectra.counts(shape, entries, topics)
    U, s, Vt = arpack(S, RANK, 1e-6)
    S.data /= s.max()
    return Case(f"CSR {shape[0]} × {shape[1]}", name, S, residual(S, U * (s / s.max()), Vt))


def compare(
    case: Case, rounds: int, say: Callable[[str], None], *, usual: bool = True
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the summary row of a matrix and one row for each peer and setting shown.

    Parameters
    ----------
    case : Case
    rounds : int
    say : callable
    usual : bool
        Also show the settings that people leave peers at.
    """
    where = {"matrix": case.matrix, "spectrum": case.spectrum}

    def ours() -> Any:
        return factorize(case.A, RANK, tol=TOLERANCE)

    first = interleave({"lopside": ours}, 1)["lopside"].median
    say(f"factorize: {case.matrix}, {case.spectrum}: lopside takes {first:.3g} s")
    shown, reached = gather(case, max(_PATIENCE * first, _LEAST_PATIENCE), say, usual=usual)
    rivals = [found for found in reached if found.seconds <= _CLOSE * reached[0].seconds]
    tasks = {found.label: _again(found, found.peer.hold(case.A)) for found in rivals}
    timings = interleave({"lopside": ours, **tasks}, rounds, warm=False)
    mine = timings["lopside"]
    row = where | ours_row(case, mine) | {"reached": len(reached), "fastest": f"none within {_PATIENCE:g} × our time"}
    rows = []
    for found, chosen in shown:
        timing = timings.get(found.label)
        seconds = timing.median if timing else found.seconds
        ratio = timing.ratio(mine) if timing else seconds / mine.median
        told = {"peer": found.peer.name, "setting": f"{found.peer.knob} {found.setting}", "chosen": chosen}
        count = rounds if timing else 1
        rows.append(where | told | {"seconds": seconds, "rounds": count, "excess": found.excess, "ratio": ratio})
    if rivals:
        fastest = min(rivals, key=lambda found: timings[found.label].median)
        timing = timings[fastest.label]
        row |= {"fastest": fastest.label, "peer_seconds": timing.median, "peer_excess": fastest.excess}
        row |= {"ratio": timing.ratio(mine)}
    return row, rows


def ours_row(case: Case, timing: Timing) -> dict[str, Any]:
    """Return what our fit took and reached."""
    solution = timing.answer
    return {
        "seconds": timing.median,
        "excess": case.excess(solution.X, np.ones(RANK), solution.Y.T),
        "proved": solution.certificate.excess,
        "passes": solution.passes,
        "certificate": solution.certificate_seconds / solution.seconds,
    }


def gather(
    case: Case, limit: float, say: Callable[[str], None], *, usual: bool
) -> tuple[list[tuple[Attempt, str]], list[Attempt]]:
    """Return what each peer did, with the reason it is shown, and those that reached the tolerance, fastest first."""
    shown: list[tuple[Attempt, str]] = []
    reached: list[Attempt] = []
    for peer in installed():
        began = time.perf_counter()
        A = peer.hold(case.A)
        found, tried = search(peer, A, case, limit)
        if usual:
            shown += [(tried.get(setting) or attempt(peer, A, case, setting), "usual") for setting in peer.usual]
        shown.append((found, "least that reaches") if found else (last(tried), "gave up"))
        reached += [found] if found else []
        say(f"factorize: {case.matrix}, {case.spectrum}: {peer.name} looked at in {time.perf_counter() - began:.3g} s")
    return shown, sorted(reached, key=lambda found: found.seconds)


def _again(found: Attempt, A: Any) -> Callable[[], Any]:
    return lambda: found.peer.fit(A, RANK, found.setting)


def attempt(peer: Peer, A: Any, case: Case, setting: Any) -> Attempt:
    """Run a peer once; one that raises has infinite excess."""
    began = time.perf_counter()
    try:
        answer = peer.fit(A, RANK, setting)
    except Exception:  # ARPACK and PROPACK raise kinds of their own where they do not converge
        return Attempt(peer, setting, time.perf_counter() - began, float("inf"))
    seconds = time.perf_counter() - began
    return Attempt(peer, setting, seconds, case.excess(*answer))


def last(tried: dict[Any, Attempt]) -> Attempt:
    """Return the attempt with the least excess."""
    return min(tried.values(), key=lambda found: found.excess)


def search(peer: Peer, A: Any, case: Case, limit: float) -> tuple[Attempt | None, dict[Any, Attempt]]:
    """Return the cheapest setting that reaches the tolerance, or None, and all that was tried.

    Strides over the settings double until one reaches it or takes longer than `limit` seconds; then bisection.
    """
    tried: dict[Any, Attempt] = {}

    def look(index: int) -> Attempt:
        setting = peer.settings[index]
        tried[setting] = attempt(peer, A, case, setting)
        return tried[setting]

    low, high, stride = -1, 0, 1
    while not (found := look(high)).excess <= TOLERANCE:
        if found.seconds > limit or high == len(peer.settings) - 1:
            return None, tried
        low, high, stride = high, min(high + stride, len(peer.settings) - 1), 2 * stride
    while high - low > 1:
        middle = (low + high) // 2
        if look(middle).excess <= TOLERANCE:
            high, found = middle, tried[peer.settings[middle]]
        else:
            low = middle
    return found, tried
