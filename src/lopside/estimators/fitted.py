"""`factorize` as estimators call it: heard by callbacks, warning in a way that filters for scikit-learn know too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning as SklearnConvergenceWarning
from sklearn.utils import check_random_state

from lopside import errors
from lopside.arrays import Array, as_generator
from lopside.fitting import Fitting
from lopside.goal import Goal
from lopside.problems import Full
from lopside.sizes import choose
from lopside.solution import Solution
from lopside.stopping import Status
from lopside.storage.shifted import Shifted, ones
from lopside.threads import one_blas_thread


class ConvergenceWarning(errors.ConvergenceWarning, SklearnConvergenceWarning):
    """A tolerance was asked for and the fit ended before reaching it: lopside's warning and scikit-learn's in one."""


def factorized(
    problem: Full,
    goal: Goal,
    *,
    rng: np.random.Generator,
    memory_limit: float | None,
    stop: Callable[[], bool],
) -> Solution:
    """Return what `factorize` finds for a goal that is known to be sound.

    Parameters
    ----------
    problem : Full
    goal : Goal
    rng : numpy.random.Generator
    memory_limit : float, optional
        Bytes for everything but A.
    stop : callable
        Called each time the search is looked at; true ends it with the best fit so far.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C: what runs many fits must end, not only one of them.

    Warns
    -----
    ConvergenceWarning
        When what was asked for is not proved.
    """
    handle = problem.metered()
    fitting = _Heard(handle, goal, choose(handle, goal.rank, memory_limit), rng)
    fitting.stop = stop
    with one_blas_thread:
        solution = fitting.done()
    if solution.status is Status.INTERRUPTED and not fitting.stopped:
        raise KeyboardInterrupt
    # Where A lost digits when its means were subtracted, a whole fit is at the rounding of what is left.
    exact = goal.relative_error is None and solution.relative_error <= 100.0 * handle.epsilon
    if not solution.converged and not exact:
        why = "a callback stopped the fit" if fitting.stopped else solution.status.value
        message = f"{why}: {solution.certificate.verdict()}. Asked for was {goal}. Try a larger tol or memory_limit"
        warnings.warn(message, ConvergenceWarning, stacklevel=2)
    return solution


class _Heard(Fitting):
    """A fitting that can be stopped from outside, in the way Ctrl-C does."""

    stop: Callable[[], bool]
    stopped = False

    def _record(self, search: Any) -> None:
        super()._record(search)
        self.stopped = self.stop()
        if self.stopped:
            raise KeyboardInterrupt


def generator(random_state: Any) -> np.random.Generator:
    """Return lopside's generator for a `random_state` of scikit-learn.

    Parameters
    ----------
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        A RandomState is drawn a seed from; None is the global one of NumPy.
    """
    if random_state is None or isinstance(random_state, np.random.RandomState):
        random_state = check_random_state(random_state).randint(2**31 - 1)
    return as_generator(random_state)


_CANCELS = 1e-6
"""Share of ‖A‖² below which what is left after subtracting the means is measured, not subtracted."""


def centered(plain: Full, mean: Array, X: Any) -> Full:
    """Return the problem of X less its column means, which are known."""
    # What is held row after row has been looked at, and its means are known.
    if plain.transposed:
        return Full(X, center=True)
    return Full(Shifted(plain.storage, ones(plain.storage), mean))


def scatter_of(plain: Full, mean: Array) -> float:
    """Return Σ ‖x − mean‖² over the rows."""
    m, whole = plain.shape[0], plain.norm**2
    left = whole - m * float(mean @ mean)
    return left if left > _CANCELS * whole else plain.residual_norm(ones(plain.storage), mean[:, None]) ** 2
