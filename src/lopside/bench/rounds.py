"""Interleaved timing: every task once a round, so that a noisy machine favours none of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PAUSE = 0.2
"""Seconds between two tasks: the threads of a BLAS spin on after their last product, on a core that others could use.

After 0.03 s some still do: on two cores a task that reads memory with its own threads then seems half as fast.
"""


@dataclass(frozen=True)
class Timing:
    """The seconds of one task, round by round, and what it returned last."""

    seconds: tuple[float, ...]
    answer: Any = None

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)

    def ratio(self, other: Timing) -> float:
        """Return the median over the rounds of these seconds divided by those of another task."""
        return statistics.median(mine / its for mine, its in zip(self.seconds, other.seconds, strict=True))


def interleave(
    tasks: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    warm: bool = True,
    before: Callable[[], object] | None = None,
) -> dict[str, Timing]:
    """Run every task once a round and return their timings.

    Parameters
    ----------
    tasks : mapping of str to callable
    rounds : int
        Rounds that count, ≥ 1.
    warm : bool
        Begin with a round that does not count.
    before : callable, optional
        Called before each task, outside the clock.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    answers: dict[str, Any] = {}
    for counted in [False] * warm + [True] * rounds:
        for name, task in tasks.items():
            answers.pop(name, None)  # freed before the clock runs
            if before is not None:
                before()
            time.sleep(_PAUSE)
            began = time.perf_counter()
            answers[name] = task()
            if counted:
                seconds[name].append(time.perf_counter() - began)
    return {name: Timing(tuple(times), answers[name]) for name, times in seconds.items()}
