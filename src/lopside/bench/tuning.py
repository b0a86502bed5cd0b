"""Settings chosen on held-out training entries, with as many trials for every method, and means over five splits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TRIALS = 48
"""How many settings each method may try."""

SPLITS = 5
HELD = 0.1
"""The share of the entries that is held out: for the test, and of what remains for the choice of the settings."""

_REFINED = 1 / 3
"""The last of the trials, this share of them, are near the best so far."""

_ZOOM = 0.3
"""They lie in a box around it whose sides are this share of the ranges, on their logarithmic scale."""

_SEED = 0

Places = NDArray[np.int64]
Settings = dict[str, float]


class Range(NamedTuple):
    """Values from `low` to `high`, both included, spaced by their logarithms; `whole` rounds them."""

    low: float
    high: float
    whole: bool = False

    def at(self, share: float) -> float:
        """Return the value at a share of the way, 0 to 1."""
        value = self.low * (self.high / self.low) ** float(share)
        return round(value) if self.whole else value


Space = Mapping[str, Range]


class Trial(NamedTuple):
    """One setting that was tried: its error (infinite where the method failed) and the seconds it took."""

    settings: Settings
    error: float
    seconds: float


class Tuned(NamedTuple):
    """The trial with the least error, and all of them in order."""

    best: Trial
    trials: tuple[Trial, ...]

    @property
    def seconds(self) -> float:
        """What all trials took together."""
        return sum(trial.seconds for trial in self.trials)


class Mean(NamedTuple):
    """A mean and its standard error."""

    value: float
    error: float

    def __format__(self, form: str) -> str:
        return f"{self.value:{form}} ± {self.error:{form.removeprefix('+')}}"


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of independent values, with the standard error s/√k of it; ∞ and NaN where one is not finite.

    Parameters
    ----------
    values : sequence of float
        k ≥ 2 of them.

    Examples
    --------
    >>> f"{mean([1.0, 2.0, 3.0]):.3f}"
    '2.000 ± 0.577'
    """
    if not np.isfinite(values).all():
        return Mean(math.inf, math.nan)
    return Mean(float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values))))


def paired(values: Sequence[float], others: Sequence[float]) -> Mean:
    """Return the mean difference of two methods on the same splits: what the splits have in common cancels."""
    return mean([mine - its for mine, its in zip(values, others, strict=True)])


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Return √mean((predicted − actual)²), summed in float64."""
    return float(np.sqrt(np.mean(np.square(np.subtract(predicted, actual, dtype=np.float64)))))


def split(count: int, seed: int, held: float = HELD) -> tuple[Places, Places]:
    """Return two parts of 0 … count − 1, both sorted: what is kept, and a random share that is held out.

    Parameters
    ----------
    count : int
    seed : int
    held : float
        Between 0 and 1.
    """
    order = np.random.default_rng(seed).permutation(count)
    cut = round(held * count)
    return np.sort(order[cut:]), np.sort(order[:cut])


def shares(count: int, dimensions: int) -> NDArray[np.float64]:
    """Return the first points of a scrambled Sobol sequence in the unit cube: they leave no large holes.

    Examples
    --------
    >>> shares(8, 1).shape
    (8, 1)
    """
    from scipy.stats import qmc

    if dimensions == 0:
        return np.zeros((count, 0))
    sequence = qmc.Sobol(dimensions, rng=np.random.default_rng(_SEED))
    return sequence.random_base2(max(count - 1, 1).bit_length())[:count]


def tune(space: Space, error: Callable[[Settings], float], trials: int = TRIALS) -> Tuned:
    """Try settings all over a space, then some near the best, and return the one with the least error.

    Two methods with ranges for the same number of settings are tried at the same points of them, in every run. A method
    that raises, or whose error is not finite, has failed this trial, which counts.

    Parameters
    ----------
    space : mapping of str to Range
        The ranges of a method's settings; a range of one value keeps a setting where it is.
    error : callable
        The error of a setting, on entries that the fit has not seen and that are not those of the test.
    trials : int
        At least 1.
    """
    done: list[Trial] = []
    for settings in _proposals(space, trials, done):
        began = time.perf_counter()
        try:
            found = error(settings)
        except Exception:  # each library has kinds of its own for a setting that it cannot use
            found = math.inf
        done.append(Trial(settings, found if math.isfinite(found) else math.inf, time.perf_counter() - began))
    return Tuned(min(done, key=lambda trial: trial.error), tuple(done))


def _proposals(space: Space, trials: int, done: list[Trial]) -> Iterator[Settings]:
    """Yield one setting after the other; `done` is read when the near ones begin."""
    free = [name for name, values in space.items() if values.low < values.high]
    near = int(trials * _REFINED)
    points = shares(trials - near, len(free))
    fixed = {name: values.at(0.0) for name, values in space.items()}
    for point in points:
        yield fixed | {name: space[name].at(share) for name, share in zip(free, point, strict=True)}
    if near:
        best = min(range(len(done)), key=lambda index: done[index].error)
        # A box that would stick out of the cube is moved inside.
        corner = np.clip(points[best] - _ZOOM / 2, 0.0, 1.0 - _ZOOM)
        for point in corner + _ZOOM * shares(near, len(free)):
            yield fixed | {name: space[name].at(share) for name, share in zip(free, point, strict=True)}


def least_steps(
    reached: Callable[[int], bool],
    most: int,
    *,
    known: int | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> int | None:
    """Return the fewest steps for which `reached` holds, or None; it is taken to hold from there on.

    Unless a number is known for which it holds, steps grow by half until it does; the gap before is then halved.

    Parameters
    ----------
    reached : callable
    most : int
        Steps beyond which it is given up.
    known : int, optional
        Steps for which it holds.
    enough : callable
        Asked before each larger number of steps: whether to give up now.
    """
    low, high = 0, known or 1
    while known is None and not reached(high):
        if high == most or enough():
            return None
        low, high = high, min(max(high + 1, high * 3 // 2), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
