"""Will it fit, and how long will it take: what a fit needs of this machine, before the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import as_rank
from lopside.calibration import Timing, pass_time
from lopside.defaults import ABILITIES, default_solver, require
from lopside.errors import AbilityError, InputError
from lopside.footprint import PROCESS, Parts, of_run, require_memory
from lopside.goal import require_one
from lopside.planned import Plan, Range
from lopside.problems import Completion, Full, Sensing
from lopside.sizes import Sizes, choose, total
from lopside.solvers import BlockKrylov, Nesterov
from lopside.stopping import Stop
from lopside.storage.outline import is_shape, outline
from lopside.storage.protocol import Widths

_SEARCH_STEPS = 2000
_SETUP = 10
"""Passes for σ₁, the start, its first product and the residual in the end, typically."""

_LONGEST_SETUP = 34
_ALGEBRA = 1e10
"""Operations a second of what is done between passes: thin products and small eigenvalue problems."""


def plan(
    A: Any,
    rank: int | None = None,
    *,
    relative_error: float | None = None,
    solver: Any = None,
    memory_limit: float | None = None,
    threads: int | None = None,
    center: bool = False,
    dtype: Any = np.float64,
    calibrate: bool = True,
) -> Plan:
    """Predict the peak memory, the bytes read, the passes and the time of a fit, before the work.

    Parameters
    ----------
    A : what `Full` takes, a Full or Completion problem, or a shape (m, n)
        Of a file and an array no number is read but for the calibration.
    rank : int, optional
        d, 1 ≤ d ≤ min(m, n).
    relative_error : float, optional
        Instead of a rank, as for `factorize`.
    solver : Solver, optional
        That of a `solve`; default: `factorize`, for `Completion` the solver that `solve` takes.
    memory_limit : float, optional
        Bytes for everything but A.
    threads : int, optional
        As for `Full`.
    center : bool
        Subtract the column means.
    dtype : float32 or float64
        Of a matrix that is only a shape.
    calibrate : bool
        Measure the time of a pass on some of A, in less than a second where A is not slow by itself.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        For arguments that `factorize` or `solve` would refuse, and where memory_limit is too low: with what is needed.
    AbilityError
        For what no prediction is made of: `Sensing`, and `GNMR`.

    Examples
    --------
    >>> import lopside as lo
    >>> plan = lo.plan((10**6, 10**4), rank=20, calibrate=False)  # before there is a matrix
    >>> plan.matrix_bytes, plan.memory.typical < 1e9
    (80000000000, True)
    """
    if isinstance(A, Sensing):
        raise AbilityError("got Sensing, whose memory is not predicted; expected a matrix, Full(A) or Completion(...)")
    require_one(rank, relative_error)
    if solver is not None:
        require(solver, "solver", ABILITIES, "lo.solvers.AlternatingLeastSquares()")
    if not isinstance(center, bool | np.bool_):
        raise InputError(f"got center = {center!r}; expected True or False")
    if isinstance(A, Full | Completion) and center:
        raise InputError(f"got center=True with a {type(A).__name__} problem; expected the matrix itself")
    problem = A if isinstance(A, Full | Completion) else outline(A, dtype=dtype, center=center, threads=threads)
    d = None if rank is None else as_rank(rank, problem.shape)
    if isinstance(problem, Completion):
        return _of_steps(problem, default_solver(problem) if solver is None else solver, d, memory_limit, None)
    storage = problem.storage
    timing = None
    if solver is None:
        sizes = choose(problem, d, memory_limit)
        if calibrate and sizes.search is not None:
            timing = pass_time(storage, Widths(0, sizes.width, sizes.width), imagined=is_shape(A))
        return _of_search(problem, sizes, d, timing)
    if d is None:
        raise InputError("got relative_error with a solver, which takes a rank; try rank=10")
    if calibrate:
        size = storage.dtype.itemsize
        apart = d if isinstance(solver, Nesterov) else 0
        widths = Widths(0, 16, 16) if isinstance(solver, BlockKrylov) else Widths(d, d, d, apart, size)
        timing = pass_time(storage, widths, imagined=is_shape(A))
    return _of_steps(problem, solver, d, memory_limit, timing)


def _of_search(problem: Any, sizes: Sizes, d: int | None, timing: Timing | None) -> Plan:
    search = sizes.search
    if search is None:
        passes, steps = Range(3, 3, 5), (1, 1, 1)
        memory = Range(sizes.memory, sizes.memory, sizes.memory)
    else:
        steps = _steps(sizes, d or 1)
        passes = Range(steps[0] + 1, steps[1] + 2, 2 * steps[2] + 5)
        if search.width == problem.side:
            passes = Range(1, 1, 30)  # one read, but for a fit that has to be polished
        least, typical = (total(sizes.parts(count, blind=False)) for count in steps[:2])
        # What is kept of B times the basis can be too much to be kept if there is more of it.
        memory = Range(min(least, typical), typical, max(least, typical, sizes.memory))
    work = [_algebra(sizes, count) for count in steps]
    seconds = Range(*work) if search is None else None
    if timing is not None:
        each = zip(passes, work, strict=True)
        seconds = Range(*(timing.first + timing.seconds * ((count or 1) - 1) + more for count, more in each))
    method = {"lapack": "LAPACK's SVD", "zero": "A = 0"}.get(sizes.method, "block Krylov, with a certificate")
    parts = sizes.parts(steps[1], blind=False)
    return _made(problem, d, method, memory, parts, passes, timing, seconds, sizes.choices)


def _steps(sizes: Sizes, d: int) -> tuple[int, int, int]:
    """Return the least, the typical and the largest number of steps: the space holds d, twice d and more, or all."""
    search: Any = sizes.search
    side = search.storage.shape[1]
    full = 1 + max(0, -(-(side - search.start) // search.width))

    def until(columns: int) -> int:
        return min(full, 1 + max(0, -(-(columns - search.start) // search.width)))

    most = full if search.capacity >= side else _SEARCH_STEPS
    return until(d), until(2 * d + 4 * search.width), min(most, sizes.last_step or most)


def _algebra(sizes: Sizes, steps: int) -> float:
    """Return about the seconds between passes: orthogonalization twice, eigenvalues, and the factors in the end."""
    rows, side = sizes.shape
    if sizes.search is None:
        return 20.0 * rows * side * min(rows, side) / _ALGEBRA
    search = sizes.search
    basis = min(search.start + steps * search.width, search.capacity)
    each = 8.0 * side * search.width * basis / 2 + 10.0 * (basis / 2) ** 3
    return (steps * each + 6.0 * rows * search.rank * (search.rank + basis)) / _ALGEBRA


def _of_steps(problem: Any, solver: Any, d: int | None, memory_limit: float | None, timing: Timing | None) -> Plan:
    if d is None:
        raise InputError("got relative_error with a solver, which takes a rank; try rank=10")
    if memory_limit is not None:
        require_memory(problem, solver, d, memory_limit)
    parts = of_run(problem, solver, d)
    most = sum(parts.values()) + PROCESS
    least = sum(of_run(problem, solver, d, steps=1).values()) + PROCESS
    each = 2 if isinstance(problem, Completion) else getattr(problem.storage, "reads_per_sweep", 1)
    budget = Stop().max_steps or 0
    passes = Range(_SETUP + each, None, _LONGEST_SETUP + each * budget)
    seconds = None
    if timing is not None:
        seconds = Range(timing.first + (passes.least - 1) * timing.seconds, None, passes.most * timing.seconds)
    choices = (
        f"a pass is a read of A: {each} a step, and about {_SETUP} for σ₁, start and end; {budget} steps at most",
    )
    return _made(problem, d, repr(solver), Range(least, None, most), parts, passes, timing, seconds, choices)


def _made(
    problem: Any,
    d: int | None,
    method: str,
    memory: Range,
    parts: Parts,
    passes: Range,
    timing: Timing | None,
    seconds: Range | None,
    choices: tuple[str, ...],
) -> Plan:
    known = isinstance(problem, Completion)
    held, kind = (problem.by_rows, problem.dtype) if known else (problem.storage, problem.storage.dtype)
    layout = f"{problem.entries} entries" if known else problem.storage.layout
    in_file = layout.endswith("in a file") or "in a file," in layout
    return Plan(
        shape=problem.shape,
        dtype=kind.name,
        rank=d,
        storage=layout,
        method=method,
        choices=choices,
        matrix_bytes=0 if in_file else held.nbytes,
        memory=memory,
        memory_parts=parts | {"process": PROCESS},
        bytes_per_pass=held.nbytes,
        passes=passes,
        seconds_per_pass=None if timing is None else timing.seconds,
        seconds=seconds,
        calibration="" if timing is None else timing.how,
    )
