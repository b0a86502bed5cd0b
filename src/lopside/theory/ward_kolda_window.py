"""The window theorem of Ward and Kolda: linear convergence for T steps after the start.

Let b be at most η σ_r(X₀)² and at most 1/4, col(X₀) in col(A), ‖X₀‖², ‖Y₀‖² ≤ 9/(16 η). Then
for all t ≤ T = floor(b / (8 η² f₀)): f_t ≤ (1 - b/4)^(2t) f₀ [WK23, Thm 5.1]. In advance b is β;
once the start is drawn it is measured. Losses are f = ‖XYᵀ - A‖_F² / 2; the epsilon of the paper is
twice a target loss.

Where the printed formula and the proved one differ, ``form`` chooses; the printed one is there to be compared
with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lopside.errors import InputError
from lopside.theory.arguments import require_fraction, require_nonnegative, require_positive
from lopside.theory.inequality import Inequality
from lopside.theory.linear_bound import LinearBound
from lopside.theory.measurements import Measurements, square
from lopside.theory.ward_kolda import Form

LONGEST_WINDOW = 2**63 - 1
"""Cap on the steps of a window: a shorter window claims less, and no run is that long."""


def length(b: float, step_size: float, loss0: float) -> float:
    """Compute b / (8 η² f₀) by way of η √f₀, which has no unit; infinity where it underflows."""
    ratio = step_size * math.sqrt(loss0)
    return b / 8 / ratio / ratio if ratio > 0 else math.inf


def window(b: float, step_size: float, loss0: float, *, form: Form = "corrected") -> int:
    """Count the steps T = floor(min(b, 1/4) / (8 η² f₀)) for which the window theorem speaks.

    Parameters
    ----------
    b : float
        β, or η σ_r(X₀)² of the drawn start; > 0.
    step_size : float
        η > 0.
    loss0 : float
        f₀ > 0.
    form : {"corrected", "printed"}
        Printed without the minimum, although the proof needs T ≤ 1 / (32 η² f₀).

    Returns
    -------
    int
        T ≥ 0, at most `LONGEST_WINDOW`.

    Raises
    ------
    InputError
        If a number is not finite and positive.

    Notes
    -----
    [WK23, Prop 4.2, Thm 5.1].
    """
    require_positive(b=b, step_size=step_size, loss0=loss0)
    steps = length(min(b, 0.25) if form == "corrected" else b, step_size, loss0)
    return math.floor(steps) if steps < LONGEST_WINDOW else LONGEST_WINDOW


def window_rate(b: float, *, form: Form = "corrected") -> float:
    """Compute the factor on the loss per step inside the window: (1 - b/4)².

    Parameters
    ----------
    b : float
        β, or η σ_r(X₀)² of the drawn start, in (0, 1/4].
    form : {"corrected", "printed"}
        Printed exp(-b/4): true, and slower by a factor of 2 in the exponent.

    Returns
    -------
    float
        The factor.

    Raises
    ------
    InputError
        If b is not in (0, 1/4].

    Notes
    -----
    [WK23, (6)]. The Y-step maps the residual E to (I - η XXᵀ)E, which shrinks ‖E‖, not its square, by
    1 - b/4.
    """
    if not 0 < b <= 0.25:
        raise InputError(f"got b = {b}; expected 0 < b <= 1/4: take the smaller of b and 1/4")
    return (1 - b / 4) ** 2 if form == "corrected" else math.exp(-b / 4)


def factor_motion(step_size: float, loss0: float, steps: int, *, form: Form = "corrected") -> float:
    """Bound ‖X_T - X₀‖_F and ‖Y_T - Y₀‖_F by √(2 T η f₀) after T ≤ 1/(32 η² f₀) steps.

    Parameters
    ----------
    step_size : float
        η > 0.
    loss0 : float
        f₀ > 0.
    steps : int
        T ≥ 0.
    form : {"corrected", "printed"}
        Display (11) of the proof is printed without the square root of T, which Cauchy-Schwarz brings in.

    Returns
    -------
    float
        The bound, in the unit of X.

    Raises
    ------
    InputError
        If η or f₀ is not finite and positive, or T is negative.

    Notes
    -----
    [WK23, Prop 4.2].
    """
    require_positive(step_size=step_size, loss0=loss0)
    require_nonnegative(steps=steps)
    return math.sqrt(2 * (steps if form == "corrected" else 1)) * math.sqrt(step_size) * math.sqrt(loss0)


def theory_step(beta: float, loss0: float, target: float, *, form: Form = "corrected") -> float:
    """Compute the step η = β / √(32 f₀ (log(f₀/target) + β/4)) whose window reaches a loss.

    Parameters
    ----------
    beta : float
        β, or b of the drawn start, in (0, 1/4].
    loss0 : float
        f₀ > 0.
    target : float
        Loss to reach, 0 < target < f₀; the epsilon of the paper, a bound on ‖XYᵀ - A‖_F², is 2 target.
    form : {"corrected", "printed"}
        Printed without β/4, which pays for the rounding down of T.

    Returns
    -------
    float
        η; the loss is at most the target after T = `window` steps. Take at most `step_bound` as well: for a
        target near f₀ the formula grows without limit.

    Raises
    ------
    InputError
        If not 0 < target < f₀, or if β is not finite and positive.

    Notes
    -----
    [WK23, Cor 5.2, (8)].

    Examples
    --------
    >>> f"{theory_step(6.84e-3, loss0=2.26, target=2.26e-10):.1e}"
    '1.7e-04'
    """
    require_positive(beta=beta, loss0=loss0, target=target)
    if target >= loss0:
        raise InputError(f"got the target {target} at a first loss of {loss0}; expected a smaller target")
    margin = beta / 4 if form == "corrected" else 0.0
    # Not the logarithm of the ratio, which may be infinite, unless it is near 1.
    ratio = loss0 / target
    digits = math.log(ratio) if ratio < math.inf else math.log(loss0) - math.log(target)
    return beta / math.sqrt(32 * (digits + margin)) / math.sqrt(loss0)


def theory_steps(beta: float, reduction: float) -> int:
    """Count the steps T = floor((4/β) log(1/reduction)) + 1 of a run with `theory_step`.

    Parameters
    ----------
    beta : float
        β, or b of the drawn start, in (0, 1/4].
    reduction : float
        target / f₀, in (0, 1).

    Returns
    -------
    int
        T; the printed form (4/β) log rounds down and is one less.

    Raises
    ------
    InputError
        If the reduction is not in (0, 1), or if β is not finite and positive.

    Notes
    -----
    [WK23, Cor 5.2].
    """
    require_positive(beta=beta)
    require_fraction(reduction=reduction)
    return math.floor(4 * math.log(1 / reduction) / beta) + 1


@dataclass(frozen=True, slots=True)
class Window:
    """The window theorem applied to one start.

    Parameters
    ----------
    step_size : float
        η.
    b : float
        min(η σ_r(X₀)², 1/4), with σ_r(X₀)² lowered by its rounding.
    steps : int
        T; nothing is claimed after it.
    conditions : tuple of Inequality
        What the theorem assumes.
    bound : LinearBound
        What follows for the loss at t ≤ T.
    """

    step_size: float
    b: float
    steps: int
    conditions: tuple[Inequality, ...]
    bound: LinearBound | None

    @property
    def holds(self) -> bool:
        """Whether the theorem applies and its window is not empty."""
        return self.bound is not None

    def steps_to(self, loss: float) -> int | None:
        """Find the number of steps after which the loss is at most ``loss``; None if not in the window.

        Parameters
        ----------
        loss : float
            The target, > 0.

        Returns
        -------
        int or None
            The number of steps, at most T.
        """
        steps = self.bound.steps_to(loss) if self.bound else None
        return steps if steps is not None and steps <= self.steps else None


def window_theorem(start: Measurements, step_size: float) -> Window:
    """Apply the window theorem of alternating gradient descent to a drawn start.

    With b = min(η σ_r(X₀)², 1/4): √(2 f_t) ≤ (1 - b/4)^t √(2 f₀) + 4 δ'/b for all t ≤ T, up to a
    tail; δ' and the tail as in `all_time`.

    Parameters
    ----------
    start : Measurements
        Numbers of (X₀, Y₀).
    step_size : float
        η > 0.

    Returns
    -------
    Window
        The conditions with their numbers, and the bound if they all hold.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    [WK23, Thm 5.1] with the exponent that its proof gives, at the b of the drawn start instead of β.
    """
    require_positive(step_size=step_size)
    b = min(start.b(step_size), 0.25)
    root = math.sqrt(step_size)
    steps = window(b, step_size, start.loss) if b > 0 and start.loss > 0 else 0
    conditions = (
        *start.span_and_rank(),
        Inequality("X is not too large: η‖X‖²", square(root * start.sigma1_x), 9 / 16),
        Inequality("Y is not too large: η‖Y‖²", square(root * start.sigma1_y), 9 / 16),
        Inequality("one step, against the length T of the window", 1, steps),
    )
    if not all(condition.holds for condition in conditions):
        return Window(step_size, b, steps, conditions, None)
    motion = factor_motion(step_size, start.loss, steps)
    # η ‖Y_t‖² ≤ 1 throughout the window.
    bound = LinearBound(start.loss, b / 4, start.disturbance(motion, motion), start.unreached(1 / root))
    return Window(step_size, b, steps, conditions, bound)
