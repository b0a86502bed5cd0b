"""How long matrix completions take to the error on unseen entries that the best peer reaches."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

from lopside.bench.completion_fits import OURS, Judged, judged, planted, ratings, tuned, written
from lopside.bench.completion_peers import Method, installed
from lopside.bench.tables import Column, Table
from lopside.bench.tuning import Settings, least_steps
from lopside.bench.worker import FAILURES, Worker


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
    after : str
        The race whose settings and steps are taken over, by the fastest of each library.
    """

    name: str
    entries: int
    rank: int
    trials: int = 0
    rounds: int = 1
    settled_on: int = 0
    after: str = ""


RACES = (
    *(Race("MovieLens-100K", 0, rank, 24, 5) for rank in (16, 64)),
    *(Race("planted 2e6", 2_000_000, rank, 24, 3, 100_000) for rank in (16, 64)),
    *(Race("planted 2e7", 20_000_000, rank, after="planted 2e6") for rank in (16, 64)),
)
QUICK = (
    Race("MovieLens-100K", 0, 16, 4, 2),
    Race("planted 1e5", 100_000, 16, 3, 2, 50_000),
    Race("planted 3e5", 300_000, 16, after="planted 1e5"),
)

_MOST_STEPS = 80
_WITHIN = 1.001
"""The error raced for is the best peer's times this: a thousandth, so that nobody runs after its last digit."""

_GIVEN_UP = 8.0
"""A method is given up when one fit has taken this many times as long as ours to the end."""

_HOPELESS = 1.01
"""A method whose tuned error is above this many times the target is not asked for the steps to it."""

_PATIENCE = 60.0
"""Seconds for a trial, and ten times as many for a fit to all entries."""

_LEADING = 2
"""How many of each library go on to the next larger set."""

_WARM = 20_000


class Run(NamedTuple):
    """The error of a fit on unseen entries, and the seconds from triples to factors."""

    error: float
    seconds: float


@lru_cache(maxsize=1)
def _data(entries: int, rank: int) -> Judged:
    return judged(planted(entries, rank) if entries else ratings(), seed=0)


def fit(entries: int, rank: int, method: Method, settings: Settings) -> Run:
    """Fit a set, which is made once in a process."""
    here = _data(entries, rank)
    began = time.perf_counter()
    fitted = method.fit(here.known, **settings)
    seconds = time.perf_counter() - began
    return Run(here.of(fitted), seconds)


@dataclass
class Place:
    """How a method did in a race: the error with all its steps, and the run of the fewest that reach the target."""

    method: Method
    settings: Settings
    best: float | None = None
    steps: int | None = None
    runs: Sequence[Run] = ()

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs) if self.runs else float("inf")

    def ratio(self, other: Place) -> float:
        """Return the median over the rounds of these seconds divided by those of another."""
        return statistics.median(a.seconds / b.seconds for a, b in zip(self.runs, other.runs, strict=True))


def race_table(races: Sequence[Race], say: Callable[[str], None]) -> Table:
    """Return the times from triples to factors whose error on unseen entries is the best peer's."""
    rows: list[dict[str, Any]] = []
    done: dict[tuple[str, int], list[Place]] = {}
    for race in races:
        say(f"{race.name}, rank {race.rank}")
        with Worker() as worker:
            before = done.get((race.after, race.rank))
            places = _raced(race, worker, say) if before is None else _again(race, before, worker, say)
        done[race.name, race.rank] = places
        rows += _rows(race, places)
    columns = (
        Column("data", "entries"),
        Column("rank", "d"),
        Column("method", "method"),
        Column("settings", "settings"),
        Column("best", "RMSE tuned", ".4f"),
        Column("steps", "steps"),
        Column("reached", "RMSE", ".4f"),
        Column("seconds", "seconds", ".3g"),
        Column("ratio", "× ours", ".2f"),
    )
    remarks = [
        "RMSE tuned: on the test entries, with settings chosen on inner validation (for the planted sets on a smaller "
        f"one of the same density). Steps: the fewest that reach the least RMSE of the peers times {_WITHIN}; RMSE and "
        f"seconds, from triples to factors, are for those. – where the tuned error is {_HOPELESS} times that or more, "
        f"where it is not reached in {_MOST_STEPS} steps, or given up at {_GIVEN_UP:.0f} times our time. × ours: by "
        "our fastest method. Who holds entries as Python objects is not asked for more than a million.",
        "The largest sets are fitted once, with settings and steps as on the smaller ones of the same density and rank "
        f"by the {_LEADING} fastest of each library there; – after {10 * _PATIENCE:.0f} s.",
    ]
    packages = sorted({m.package for m in installed()})
    return Table("race", "time to the best peer's error", columns, rows, packages, remarks)


