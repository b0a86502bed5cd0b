"""How well entries are predicted that a fit has not seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside import Completion, Run, Stop
from lopside.arrays import Array
from lopside.problems.observed import Withheld
from lopside.problems.prediction import predicted

_OF_BIASES = Stop(max_steps=200, no_progress=1e-9, every=5)
"""Biases alone are a convex problem that settles in some ten steps."""


class HeldOut(NamedTuple):
    """Errors on entries held out, weighted if these are.

    Attributes
    ----------
    rmse, mae : float
    baseline_rmse : float
        Of the mean and the biases alone, under the same ridge.
    entries : int
    """

    rmse: float
    mae: float
    baseline_rmse: float
    entries: int


def bounds_of(problem: Completion) -> tuple[float, float]:
    """Return the least and the largest known value."""
    values = problem.by_rows.values
    return float(values.min()) + problem.mean, float(values.max()) + problem.mean


def measured(problem: Completion, solution: Any, held: Withheld, *, clip: bool) -> HeldOut:
    """Return the errors of a fit on entries that its problem does not have.

    Parameters
    ----------
    problem : Completion
        Of the other entries.
    solution : Solution
    held : Withheld
    clip : bool
        Bring predictions into the range of the other entries.
    """
    bounds = bounds_of(problem) if clip else None
    missed = _missed(problem, solution, held, bounds)
    alone = _missed(problem, biases_alone(problem), held, bounds)
    return HeldOut(
        float(np.sqrt(np.average(missed**2, weights=held.weights))),
        float(np.average(np.abs(missed), weights=held.weights)),
        float(np.sqrt(np.average(alone**2, weights=held.weights))),
        len(held.values),
    )


def biases_alone(problem: Completion) -> tuple[Array, Array]:
    """Return factors of 0 beside which the biases, if there are any, are fitted."""
    m, n = problem.shape
    run = Run(problem, start=(np.zeros((m, 1)), np.zeros((n, 1))), stop=_OF_BIASES)
    for _ in run:
        pass
    return run.state.X, run.state.Y


def _missed(problem: Completion, fitted: Any, held: Withheld, bounds: tuple[float, float] | None) -> Array:
    values = predicted(problem.fitted(fitted), problem.mean, held.rows, held.columns, cold="mean")
    return (values if bounds is None else np.clip(values, *bounds)).astype(np.float64) - held.values
