"""What is predicted before a fit against what it then takes: memory, bytes, passes, seconds, each in a new process."""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from lopside import solvers
from lopside.arrays import Array
from lopside.bench.tables import Column, Table
from lopside.bench.worker import FAILURES, Worker
from lopside.factorize import factorize
from lopside.footprint import PROCESS, of_run
from lopside.planning import plan
from lopside.problems import Completion, Full
from lopside.solve import solve
from lopside.stopping import Stop

_STEPS = 5
_LIMIT = 300.0

CASES = (
    ("tall", 20, "factorize"),
    ("square", 20, "factorize"),
    ("wide", 20, "factorize"),
    ("file", 20, "factorize"),
    ("csr", 20, "factorize"),
    ("tall", 20, "center"),
    ("tall", 20, "relative_error"),
    ("tall", 30, "AlternatingGradientDescent"),
    ("wide", 20, "ScaledGradientDescent"),
    ("csr", 10, "AlternatingGradientDescent"),
    ("tall", 20, "Nesterov"),
    ("tall", 20, "BlockKrylov"),
    ("entries", 40, "AlternatingLeastSquares"),
)
"""Which matrix, which rank, and what is done: `factorize`, with what, or five steps of a solver."""


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield one table of all cases; `quick` takes the first five."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "131072"  # of the processes below
    rows = []
    for name, rank, how in CASES[: 5 if quick else None]:
        say(f"plan: {name}, rank {rank}, {how}")
        with Worker() as worker:
            try:
                found = worker(case, name, rank, how, limit=_LIMIT)
            except FAILURES as error:
                say(f"plan: {name}, {how}: {error}")
                continue
        rows.append({"matrix": name, "rank": rank, "how": how, **found})
    remarks = (
        "memory: of the fit beside A, in MB, predicted for the steps that it took; measured: growth of the peak of the "
        "resident memory. least, most: what is said before it is known how many steps there will be.",
        "passes and seconds: least, typical and most as said before, and measured. A solver takes "
        f"{_STEPS} steps, of which its plan knows nothing.",
        "The C library is told to give back at once what is freed (MALLOC_MMAP_THRESHOLD_=131072); by default it may "
        "keep pieces of up to 32 MB each, which is not predicted.",
    )
    columns = (
        Column("matrix", "matrix"), Column("rank", "rank", "d"), Column("how", "fit"),
        Column("predicted_mb", "memory MB", ".0f"), Column("measured_mb", "measured", ".0f"),
        Column("ratio", "ratio", ".2f"), Column("least_mb", "least", ".0f"), Column("most_mb", "most", ".0f"),
        Column("bytes_mb", "MB a pass", ".0f"), Column("passes", "passes said"),
        Column("passes_measured", "measured", "d"), Column("seconds", "s said"),
        Column("seconds_measured", "measured", ".2f"),
    )  # fmt: skip
    yield Table("plan", "Predicted before the work, and measured", columns, rows, remarks=remarks)


def known(key: str) -> int:
    """Return what the system says of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def grown(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return what work() returns, and the growth of the peak of the resident memory over what there was before."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = known("VmRSS")
    found = work()
    return found, known("VmHWM") - before


def matrix(m: int, n: int, kind: str, rank: int = 20, noise: float = 0.05, fall: float = 0.9) -> Array:
    """Return a planted matrix with noise."""
    rng = np.random.default_rng(0)
    U = (rng.standard_normal((m, rank)) * fall ** np.arange(rank)).astype(kind)
    A = U @ rng.standard_normal((rank, n)).astype(kind)
    for rows in range(0, m, 4096):
        A[rows : rows + 4096] += np.float32(noise) * rng.standard_normal(A[rows : rows + 4096].shape, np.float32)
    return A


def sparse(m: int, n: int) -> Any:
    """Return counts at places that a few rows and columns have most of."""
    rng = np.random.default_rng(0)
    places = [np.minimum((side * rng.random(2_000_000) ** 3).astype(np.int64), side - 1) for side in (m, n)]
    return sp.csr_array((np.ones(2_000_000), tuple(places)), shape=(m, n))


def completion(m: int, n: int, entries: int) -> Completion:
    """Return entries of a matrix of rank 3."""
    rng = np.random.default_rng(0)
    places = np.unique(rng.integers(0, m * n, entries))
    rows, cols = places // n, places % n
    X, Y = rng.standard_normal((m, 3)), rng.standard_normal((n, 3))
    return Completion(rows, cols, np.einsum("ij,ij->i", X[rows], Y[cols]), shape=(m, n), ridge=1.0)


def saved(A: Array) -> Path:
    """Return the path of an .npy."""
    path = Path(tempfile.mkdtemp(), "a.npy")
    np.save(path, A)
    return path


MATRICES: dict[str, Callable[[bool], Any]] = {
    "tall": lambda small: matrix(3000, 100, "float64") if small else matrix(200_000, 100, "float64"),
    "square": lambda small: matrix(600, 600, "float32") if small else matrix(6000, 6000, "float32", 200, 0.001, 0.99),
    "wide": lambda small: matrix(100, 3000, "float64") if small else matrix(200, 120_000, "float64"),
    "csr": lambda small: sparse(3000, 2000) if small else sparse(600_000, 6_000),
    "file": lambda small: saved(matrix(3000, 100, "float64") if small else matrix(150_000, 200, "float64")),
    "entries": lambda small: completion(1000, 500, 50_000) if small else completion(200_000, 40_000, 600_000),
}


def case(name: str, rank: int, how: str) -> dict[str, Any]:
    """Return the prediction and the measurement of one fit, in a process that has nothing else to do."""
    make, solver = MATRICES[name], getattr(solvers, how, None)

    def fit(problem: Any, d: int) -> Any:
        if solver is not None:
            return solve(problem, solver(), rank=d, stop=Stop(max_steps=_STEPS))
        return factorize(problem, relative_error=0.3) if how == "relative_error" else factorize(problem, d)

    def problem(*, small: bool) -> Any:
        A = make(small)
        return A if isinstance(A, Completion) else Full(A, center=how == "center")

    fit(problem(small=True), 5)
    large = problem(small=False)
    said = plan(large, rank, solver=None if solver is None else solver())
    began = time.perf_counter()
    solution, peak = grown(lambda: fit(large, rank))
    seconds = time.perf_counter() - began
    predicted = solution.peak_memory
    if solver is not None:
        predicted = sum(of_run(large, solver(), rank, steps=solution.steps).values()) + PROCESS
    return {
        "predicted_mb": predicted / 1e6,
        "measured_mb": peak / 1e6,
        "ratio": predicted / peak,
        "least_mb": said.memory.least / 1e6,
        "most_mb": said.memory.most / 1e6,
        "bytes_mb": said.bytes_per_pass / 1e6,
        "passes": _said(said.passes, ".0f"),
        "passes_measured": solution.passes,
        "seconds": _said(said.seconds, ".2g"),
        "seconds_measured": seconds,
    }


def _said(found: Any, form: str) -> str:
    if found is None:
        return "–"
    return " / ".join("–" if count is None else format(float(count), form) for count in found)