def _rows(race: Race, places: Sequence[Place]) -> list[dict[str, Any]]:
    ours = min((place for place in places if _is_ours(place)), key=lambda place: place.seconds, default=None)
    return [
        {
            "data": race.name,
            "rank": race.rank,
            "method": place.method.name,
            "settings": written({k: v for k, v in place.settings.items() if k not in ("rank", "steps")}),
            "best": place.best,
            "steps": place.steps,
            "reached": place.runs[-1].error if place.runs else None,
            "seconds": place.seconds if place.runs else None,
            "ratio": place.ratio(ours) if place.runs and ours and ours.runs else None,
        }
        for place in places
    ]


def _is_ours(place: Place) -> bool:
    return place.method.package == "lopside"


def _raced(race: Race, worker: Worker, say: Callable[[str], None]) -> list[Place]:
    count = race.entries or 10**5
    methods = [m for m in (*OURS, *installed()) if "rank" in m.space and count <= m.most]
    small = _data(race.settled_on, race.rank).known
    places = []
    for method in methods:
        found = tuned(method, small, {"rank": race.rank}, race.trials, worker, _PATIENCE).best
        places.append(Place(method, found.settings))

    def run(place: Place, **changed: float) -> Run:
        return worker(fit, race.entries, race.rank, place.method, place.settings | changed, limit=10 * _PATIENCE)

    wholes = []
    for place in places:
        whole = _unless_given_up(lambda p=place: run(p), say)
        wholes.append(whole)
        place.best = whole.error
        say(f"  {place.method.name}: {whole.error:.4f} in {whole.seconds:.2f} s, {written(place.settings)}")
    theirs = (whole.error for place, whole in zip(places, wholes, strict=True) if not _is_ours(place))
    target, ours = min(theirs) * _WITHIN, float("inf")
    for place, whole in zip(places, wholes, strict=True):
        if whole.error > _HOPELESS * target:
            continue
        clock = _Clock(lambda steps, p=place: _unless_given_up(lambda: run(p, steps=steps), say), target)
        known = int(place.settings["steps"]) if clock.judge(whole) else None
        given_up = partial(clock.beyond, _GIVEN_UP * ours)
        place.steps = least_steps(clock, _MOST_STEPS, known=known, enough=given_up)
        if _is_ours(place):
            ours = min(ours, clock.least)
        say(f"  {place.method.name}: {place.steps} steps to {target:.4f}")
    there = [place for place in places if place.steps is not None]
    rounds = [[_unless_given_up(lambda p=p: run(p, steps=p.steps), say) for p in there] for _ in range(race.rounds)]
    for place, runs in zip(there, zip(*rounds, strict=True), strict=True):
        place.runs = runs
    return places


def _again(race: Race, before: Sequence[Place], worker: Worker, say: Callable[[str], None]) -> list[Place]:
    """Fit a larger set with the settings and steps of a smaller one."""
    taken: Counter[str] = Counter()
    places = []
    for place in sorted((place for place in before if place.runs), key=lambda place: place.seconds):
        taken[place.method.package] += 1
        if taken[place.method.package] <= _LEADING:
            places.append(Place(place.method, place.settings, None, place.steps))
    for entries in (_WARM, race.entries):  # what is compiled or loaded when first used is no part of it
        for place in places:
            arguments = entries, race.rank, place.method, place.settings | {"steps": place.steps or 0}
            place.runs = (_unless_given_up(lambda a=arguments: worker(fit, *a, limit=10 * _PATIENCE), say),)
    for place in places:
        say(f"  {place.method.name}: {place.runs[0].error:.4f} in {place.seconds:.2f} s")
        if place.seconds == float("inf"):
            place.runs = ()
    return places


def _unless_given_up(run: Callable[[], Run], say: Callable[[str], None]) -> Run:
    try:
        return run()
    except FAILURES as error:
        say(f"  {error}")
        return Run(float("inf"), float("inf"))


class _Clock:
    """Whether so many steps reach an error; `last` and `least` are the seconds of the last fit and of the best."""

    def __init__(self, run: Callable[[int], Run], target: float) -> None:
        self._run, self._target = run, target
        self.last, self.least = 0.0, float("inf")

    def __call__(self, steps: int) -> bool:
        return self.judge(self._run(steps))

    def judge(self, found: Run) -> bool:
        """Say whether a run reaches the error."""
        self.last = found.seconds
        reached = found.error <= self._target
        if reached:
            self.least = min(self.least, found.seconds)
        return reached

    def beyond(self, seconds: float) -> bool:
        """Say whether the last run took longer."""
        return self.last > seconds
