"""A certificate is data: hypotheses with their numbers, what follows from them, and numbers a program can use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lopside.theory.inequality import Inequality
from lopside.theory.linear_bound import LinearBound


class Check(NamedTuple):
    """One hypothesis: `value` ≤ `bound`, or not."""

    name: str
    value: float
    bound: float
    holds: bool

    @classmethod
    def of(cls, inequality: Inequality) -> Check:
        """Take over an inequality of the theory."""
        return cls(inequality.name, inequality.left, inequality.right, inequality.holds)

    def __str__(self) -> str:
        mark, sign = ("✓", "≤") if self.holds else ("✗", ">")
        return f"{mark} {self.name}: {self.value:.4g} {sign} {self.bound:.4g}"


@dataclass(frozen=True)
class Part:
    """One theorem at one pair of factors.

    Attributes
    ----------
    theorem : str
        Its name, with the place it was applied at.
    source : str
        Where it is proved.
    holds : bool
        Whether every hypothesis holds, so that the conclusion is proved.
    checks : tuple of Check
        The hypotheses with both numbers.
    conclusion : str
        What follows, or which hypothesis failed.
    step : int
        The step whose factors it speaks about.
    bound : LinearBound or None
        A bound on the loss `t` steps after `step`.
    horizon : int or None
        The last t the bound speaks about; None for all t.
    gap : float or None
        Proved bound on f(X, Y) − least loss at this rank.
    excess : float or None
        Proved bound on ‖XYᵀ − A‖_F over the least possible at this rank, minus 1; None if nothing is proved.
    best_relative_error_bounds : (float, float) or None
        Between which the least relative error of any rank-d matrix lies.
    singular_value_bounds : tuple of (float, float) or None
        Between which σ₁ … σ_d of A lie.
    failure_probability : float
        With which the part may be wrong, over its own random draws; 0 if it uses none.
    """

    theorem: str
    source: str
    holds: bool
    checks: tuple[Check, ...]
    conclusion: str
    step: int = 0
    bound: LinearBound | None = None
    horizon: int | None = None
    gap: float | None = None
    best_relative_error_bounds: tuple[float, float] | None = None
    failure_probability: float = 0.0
    excess: float | None = None
    singular_value_bounds: tuple[tuple[float, float], ...] | None = None

    @property
    def rate(self) -> float | None:
        """Guaranteed factor on the loss per step."""
        return self.bound.rate if self.bound and self.holds else None

    @property
    def rounding(self) -> float | None:
        """Loss below which nothing is claimed, because rounding would have eaten it."""
        return self.bound.floor if self.bound and self.holds else None

    def steps_to(self, loss: float) -> int | None:
        """Return a proved number of further steps, from `step`, after which the loss is at most `loss`."""
        if not self.bound or not self.holds or not loss > 0:
            return None
        steps = self.bound.steps_to(loss)
        if steps is not None and self.horizon is not None and steps > self.horizon:
            return None
        return steps

    def __str__(self) -> str:
        lines = [f"{self.theorem} [{self.source}]: {'holds' if self.holds else 'does not apply'}"]
        lines += [f"  {check}" for check in self.checks]
        return "\n".join([*lines, f"  {self.conclusion}", *_intervals(self.singular_value_bounds or ())])


def _intervals(bounds: Sequence[tuple[float, float]]) -> list[str]:
    shown = [f"  σ_{i} in [{low:.6g}, {high:.6g}]" for i, (low, high) in enumerate(bounds, 1)]
    if len(shown) > _SHOWN:
        shown[_SHOWN - 1 : -1] = [f"  … {len(shown) - _SHOWN} more"]
    return shown


_SHOWN = 10
"""Lines of singular values in a summary; all are in `singular_value_bounds`."""


@dataclass(frozen=True)
class Certificate:
    """What is proved about a pair of factors: several theorems, each with its numbers.

    Attributes
    ----------
    parts : tuple of Part
        Every theorem that was tried, those that hold first.
    asks_convergence : bool
        True if a convergence theorem was asked for (a solver was named), False if a gap was.
    """

    parts: tuple[Part, ...]
    asks_convergence: bool = False

    @property
    def convergence(self) -> Part | None:
        """The latest convergence theorem that holds."""
        proved = [part for part in self.parts if part.holds and part.bound is not None and part.horizon is None]
        windows = [part for part in self.parts if part.holds and part.bound is not None and part.horizon is not None]
        latest = proved or windows
        return max(latest, key=lambda part: part.step) if latest else None

    @property
    def optimality(self) -> Part | None:
        """The part that bounds the distance to the least loss, if any holds."""
        return next((part for part in self.parts if part.holds and part.gap is not None), None)

    @property
    def leading(self) -> Part:
        """The part `theorem`, `checks` and `holds` speak of."""
        wanted = self.convergence if self.asks_convergence else self.convergence or self.optimality
        return wanted or self.optimality or self.parts[0]

    @property
    def theorem(self) -> str:
        """The leading theorem's name."""
        return self.leading.theorem

    @property
    def checks(self) -> tuple[Check, ...]:
        """The leading theorem's hypotheses."""
        return self.leading.checks

    @property
    def holds(self) -> bool:
        """Whether what was asked for is proved: a convergence theorem, or (no solver named) a gap."""
        return (self.convergence if self.asks_convergence else self.optimality) is not None

    @property
    def rate(self) -> float | None:
        """Guaranteed factor on the loss per step, or None."""
        return self.convergence.rate if self.convergence else None

    @property
    def rounding(self) -> float | None:
        """Loss below which the rate claims nothing, or None."""
        return self.convergence.rounding if self.convergence else None

    def steps_to(self, loss: float) -> int | None:
        """Return a proved number of steps, from the step the convergence theorem was applied at, or None."""
        return self.convergence.steps_to(loss) if self.convergence else None

    @property
    def gap(self) -> float | None:
        """Proved bound on the loss minus the least possible loss at this rank, or None."""
        return self.optimality.gap if self.optimality else None

    @property
    def excess(self) -> float | None:
        """Proved bound on ‖XYᵀ − A‖_F over the least possible at this rank, minus 1, or None."""
        return self.optimality.excess if self.optimality else None

    @property
    def singular_value_bounds(self) -> tuple[tuple[float, float], ...] | None:
        """Between which σ₁ … σ_d of A lie, or None."""
        return self.optimality.singular_value_bounds if self.optimality else None

    @property
    def best_relative_error_bounds(self) -> tuple[float, float] | None:
        """Between which the least relative error of any rank-d matrix lies, or None."""
        return self.optimality.best_relative_error_bounds if self.optimality else None

    @property
    def failure_probability(self) -> float:
        """With which something claimed may be wrong: the sum over the parts that hold."""
        return min(1.0, math.fsum(part.failure_probability for part in self.parts if part.holds))

    def verdict(self) -> str:
        """Return the outcome in one line."""
        return "; ".join(part.conclusion for part in (self.convergence, self.optimality) if part) or "nothing is proved"

    def summary(self) -> str:
        """Return every theorem with its hypotheses, as text."""
        return "\n".join(map(str, self.parts))

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"Certificate({self.verdict()})"


def checks(inequalities: Iterable[Inequality]) -> tuple[Check, ...]:
    """Turn inequalities of the theory into checks."""
    return tuple(map(Check.of, inequalities))


def first_failure(tried: Iterable[Check]) -> str:
    """Return which hypothesis failed, with both numbers, as a sentence."""
    return next(
        (f"{check.name}: {check.value:.4g} > {check.bound:.4g}" for check in tried if not check.holds),
        "",
    )
