"""Whether a state belongs to this matrix, and whether the run it was taken from is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lopside.checkpoint.checkpoint import Checkpoint
from lopside.linalg import frobenius
from lopside.problems import Full
from lopside.stopping import Status, Stop
from lopside.theory.growth import Growth


def require_matrix(checkpoint: Checkpoint, problem: Any, point: Any, loss: float) -> None:
    """Refuse a state whose products with A, or whose loss, are not those of this matrix: a permuted one has its norm.

    Raises
    ------
    InputError
        With what differs.
    """
    if (search := getattr(point, "search", None)) is not None:
        require_products(checkpoint, problem, search)
        return
    fresh, off = problem.metered().point(point.X, point.Y), _tolerance(problem)
    if hasattr(point, "probe"):
        missed = frobenius(fresh.probe - point.probe)
        if not missed <= off * problem.norm * frobenius(point.rows):
            checkpoint.refuse(f"the products of its factors with A are off by {missed:.3g} here")
    if not abs(fresh.loss - loss) <= off * (0.5 * problem.norm**2 + loss):
        checkpoint.refuse(f"its factors have the loss {loss:.6g} there and {fresh.loss:.6g} here")


def require_products(checkpoint: Checkpoint, problem: Full, search: Growth) -> None:
    """Refuse a search whose first product with B is not that of this matrix; one read of A.

    Raises
    ------
    InputError
        With what differs.
    """
    if search.witness is None:
        return
    F, rows = search.witness
    missed = frobenius(problem.metered().image(F / search.scale).rows - rows)
    if not missed <= _tolerance(problem) * search.norm * frobenius(F):
        checkpoint.refuse(f"the products of its vectors with A are off by {missed * search.scale:.3g} here")


def _tolerance(problem: Any) -> float:
    return math.sqrt(float(np.finfo(problem.dtype).eps))


def stop_texts(stop: Any) -> tuple[str, str]:
    """Return what a run stops by: everything, and without its budgets."""
    whole = repr(stop)
    return whole, repr(replace(stop, max_steps=0, seconds=None)) if type(stop) is Stop else whole


def ended(saved: Mapping[str, Any], stop: Any, state: Any, losses: Sequence[float], seconds: float) -> Status:
    """Return how a run stands where a checkpoint was written, under conditions that may be others than before.

    With the same it is over if it was; with another budget only that is looked at, because the run has looked at the
    rest there already.
    """
    whole, rest = stop_texts(stop)
    if saved["stop"][0] == whole:
        return saved["status"]
    if saved["stop"][1] != rest:
        return stop.check(state, losses, seconds) or Status.RUNNING
    if stop.max_steps is not None and state.step >= stop.max_steps:
        return Status.MAX_STEPS
    if stop.seconds is not None and seconds >= stop.seconds:
        return Status.SECONDS
    over = saved["status"]
    return Status.RUNNING if over in (Status.MAX_STEPS, Status.SECONDS) else over
