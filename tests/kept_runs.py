"""Runs that are kept in a file: the problems, what is compared, and a process that can be killed while it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lopside as lo


def matrix(m: int = 60, n: int = 40, *, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scales = np.r_[9.0, 5.0, 3.0, 2.0, np.full(5, 0.1)]
    return rng.standard_normal((m, 9)) * scales @ rng.standard_normal((9, n))


def full(**options: Any) -> lo.Full:
    return lo.Full(matrix(), **options)


def wide() -> lo.Full:
    return lo.Full(np.ascontiguousarray(matrix().T).astype(np.float32))


def column_major() -> lo.Full:
    return lo.Full(np.asfortranarray(matrix()))


def completion(ridge: float = 0.1, bias: Any = "both") -> lo.Completion:
    rng = np.random.default_rng(4)
    A = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 30))
    i, j = np.nonzero(rng.random(A.shape) < 0.5)
    return lo.Completion(i, j, A[i, j] + 0.01 * rng.standard_normal(len(i)), ridge=ridge, bias=bias)


def plain_completion() -> lo.Completion:
    return completion(0.0, "none")


def sensing() -> lo.Sensing:
    rng = np.random.default_rng(5)
    M, A = rng.standard_normal((200, 12, 10)), rng.standard_normal((12, 2)) @ rng.standard_normal((2, 10))
    return lo.Sensing(np.tensordot(M, A), M)


def by_functions() -> lo.Sensing:
    rng = np.random.default_rng(6)
    M, A = rng.standard_normal((200, 12, 10)), rng.standard_normal((12, 2)) @ rng.standard_normal((2, 10))
    forward = lambda Z: np.tensordot(M, Z)  # noqa: E731
    return lo.Sensing.from_operator(forward(A), forward, lambda v: np.tensordot(v, M, 1), shape=(12, 10))


PROBLEMS: dict[str, Callable[[], Any]] = {
    "full": full,
    "wide": wide,
    "column-major": column_major,
    "completion": completion,
    "sensing": sensing,
    "functions": by_functions,
}


def told(solution: lo.Solution) -> dict[str, Any]:
    """Return all of a solution but its clocks, as what can be compared bit by bit."""
    trace = solution.trace
    return {
        "X": (solution.X.dtype.str, solution.X.shape, solution.X.tobytes()),
        "Y": (solution.Y.dtype.str, solution.Y.shape, solution.Y.tobytes()),
        "start": None if solution.initial is None else [F.tobytes() for F in solution.initial],
        "status": solution.status,
        "steps": solution.steps,
        "passes": solution.passes,
        "loss": (solution.loss, solution.relative_error, solution.step_size),
        "trace": (trace.every, trace.step, trace.passes, trace.loss, trace.relative_error),
        "details": [[np.asarray(value).tobytes() for value in detail] for detail in trace.details],
    }


KILLED: dict[str, tuple[Callable[[], Any], Any]] = {
    "stretches": (full, lo.solvers.AlternatingGradientDescent(0.001)),
    "momentum": (column_major, lo.solvers.Nesterov()),
    "entries": (completion, lo.solvers.AlternatingLeastSquares(damping=0.5)),
}


def killed(name: str, **options: Any) -> lo.Solution:
    """Run one of the cases that are killed."""
    make, solver = KILLED[name]
    return lo.solve(make(), solver, rank=3, rng=5, **options)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve() -> None:
    """Fork a process for each line "case path" on standard input, and say its number: one start of Python for all."""
    for name in KILLED:
        killed(name, stop=lo.Stop(max_steps=2))  # so that no child has to load kernels
    for line in sys.stdin:
        name, path = line.split(maxsplit=1)
        if (child := os.fork()) == 0:
            killed(name, stop=lo.Stop(max_steps=10**9), checkpoint=Path(path.strip()), every=0)
            os._exit(0)
        _say(str(child))
        os.waitpid(child, 0)
        _say("gone")


if __name__ == "__main__":
    serve()
