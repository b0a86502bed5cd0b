"""`solve` runs one `Run` to its end."""

from __future__ import annotations

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

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        For a rank, step size, start or generator that cannot be used.
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
    )
    return run.finish(throw=throw)
