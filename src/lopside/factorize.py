"""The front door: a matrix and a rank, or an error to reach; everything else is chosen, reported and proved."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lopside.arrays import as_generator, as_positive, as_rank
from lopside.errors import ConvergenceWarning, InputError
from lopside.fitting import Fitting, Goal
from lopside.plan import plan
from lopside.problems import Full
from lopside.solution import Solution
from lopside.stopping import Status
from lopside.threads import one_blas_thread


def factorize(
    A: Any,
    rank: int | None = None,
    *,
    tol: float = 1e-6,
    relative_error: float | None = None,
    center: bool = False,
    rng: int | np.random.Generator = 0,
    memory_limit: float | None = None,
) -> Solution:
    """Find the best A ≈ X Yᵀ of a rank, or of the least rank that reaches an error, and prove how good it is.

    Done when ‖A − XYᵀ‖_F ≤ (1 + tol)·‖A − A_d‖_F is proved, A_d the best of rank d, or ‖A − XYᵀ‖_F ≤ 100 ε ‖A‖_F with
    ε of the precision of A. X = U diag(s) and Y has orthonormal columns, with signs as in `Solution.svd`.

    Parameters
    ----------
    A : array_like, sparse matrix, path of an .npy, LinearOperator, Storage or Full, shape (m, n)
    rank : int, optional
        d, 1 ≤ d ≤ min(m, n).
    tol : float
        Excess over the least possible error, relative, > 0.
    relative_error : float, optional
        Instead of a rank, 0 < this < 1: the least d with ‖A − A_d‖_F ≤ relative_error·‖A‖_F, both that d reaches it and
        that d − 1 cannot proved.
    center : bool
        Subtract the column means, without forming A − 1μᵀ.
    rng : int or numpy.random.Generator
        Of the start and of the probes of the certificate.
    memory_limit : float, optional
        Bytes for everything but A. The basis is kept smaller if that is enough.

    Returns
    -------
    Solution
        With `choices`, `bytes_read`, `peak_memory` and a `certificate` whose cost is in `certificate_seconds`. After
        Ctrl-C it is the best fit so far, with status INTERRUPTED.

    Raises
    ------
    InputError
        If not exactly one of rank and relative_error is given, for numbers out of range, and where memory_limit is
        too low.

    Warns
    -----
    ConvergenceWarning
        When what was asked for is not proved; the status says why.

    Examples
    --------
    >>> import numpy as np, lopside as lo
    >>> A = np.outer([1.0, 2.0, 2.0], [3.0, 4.0]) + 0.01 * np.eye(3, 2)
    >>> solution = lo.factorize(A, rank=1)
    >>> solution.converged, solution.certificate.excess < 1e-6
    (True, True)
    >>> lo.factorize(A, relative_error=0.05).rank
    1
    """
    tol = as_positive(tol, "tol")
    if (rank is None) == (relative_error is None):
        raise InputError(
            f"got rank = {rank} and relative_error = {relative_error}; expected exactly one of them. Try rank=10"
        )
    if relative_error is not None and not as_positive(relative_error, "relative_error") < 1.0:
        raise InputError(f"got relative_error = {relative_error}; expected less than 1, which rank 0 reaches")
    if isinstance(A, Full) and center:
        raise InputError("got center=True with a Full problem; expected Full(A, center=True), or the matrix itself")
    problem = (A if isinstance(A, Full) else Full(A, center=center)).metered()
    d = None if rank is None else as_rank(rank, problem.shape)
    goal = Goal(d, tol, None if relative_error is None else float(relative_error))
    fitting = Fitting(problem, goal, plan(problem, d, memory_limit), as_generator(rng))
    with one_blas_thread:
        solution = fitting.done()
    if not solution.converged:
        warnings.warn(
            f"{solution.status.value}: {solution.certificate.verdict()}. Asked for was {goal}. "
            f"{_ADVICE.get(solution.status, 'Try a larger tol')}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return solution


_ADVICE = {
    Status.INTERRUPTED: "Try again with more time, or go on with lo.solve from these factors",
    Status.MAX_STEPS: "Try a larger memory_limit, which allows a larger basis, or a larger tol",
}
