"""`solve` runs one `Run` to its end."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from lopside.run import Run
from lopside.solution import Solution
from lopside.stopping import Stop


def solve(
    problem: Any,
    solver: Any = None,
    *,
    rank: int | None = None,
    start: Any = None,
    stop: Stop | None = None,
    rng: int | np.random.Generator = 0,
    sigma1: float | None = None,
    throw: bool = True,
    trace_every: int = 100,
    watch: bool = False,
    memory_limit: float | None = None,
    checkpoint: str | PathLike[str] | None = None,
    every: float | None = None,
) -> Solution:
    """Find X (m × d) and Y (n × d) with A ≈ X Yᵀ, everything explicit.

    Parameters
    ----------
    problem : Problem
        `Full(A)`, `Completion(rows, cols, values)`, `Sensing(values, matrices)`.
    solver : Solver, optional
        Default: `AlternatingGradientDescent("0.9/sigma1")`; for `Completion`
        `AlternatingLeastSquares()`, for `Sensing`
        `ScaledGradientDescent(damping="loss")`.
    rank : int
        d, 1 ≤ d ≤ min(m, n). May be left out if `start` is a pair (X, Y).
    start : Start or (X, Y), optional
        Default for plain gradient steps: `Unbalanced(C=None)`, the start of [WK23, Assumption 2] with C = 4 or as
        much more as the draw needs; for every other method `ColumnSpan(1, right_scale=0, relative=True)`, that is
        X₀ = AΦ/√(dσ₁) and Y₀ = 0 [LZMH25], 50 times as large for `Nesterov` [XWZWT24]; `PowerSketch()` for
        `FrozenFactor` [PSM25]; for `Completion` and `Sensing` `Spectral()` whatever the method. It is drawn
        after the step size is resolved; where the method has no η in the unit of 1/σ₁(A), a start that needs one takes
        1/σ₁(A).
    stop : Stop, optional
        Default: `Stop(no_progress=1e-9)`, that is 5000 steps or the point where 50 of them no longer gain 1e-9.
    rng : int or numpy.random.Generator
        The same seed gives the same run, bit for bit, on any number of threads.
    sigma1 : float, optional
        σ₁(A) if it is known; otherwise estimated by a short power iteration.
    throw : bool
        With False, a run that diverges is returned (status DIVERGED, the last finite factors) instead of raised.
    trace_every : int
        The stride at which the trace holds gradient norms and singular values of the factors; see `Trace`.
    watch : bool
        Try the all-time theorem at that stride until it holds; the certificate then names the step from which on
        the run was certain to converge. Costs a search for the rank of A, and a read of A for each try.
    checkpoint : path-like, optional
        A file that the run is kept in. If it is there, the run goes on from it, to the same bits as a run that was
        never interrupted (but for the clock); the problem, the solver and all other arguments must be the same, except
        `stop`: a run that is over goes on under a larger budget. The file is written whole or not at all and with a
        digest; the one before it stays as `checkpoint`.previous and is taken, with a warning, where the last one is
        damaged. Also written at the start, at the end, and after Ctrl-C at the end of the step it falls into (a second
        one ends the step). Where it cannot be written later on, the run goes on with a warning. Solvers of the catalog
        only.
    every : float, optional
        Seconds from one write of it to the next at least, ≥ 0; it is written after a step, or a stretch of up to 500
        short ones. Default: 30, or 100 times what the last write took where that is more.

    memory_limit : float, optional
        Bytes for everything but A: a run that takes more is refused before it begins. See `lopside.plan`.

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        For a rank, step size, start or generator that cannot be used, and a checkpoint of another run.
    FileError
        For a checkpoint that cannot be written, is damaged with none before it, or is from a newer version.
    DivergedError
        When the iteration blows up; the error carries `solution`.

    Warns
    -----
    ConvergenceWarning
        When a tolerance was asked for and the run ended before reaching it.

    Examples
    --------
    >>> import numpy as np, lopside as lo
    >>> A = np.outer([1.0, 2.0, 2.0], [2.0, 1.0])
    >>> solution = lo.solve(lo.Full(A), rank=1, stop=lo.Stop(relative_error=1e-8))
    >>> solution.converged, bool(np.allclose(solution.matrix(), A))
    (True, True)
    """
    run = Run(
        problem,
        solver,
        rank=rank,
        start=start,
        stop=stop,
        rng=rng,
        sigma1=sigma1,
        trace_every=trace_every,
        watch=watch,
        memory_limit=memory_limit,
        checkpoint=checkpoint,
        every=every,
    )
    return run.finish(throw=throw)
