"""The front door: a matrix and a rank, or an error to reach; everything else is chosen, reported and proved."""

from __future__ import annotations

import warnings
from os import PathLike
from typing import Any

import numpy as np

from lopside.arrays import as_generator, as_positive, as_rank
from lopside.errors import ConvergenceWarning, InputError
from lopside.fitting import Fitting
from lopside.goal import Goal, require_one
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
    checkpoint: str | PathLike[str] | None = None,
    every: float | None = None,
    device: Any = None,
) -> Solution:
    """Find the best A ≈ X Yᵀ of a rank, or of the least rank that reaches an error, and prove how good it is.

    Done when ‖A − XYᵀ‖_F ≤ (1 + tol)·‖A − A_d‖_F is proved, A_d the best of rank d, or ‖A − XYᵀ‖_F ≤ 100 ε ‖A‖_F with
    ε of the precision of A. X = U diag(s) and Y has orthonormal columns, with signs as in `Solution.svd`.

    Parameters
    ----------
    A : matrix, shape (m, n), or Full
        In any form that `Full` takes.
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
    checkpoint : path-like, optional
        A file that the search is kept in while it grows, as for `solve`: a call with the same arguments goes on from
        it, to the same bits. It holds the basis, which may take a quarter of what A does. What comes after the search
        is done again; a small matrix that is decomposed whole needs and writes none.
    every : float, optional
        Seconds from one write of it to the next at least; see `solve`.
    device : str or device of an array library, optional
        Where a dense matrix that is here is worked on, for example "cuda"; see `Full`.

    Returns
    -------
    Solution
        With `choices`, `bytes_read`, `peak_memory` and a `certificate` whose cost is in `certificate_seconds`. After
        Ctrl-C it is the best fit so far, with status INTERRUPTED.

    Raises
    ------
    InputError
        If not exactly one of rank and relative_error is given, for numbers out of range, and where memory_limit is
        too low, and for a checkpoint of another factorization.
    FileError
        For a checkpoint that cannot be written, is damaged with none before it, or is from a newer version.

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
    require_one(rank, relative_error)
    for name, given in (("center", center), ("device", device is not None)):
        if isinstance(A, Full) and given:
            raise InputError(f"got {name} with a Full problem; expected Full(A, {name}=...), or the matrix itself")
    from lopside.sizes import choose  # here: it takes its time to import

    problem = (A if isinstance(A, Full) else Full(A, center=center, device=device)).metered()
    d = None if rank is None else as_rank(rank, problem.shape)
    goal = Goal(d, tol, None if relative_error is None else float(relative_error))
    kept = None
    if checkpoint is not None:
        from lopside.checkpoint import Checkpoint, subject

        about = subject(problem, run="factorize", **goal._asdict(), rng=rng, memory_limit=memory_limit)
        kept = Checkpoint(checkpoint, every, about)
        kept.found()
    elif every is not None:
        raise InputError(f"got every = {every!r} without a checkpoint; expected both. Try checkpoint='fit.ckpt'")
    fitting = Fitting(problem, goal, choose(problem, d, memory_limit), as_generator(rng), kept)
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
