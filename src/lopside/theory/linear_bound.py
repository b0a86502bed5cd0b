"""A linear bound on the loss, with the floor that rounding puts under it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lopside.theory.arguments import require_positive
from lopside.theory.measurements import square

_ROOT2 = math.sqrt(2)


@dataclass(frozen=True, slots=True)
class LinearBound:
    """Bound f_t ≤ ((1 - gap)^t √(2 f₀) + δ/gap)² / 2 + tail on the loss after t steps.

    In exact arithmetic δ = 0, and for a matrix of exactly the assumed rank tail = 0.

    Parameters
    ----------
    loss0 : float
        f₀ = ‖X₀ Y₀ᵀ - A‖_F² / 2, ≥ 0.
    gap : float
        One minus the factor by which the residual shrinks in a step; in (0, 1]. Kept instead of the factor,
        which is 1 to machine precision when convergence is slow.
    rounding : float
        δ: what rounding may add to ‖XYᵀ - A‖_F in one step, ≥ 0.
    tail : float
        Loss that the steps need not remove, ≥ 0.

    Examples
    --------
    >>> bound = LinearBound(loss0=1.0, gap=0.1, rounding=1e-15)
    >>> bound.steps_to(1e-10), bound.steps_to(1e-40) is None
    (110, True)
    """

    loss0: float
    gap: float
    rounding: float
    tail: float = 0.0

    @property
    def rate(self) -> float:
        """Guaranteed factor (1 - gap)² on the loss per step."""
        return (1 - self.gap) ** 2

    @property
    def floor(self) -> float:
        """Loss (δ/gap)² / 2 + tail below which nothing is claimed."""
        return square(self.rounding / self.gap) / 2 + self.tail

    def loss_at(self, step: int) -> float:
        """Bound on the loss after ``step`` steps.

        Parameters
        ----------
        step : int
            t ≥ 0.

        Returns
        -------
        float
            The bound; it decreases to the floor.
        """
        shrunk = (1 - self.gap) ** step if self.gap > 0.5 else math.exp(step * math.log1p(-self.gap))
        return square(shrunk * _ROOT2 * math.sqrt(self.loss0) + self.rounding / self.gap) / 2 + self.tail

    def steps_to(self, loss: float) -> int | None:
        """Find the number of steps after which the loss is at most ``loss``.

        Parameters
        ----------
        loss : float
            The target, > 0.

        Returns
        -------
        int or None
            The least t with ``loss_at(t) ≤ loss``, 0 if the loss is there already; None at or below the
            floor, and where t is beyond all floating-point numbers.

        Raises
        ------
        InputError
            If the target is not a finite number > 0.
        """
        require_positive(loss=loss)
        if loss <= self.floor:
            return None
        if self.loss0 <= loss:
            return 0
        reach = _ROOT2 * math.sqrt(loss - self.tail) - self.rounding / self.gap
        if reach <= 0:
            return None
        if self.gap == 1:
            return 1
        steps = (math.log(reach) - math.log(_ROOT2 * math.sqrt(self.loss0))) / math.log1p(-self.gap)
        return max(1, math.ceil(steps)) if math.isfinite(steps) else None
