"""The step size η: a number, a multiple of 1/σ₁(A), or what a theorem asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from lopside.arrays import as_positive
from lopside.errors import InputError


class StepSize(Protocol):
    """A rule that turns a matrix and a rank into η."""

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η > 0 for a problem, the number of columns d and σ₁(A) (or an estimate of it)."""
        ...


@dataclass(frozen=True)
class OverSigma1:
    """η = c/σ₁(A); text form `"0.9/sigma1"`.

    Parameters
    ----------
    factor : float
        c > 0. Simultaneous descent cannot settle for c > 1, alternating descent for c ≥ 2.
    """

    factor: float

    def __post_init__(self) -> None:
        as_positive(self.factor, "step-size factor")

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return c/σ₁; 1 for A = 0, where any step stays at the answer."""
        return self.factor / sigma1 if sigma1 > 0 else 1.0


_MULTIPLE = re.compile(r"\s*([-+.\dEe]+)\s*/\s*sigma1\s*")


def parse(text: str) -> float | OverSigma1:
    """Read `"0.05"` or `"0.9/sigma1"`.

    Raises
    ------
    InputError
        If the text is neither, or not positive.

    Examples
    --------
    >>> parse("0.9/sigma1")
    OverSigma1(factor=0.9)
    """
    match = _MULTIPLE.fullmatch(text)
    try:
        number = float(match.group(1) if match else text)
    except ValueError:
        raise InputError(f'got step size "{text}"; expected a number or a multiple such as "0.9/sigma1"') from None
    return OverSigma1(number) if match else as_positive(number, "step size")


def resolve(step_size: Any, problem: Any, rank: int, sigma1: float | None) -> float:
    """Return η for a number, a text or a step-size object; σ₁ is estimated only if it is needed.

    Raises
    ------
    InputError
        If it is none of these, not finite or not positive.
    """
    if isinstance(step_size, str):
        step_size = parse(step_size)
    if not hasattr(step_size, "resolve"):
        return as_positive(step_size, "step size")
    return as_positive(
        step_size.resolve(problem, rank, problem.sigma1() if sigma1 is None else sigma1), "resolved step size"
    )
