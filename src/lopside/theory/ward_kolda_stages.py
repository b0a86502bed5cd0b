"""Restarting the window theorem: what Ward and Kolda prove beyond the first window, and why it is not linear.

Every stage multiplies the loss by ``shrink`` (the epsilon of [WK23, Cor 5.3]) and halves the proved bound on
σ_r(X); so the k-th stage needs (4 shrink)^(1-k) times the steps of the first. The error shrink^k costs
about (4 shrink)^(-k) steps: sublinear. `all_time` replaces it by a linear rate.
"""

from __future__ import annotations

import math
import sys

from lopside.errors import InputError
from lopside.theory.arguments import require_positive
from lopside.theory.ward_kolda import Form
from lopside.theory.ward_kolda_window import length


def stage_step(beta: float, loss0: float, shrink: float, *, form: Form = "corrected") -> float:
    """Compute the step η = β / √(32 f₀ (log(1/shrink) + β/4)) of all stages.

    Parameters
    ----------
    beta : float
        β > 0.
    loss0 : float
        f₀ > 0.
    shrink : float
        Factor on the loss in a stage, in (0, 1/16).
    form : {"corrected", "printed"}
        Printed without β/4, which pays for the rounding down of T.

    Returns
    -------
    float
        η.

    Raises
    ------
    InputError
        If the shrink is not in (0, 1/16) or another number is not finite and positive.

    Notes
    -----
    [WK23, Cor 5.3, (9)].
    """
    require_positive(beta=beta, loss0=loss0)
    _require_shrink(shrink)
    margin = beta / 4 if form == "corrected" else 0.0
    return beta / math.sqrt(32 * (math.log(1 / shrink) + margin)) / math.sqrt(loss0)


def stage_lengths(beta: float, step_size: float, loss0: float, shrink: float, stages: int) -> tuple[int, ...]:
    """Count the steps floor((4 shrink)^(-l) β / (8 η² f₀)) of the stages l = 0, ..., stages - 1.

    After all of them the loss is at most shrink^stages f₀. Each stage is at least 4 times as long as the one
    before: this is not linear convergence.

    Parameters
    ----------
    beta : float
        β > 0.
    step_size : float
        η > 0, at most `stage_step`.
    loss0 : float
        f₀ > 0.
    shrink : float
        Factor on the loss in a stage, in (0, 1/16).
    stages : int
        k ≥ 1.

    Returns
    -------
    tuple of int
        The lengths of the stages, each at most the largest floating-point number.

    Raises
    ------
    InputError
        If the shrink is not in (0, 1/16), stages < 1, or another number is not finite and positive.

    Notes
    -----
    [WK23, Cor 5.3].

    Examples
    --------
    >>> stage_lengths(0.01, 1e-4, 1.0, shrink=1 / 64, stages=3)
    (125000, 2000000, 32000000)
    """
    require_positive(beta=beta, step_size=step_size, loss0=loss0, stages=stages)
    _require_shrink(shrink)
    lengths = [length(beta, step_size, loss0)]
    for _ in range(1, stages):
        lengths.append(lengths[-1] / (4 * shrink))
    return tuple(math.floor(min(steps, sys.float_info.max)) for steps in lengths)


def stage_norm_bound(beta: float, step_size: float, *, form: Form = "corrected") -> float:
    """Bound ‖X_t‖ in all stages, at C ≥ 8: 3/(8 √η) + √(β/η).

    Parameters
    ----------
    beta : float
        β > 0.
    step_size : float
        η > 0.
    form : {"corrected", "printed"}
        Printed 3/(8 √η) + √(β/η)/2: the sum over the stages l = 0, 1, ... of 2^(-l) is taken
        from l = 1.

    Returns
    -------
    float
        The bound; the theorem goes on as long as it is at most 3/(4 √η), that is β ≤ 9/64.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [WK23, App. D].
    """
    require_positive(beta=beta, step_size=step_size)
    motion = math.sqrt(beta / step_size)
    return 3 / (8 * math.sqrt(step_size)) + (motion if form == "corrected" else motion / 2)


def _require_shrink(shrink: float) -> None:
    if not 0 < shrink < 1 / 16:
        raise InputError(f"got shrink = {shrink}; expected a number in (0, 1/16)")
