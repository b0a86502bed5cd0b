"""Checkpoints: processes killed at random moments, and what keeping a run costs."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from lopside.bench.tables import Column, Table
from lopside.data import planted
from lopside.problems import Completion, Full, Sensing
from lopside.run import Run
from lopside.solution import Solution
from lopside.solve import solve
from lopside.solvers import AlternatingGradientDescent, AlternatingLeastSquares, BlockKrylov, Nesterov
from lopside.stopping import Stop

_LATEST = 0.5
"""Seconds after which a process is killed at the latest, once it has gone on."""

_MORE = 50
"""Steps that a run still takes after its last kill."""

_SECONDS = 70.0
"""How long a run is that is timed: more than twice the time between two writes."""

_ROUNDS = 2

_KILLS = (
    Column("case", "solver and problem"),
    Column("kills", "kills", "d"),
    Column("inside", "while writing", "d"),
    Column("steps", "steps kept", "d"),
    Column("bits", "same bits"),
    Column("kilobytes", "kB", ".0f"),
)
_COST = (
    Column("case", "solver and problem"),
    Column("without", "steps/s without", ".2f"),
    Column("with", "steps/s with", ".2f"),
    Column("ratio", "without / with", ".3f"),
    Column("writes", "writes", ".1f"),
    Column("spent", "s writing", ".3f"),
    Column("share", "share of the run", ".2%"),
    Column("megabytes", "MB", ".1f"),
)


def _matrix(m: int, n: int, *, kind: str = "float64") -> np.ndarray:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((m, n), dtype=np.float32).astype(kind)
    A += 10.0 * rng.standard_normal((m, 20)).astype(kind) @ rng.standard_normal((20, n)).astype(kind)
    return A


def _entries() -> Completion:
    rng, A = np.random.default_rng(1), _matrix(943, 600)
    i, j = np.nonzero(rng.random(A.shape) < 0.1)
    return Completion(i, j, A[i, j], ridge=1.0, bias="both")


def _sensing() -> Sensing:
    rng, A = np.random.default_rng(2), planted((30, 20), [2.0, 1.0], rng=3).A
    M = rng.standard_normal((400, 30, 20))
    return Sensing(np.tensordot(M, A), M)


CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "AGD in stretches, 100 × 100": (lambda: Full(_matrix(100, 100)), AlternatingGradientDescent("0.01/sigma1")),
    "Nesterov, 2000 × 300": (lambda: Full(_matrix(2000, 300)), Nesterov()),
    "ALS, 56580 entries": (_entries, AlternatingLeastSquares(damping=1.0)),
    "block Krylov, 600 × 3000": (lambda: Full(_matrix(600, 3000)), BlockKrylov(block=1, basis=40)),
    "ALS, 400 measurements": (_sensing, AlternatingLeastSquares(damping=1e-3)),
}
_RANK = 10


def _run(case: str, **options: Any) -> Run:
    make, solver = CASES[case]
    return Run(make(), solver, rank=_RANK, rng=5, **options)


def _until_killed(case: str, path: Path, pipe: Connection) -> None:
    run = _run(case, stop=Stop(max_steps=10**9), checkpoint=path, every=0)
    for count, state in enumerate(run.stretches()):
        if count == 1:  # what has to be loaded for a step is loaded
            pipe.send(state.step)


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield the kills, and the cost of a checkpoint.

    Parameters
    ----------
    quick : bool
        Ten kills, and no table of costs, which takes runs of more than a minute.
    say : callable
        Is told what is being measured.
    """
    yield kills_table(2 if quick else 10, say)
    if not quick:
        yield cost_table(say)


