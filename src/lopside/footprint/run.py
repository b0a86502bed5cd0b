"""What a run of a solver takes, and its refusal where that is too much."""

from __future__ import annotations

from typing import Any

from lopside.arrays import as_positive
from lopside.errors import AbilityError, InputError
from lopside.footprint.entries import Completing
from lopside.footprint.parts import PROCESS, Parts, largest, sides, summed
from lopside.footprint.search import Searching
from lopside.footprint.steps import Stepping
from lopside.problems import Completion, Sensing
from lopside.solvers import GNMR, AlternatingLeastSquares, BlockKrylov, Nesterov
from lopside.solvers.block_krylov import WIDTH, capacity
from lopside.solvers.scaled import Scaled


def of_run(problem: Any, solver: Any, rank: int, *, itemsize: int | None = None, steps: int | None = None) -> Parts:
    """Return what a run takes at most beside A.

    Parameters
    ----------
    problem : Full, Completion, or an outline of a matrix
    solver : Solver
    rank : int
    itemsize : int, optional
        Bytes of a number of the factors; default: those of A.
    steps : int, optional
        For `BlockKrylov`, whose basis grows; default: at the worst.

    Raises
    ------
    AbilityError
        For what no prediction is made of: `Sensing`, and `GNMR`.
    """
    if isinstance(problem, Sensing) or isinstance(solver, GNMR):
        name = type(problem if isinstance(problem, Sensing) else solver).__name__
        raise AbilityError(
            f"got {name}, whose memory is not predicted; expected Full(A) or Completion(...) with another solver. Try "
            "it without memory_limit"
        )
    momentum = isinstance(solver, Nesterov)
    if isinstance(problem, Completion):
        return Completing(problem, rank, isinstance(solver, AlternatingLeastSquares), momentum).most()
    storage = problem.storage
    follows = getattr(solver, "moves", getattr(solver, "order", None)) == "alternating" and not problem.transposed
    size = storage.dtype.itemsize if itemsize is None else itemsize
    stepping = Stepping(storage, rank, problem.transposed, size, follows, isinstance(solver, Scaled), momentum)
    if not isinstance(solver, BlockKrylov):
        return stepping.most()
    width = min(WIDTH if solver.block is None else solver.block, problem.side)
    search = Searching(
        storage, rank, min(problem.side, max(rank, width)), width, capacity(rank, width, solver.basis), 0
    )
    (rows, side), start = sides(storage), {"start": size * rank * sum(sides(storage))}
    ending = {"factors": 8 * rank * (3 * rows + 2 * side)}
    searched = summed(start, search.after(steps))
    return largest((stepping.begun(), searched, summed(start, {"basis": searched.get("basis", 0)}, ending)))


def require_memory(problem: Any, solver: Any, rank: int, memory_limit: float) -> None:
    """Refuse a run that takes more than allowed, with what it takes and what would fit.

    Raises
    ------
    InputError
    """
    allowed = as_positive(memory_limit, "memory_limit")

    def needs(d: int, itemsize: int | None = None) -> int:
        return sum(of_run(problem, solver, d, itemsize=itemsize).values()) + PROCESS

    needed = needs(rank)
    if needed <= allowed:
        return
    low, high = 0, rank
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needs(middle) <= allowed else (low, middle)
    ways = [f"memory_limit={1.01 * needed:.3g}", *([f"a rank of at most {low}, which fits"] if low else [])]
    if problem.dtype.itemsize == 8 and not isinstance(problem, Completion) and needs(rank, 4) <= allowed:
        ways.append("float32, which fits")
    m, n = problem.shape
    raise InputError(
        f"got memory_limit = {allowed:.4g} bytes; {type(solver).__name__} at rank {rank} on {m} × {n} needs "
        f"{needed:.4g} beside A. Try {', or '.join(ways) if len(ways) > 1 else f'{ways[0]}, or fewer rows or columns'}"
    )
