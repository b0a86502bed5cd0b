"""One claim, and the few statistics that claims are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from lopside.reproduce.table import Table


@dataclass(frozen=True)
class Claim:
    """A statement and what was found.

    Attributes
    ----------
    claim : str
        The statement.
    source : str
        Who makes it: a place in a paper, or "this project".
    expected : str
        The criterion it was judged by.
    measured : str
        The numbers.
    holds : bool
    """

    claim: str
    source: str
    expected: str
    measured: str
    holds: bool


def counts(runs: Table) -> list[float]:
    """Return the steps to the tolerance of each run; infinity for those that did not reach it."""
    return [math.inf if math.isnan(count) else count for count in runs.columns["reached"]]


def middle(values: Sequence[float]) -> float:
    """Return the median; infinity if most values are."""
    return float(median(values))


def count_text(count: float, cap: int) -> str:
    """Return a step count, or that the cap was passed.

    >>> count_text(72.0, 8000), count_text(float("inf"), 8000)
    ('72', '> 8000')
    """
    return f"{count:.0f}" if math.isfinite(count) else f"> {cap}"


def range_text(values: Sequence[float], cap: int) -> str:
    """Return the least and the largest of some step counts.

    >>> range_text([72.0, 69.0, 80.0], 8000)
    '69 to 80'
    """
    return f"{count_text(min(values), cap)} to {count_text(max(values), cap)}"


def power(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the exponent p of the least-squares fit y ~ x^p; NaN if a y is not finite.

    >>> round(power([1.0, 2.0, 4.0], [3.0, 12.0, 48.0]), 9)
    2.0
    """
    if not np.isfinite(y).all():
        return math.nan
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def first_below(curve: Table, level: float) -> list[float]:
    """Return, for each run of a curve, the first kept step with at most this relative error, or infinity."""
    firsts = []
    for run in curve.distinct("run"):
        one = curve.where(run=run).columns
        pairs = zip(one["step"], one["relative_error"], strict=True)
        firsts.append(next((float(step) for step, error in pairs if error <= level), math.inf))
    return firsts


def worst_over_line(curve: Table, line: Table) -> float:
    """Return the largest ratio of a run's relative error to a bound, over all runs and the steps > 0 both have."""
    bound = dict(zip(line.columns["step"], line.columns["relative_error"], strict=True))
    ratios = [
        row["relative_error"] / bound[row["step"]] for row in curve.rows() if row["step"] in bound and row["step"] > 0
    ]
    return max(ratios, default=math.nan)