def kills_table(kills: int, say: Callable[[str], None]) -> Table:
    """Return what became of runs that were killed, so many times each."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_killed(case, Path(folder), kills, say) for case in CASES]
    return Table(
        "kills",
        f"Processes killed (SIGKILL) up to {_LATEST:g} s after they went on, writing after every step or stretch",
        _KILLS,
        rows,
        remarks=(
            "while writing: kills that left a part of a file behind. steps kept: where the last kill left the run.",
            f"same bits: X, Y, losses, passes and steps after {_MORE} steps more are those of a run never killed.",
        ),
    )


def cost_table(say: Callable[[str], None]) -> Table:
    """Return how much slower runs with a checkpoint are."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_cost(name, *case, Path(folder), say) for name, case in _timed().items()]
    return Table(
        "cost",
        f"A run of {_SECONDS:g} s with a checkpoint at the default interval, and without",
        _COST,
        rows,
        remarks=(
            "without / with: the median over the rounds, in which both take turns; it sees all that the machine does.",
            "share of the run: seconds spent on writes, the first and the last included, as the run itself measures.",
        ),
    )


def _killed(case: str, folder: Path, kills: int, say: Callable[[str], None]) -> dict[str, Any]:
    path, rng, inside = folder / f"{list(CASES).index(case)}.ckpt", np.random.default_rng(len(case)), 0
    for kill in range(kills):
        say(f"checkpoint: {case}, kill {kill + 1} of {kills}")
        pipe, its = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=_until_killed, args=(case, path, its), daemon=True)
        process.start()
        pipe.recv()
        time.sleep(rng.uniform(0.0, _LATEST))
        process.kill()
        process.join()
        inside += any(folder.glob(f".{path.name}.*.part"))
    reached = _run(case, stop=Stop(max_steps=0), checkpoint=path).state.step
    stop = Stop(max_steps=reached + _MORE)
    make, solver = CASES[case]
    asked: dict[str, Any] = {"rank": _RANK, "rng": 5, "stop": stop}
    resumed, whole = solve(make(), solver, **asked, checkpoint=path), solve(make(), solver, **asked)
    return {
        "case": case,
        "kills": kills,
        "inside": inside,
        "steps": reached,
        "bits": "yes" if _told(resumed) == _told(whole) else "NO",
        "kilobytes": path.stat().st_size / 1e3,
    }


def _told(solution: Solution) -> tuple[Any, ...]:
    trace = solution.trace
    return (solution.X.tobytes(), solution.Y.tobytes(), solution.steps, solution.passes, trace.loss, trace.passes)


def _timed() -> dict[str, tuple[Any, Any]]:
    large = Full(_matrix(10000, 5000))
    return {
        "AGD, 10000 × 5000 float64, 400 MB": (large, AlternatingGradientDescent("0.01/sigma1")),
        "ALS, 56580 entries": (_entries(), AlternatingLeastSquares(damping=1.0)),
        "AGD in stretches, 300 × 200": (Full(_matrix(300, 200)), AlternatingGradientDescent("1e-4/sigma1")),
    }


def _cost(name: str, problem: Any, solver: Any, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    path, runs = folder / "timed.ckpt", {"without": list[Run](), "with": list[Run]()}
    stop = Stop(max_steps=None, seconds=_SECONDS)
    for turn in range(_ROUNDS):
        for how, made in runs.items():
            say(f"checkpoint: {name}, {how}, {turn + 1} of {_ROUNDS}")
            for file in folder.glob("timed.ckpt*"):
                file.unlink()
            kept_at = path if how == "with" else None
            made.append(Run(problem, solver, rank=_RANK, rng=5, stop=stop, checkpoint=kept_at))
            for _ in made[-1].stretches():
                pass
    size = path.stat().st_size
    steps = {how: [run.state.step / run.trace.seconds[-1] for run in made] for how, made in runs.items()}
    kept = [run.checkpoint for run in runs["with"] if run.checkpoint is not None]
    spent = statistics.median(checkpoint.spent for checkpoint in kept)
    return {
        "case": name,
        "without": statistics.median(steps["without"]),
        "with": statistics.median(steps["with"]),
        "ratio": statistics.median(a / b for a, b in zip(steps["without"], steps["with"], strict=True)),
        "writes": statistics.median(checkpoint.writes for checkpoint in kept),
        "spent": spent,
        "share": spent / _SECONDS,
        "megabytes": size / 1e6,
    }
