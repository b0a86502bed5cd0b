"""How long matrix completions take to the error on unseen entries that the best peer reaches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lopside.bench.completion_fits import OURS, Judged, judged, planted, ratings, tuned, written
from lopside.bench.completion_peers import Method, installed
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.bench.tuning import Settings, least_steps


@dataclass(frozen=True)
class Race:
    """A set of entries on which methods race to an error.

    Attributes
    ----------
    name : str
    entries : int
        Of planted ones; 0 for MovieLens-100K.
    rank : int
    trials, rounds : int
    settled_on : int
        Entries of the planted set, of the same density, on which the settings are chosen.
    """

    name: str
    entries: int
    rank: int
    trials: int
    rounds: int
    settled_on: int

    def data(self, entries: int) -> Judged:
        """Return the set, or its smaller sister."""
        return judged(planted(entries, self.rank) if self.entries else ratings(), seed=0)


RACES = (
    Race("MovieLens-100K", 0, 16, 12, 5, 0),
    Race("MovieLens-100K", 0, 64, 12, 5, 0),
    Race("planted 2e6", 2_000_000, 16, 6, 3, 500_000),
    Race("planted 2e6", 2_000_000, 64, 6, 3, 500_000),
    Race("planted 2e7", 20_000_000, 16, 6, 1, 500_000),
    Race("planted 2e7", 20_000_000, 64, 6, 1, 500_000),
)
QUICK = (Race("MovieLens-100K", 0, 16, 4, 2, 0), Race("planted 1e5", 100_000, 16, 3, 2, 100_000))

_MOST_STEPS = 60
_WITHIN = 1.001
"""The error raced for is the best peer's times this: a thousandth, so that nobody runs after its last digit."""

_GIVEN_UP = 8.0
"""A method is given up when one fit has taken this many times as long as ours to the end."""


def race_table(races: Sequence[Race], say: Callable[[str], None]) -> Table:
    """Return the times from triples to factors whose error on unseen entries is the best peer's."""
    rows: list[dict[str, Any]] = []
    for race in races:
        say(f"{race.name}, rank {race.rank}")
        rows += _raced(race, say)
    columns = (
        Column("data", "entries"),
        Column("rank", "d"),
        Column("method", "method"),
        Column("settings", "settings"),
        Column("best", "RMSE tuned", ".4f"),
        Column("steps", "steps"),
        Column("seconds", "seconds", ".3g"),
        Column("ratio", "× ours", ".2f"),
    )
    remarks = [
        "RMSE tuned: on the test entries, with settings chosen on inner validation (for the planted sets on a smaller "
        "one of the same density). Steps and seconds: the fewest that reach the least RMSE of the peers times 1.001, "
        "from triples to factors; – where it is not reached in 60 steps, or given up at 8 times our time. × ours: by "
        "our fastest method.",
    ]
    return Table(
        "race", "time to the best peer's error", columns, rows, sorted({m.package for m in installed()}), remarks
    )


def _raced(race: Race, say: Callable[[str], None]) -> list[dict[str, Any]]:
    here, small = race.data(race.entries), race.data(race.settled_on)
    count = len(here.known.values)
    methods = [method for method in (*OURS, *installed()) if "rank" in method.space and count <= method.most]
    settings, best = {}, {}
    for method in methods:
        found = tuned(method, small.known, {"rank": race.rank}, race.trials).best
        settings[method.name] = found.settings
        began = time.perf_counter()
        best[method.name] = here.error(method, found.settings)
        spent = time.perf_counter() - began
        say(f"  {method.name}: {best[method.name]:.4f} in {spent:.2f} s, {written(found.settings)}")
    target = min(best[m.name] for m in methods if m.package != "lopside") * _WITHIN
    steps, ours = {}, float("inf")
    for method in methods:
        taken = _Clock(here, method, settings[method.name], target)
        steps[method.name] = least_steps(taken, _MOST_STEPS, enough=lambda c=taken, o=ours: c.last > _GIVEN_UP * o)
        if method.package == "lopside" and steps[method.name] is not None:
            ours = min(ours, taken.least)
        say(f"  {method.name}: {steps[method.name]} steps to {target:.4f}")
    tasks = {
        m.name: partial(m.fit, here.known, **(settings[m.name] | {"steps": steps[m.name]}))
        for m in methods
        if steps[m.name] is not None
    }
    timings = interleave(tasks, race.rounds, warm=race.rounds > 1)
    fastest = min((n for n in timings if n.startswith("lopside")), key=lambda n: timings[n].median, default=None)
    return [
        {
            "data": race.name,
            "rank": race.rank,
            "method": m.name,
            "settings": written({k: v for k, v in settings[m.name].items() if k not in ("rank", "steps")}),
            "best": best[m.name],
            "steps": steps[m.name],
            "seconds": timings[m.name].median if m.name in timings else None,
            "ratio": timings[m.name].ratio(timings[fastest]) if m.name in timings and fastest else None,
        }
        for m in methods
    ]


class _Clock:
    """Whether so many steps reach an error; `last` and `least` are the seconds of the last fit and of the best."""

    def __init__(self, here: Judged, method: Method, settings: Settings, target: float) -> None:
        self._here, self._method, self._settings, self._target = here, method, settings, target
        self.last, self.least = 0.0, float("inf")

    def __call__(self, steps: int) -> bool:
        began = time.perf_counter()
        fit = self._method.fit(self._here.known, **(self._settings | {"steps": steps}))
        self.last = time.perf_counter() - began
        reached = self._here.of(fit) <= self._target
        if reached:
            self.least = min(self.least, self.last)
        return reached
