"""What a run in the lab is made of: one address, one run, the same curves every time."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import numpy as np

from lopside import __version__
from lopside.arrays import Array
from lopside.catalog import parse
from lopside.catalog import text as text_of
from lopside.errors import Error

MOST_STEPS = 50_000
MOST_COUNT = 32
"""Of anything that a method or a start does many times between two looks at whether anybody waits."""

MOST_WORK = 3e10
"""Multiplications of a run: m·n·d·steps·curves."""


class Range(NamedTuple):
    """What a number may be.

    Attributes
    ----------
    low, high : float
    whole : bool
    logarithmic : bool
        Whether a slider moves by factors.
    """

    low: float
    high: float
    whole: bool = True
    logarithmic: bool = False


RANGES = {
    "m": Range(10, 400),
    "n": Range(10, 400),
    "r": Range(1, 20),
    "d": Range(1, 64),
    "kappa": Range(1, 100, whole=False, logarithmic=True),
    "noise": Range(0, 0.5, whole=False),
    "steps": Range(1, MOST_STEPS, logarithmic=True),
    "runs": Range(1, 10),
    "seed": Range(0, 10**6),
    "target": Range(1e-12, 0.5, whole=False, logarithmic=True),
}

SPECTRA = ("even", "geometric", "one large")
MOST_STARTS = 6


@dataclass(frozen=True)
class Settings:
    """A matrix, a method, starts and an end.

    Attributes
    ----------
    m, n, r : int
        Shape and rank of the planted matrix.
    kappa : float
        σ₁/σ_r.
    spectrum : str
        How the singular values lie between: evenly, in equal ratios, or all but the first at the end.
    noise : float
        ‖N‖_F over ‖A‖_F without it.
    d : int
        Columns of the factors.
    solver, step : str
        Text forms of the catalog; the step a number, 0.5/sigma1, or a rule as ward-kolda.
    starts : tuple of str
        Text forms, one for each kind of curve; before a start and " / " may stand an algorithm of its own.
    steps, runs, seed : int
        Steps at most; draws of each start; the seed of the matrix, from which those of the draws count on.
    target : float
        The relative error, not squared, at which a run is done.
    """

    m: int = 100
    n: int = 100
    r: int = 5
    kappa: float = 10 / 9
    spectrum: str = "even"
    noise: float = 0.0
    d: int = 10
    solver: str = "agd"
    step: str = "ward-kolda"
    starts: tuple[str, ...] = ("unbalanced",)
    steps: int = 2000
    runs: int = 5
    seed: int = 0
    target: float = 1e-7

    @classmethod
    def read(cls, given: Mapping[str, Any], starts: list[str], default: Self | None = None) -> tuple[Self, list[str]]:
        """Return the settings an address asks for, and a sentence for each part of it that could not be used.

        Parameters
        ----------
        given : mapping of str
        starts : list of str
            All values of `start`.
        default : Settings, optional
        """
        base = default or cls()
        values: dict[str, Any] = {}
        said: list[str] = []
        for name, allowed in RANGES.items():
            text = str(given.get(name, "")).strip()
            if not text:
                continue
            number = _number(text, whole=allowed.whole)
            if number is None:
                said.append(
                    f"{name} = {text[:30]} is no {'whole ' if allowed.whole else ''}number, so it was left as it was."
                )
                continue
            values[name] = min(max(number, allowed.low), allowed.high)
            if values[name] != number:
                said.append(
                    f"{name} = {text[:30]} is beyond {allowed.low:g} to {allowed.high:g}; taken: {values[name]:g}."
                )
            values[name] = int(values[name]) if allowed.whole else float(values[name])
        if given.get("spectrum") in SPECTRA:
            values["spectrum"] = given["spectrum"]
        for name, kind in (("solver", "solver"), ("step", "step size")):
            if text := str(given.get(name, "")).strip()[:100]:
                _take(values, name, kind, text, said)
        lines = [line.strip() for text in starts for line in text.splitlines() if line.strip()]
        wanted = [line for line in dict.fromkeys(lines) if _is_curve(line[:200], said)]
        if wanted:
            values["starts"] = tuple(wanted[:MOST_STARTS])
        return replace(base, **values)._fitting(said), said

    def _fitting(self, said: list[str]) -> Self:
        """Return these with a rank, columns and an amount of work that go together."""
        side = min(self.m, self.n)
        found = replace(self, r=min(self.r, side))
        found = replace(found, d=min(max(found.d, found.r), side))
        methods = dict.fromkeys(_parted(line)[0] or found.solver for line in found.starts)
        said += [sentence for method in methods if (sentence := found._stepped(method)[1])]
        if found.d != self.d:
            said.append(f"d = {self.d} does not go with a rank of {found.r} and a side of {side}; taken: {found.d}.")
        work = found.m * found.n * found.d * found.steps * len(found.starts) * found.runs
        if work > MOST_WORK:
            steps = max(1, int(found.steps * MOST_WORK / work))
            said.append(f"That would take too long here: {steps} steps instead of {found.steps}.")
            found = replace(found, steps=steps)
        return found

    def query(self) -> str:
        """Return the address's part behind the question mark."""
        plain = {name: value for name, value in asdict(self).items() if name != "starts"}
        pairs = [(name, repr(value) if isinstance(value, float) else str(value)) for name, value in plain.items()]
        return urlencode([*pairs, *(("start", start) for start in self.starts)])

    def key(self) -> str:
        """Return what tells these settings, and the version that runs them, from all others."""
        text = json.dumps([__version__, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def curve(self, line: str) -> tuple[Any, str]:
        """Return the solver of a kind of curve, and the text of its start.

        The solver has the step size of all, where it takes such a one and names none itself. Where there is noise, a
        rule that goes by the rank is told the planted one.
        """
        method, start = _parted(line)
        return self._stepped(method or self.solver)[0], start

    def _stepped(self, method: str) -> tuple[Any, str]:
        """Return a solver with the step size of all, or else with its own and a sentence that says so."""
        solver, step = parse("solver", method), parse("step size", self.step)
        if "step_size" in method or "step_size" not in _names(solver):
            return solver, ""
        if self.noise > 0.0 and "r" in _names(step) and step.r is None:
            step = replace(step, r=self.r)
        try:
            return replace(solver, step_size=step), ""
        except Error:
            return solver, f"{method} does not take the step size {self.step}; its own is used: {text_of(solver)}."

    def sigma(self) -> Array:
        """Return the planted singular values, from 1 down to 1/κ."""
        if self.spectrum == "even":
            return np.linspace(1.0, 1.0 / self.kappa, self.r)
        if self.spectrum == "geometric":
            return np.geomspace(1.0, 1.0 / self.kappa, self.r)
        return np.array([1.0, *[1.0 / self.kappa] * (self.r - 1)])


def _names(choice: Any) -> set[str]:
    return {field.name for field in fields(choice)} if is_dataclass(choice) else set()


def _number(text: str, *, whole: bool) -> float | None:
    if not re.fullmatch(r"[-+]?(\d{1,12}(\.\d{0,20})?|\.\d{1,20})(e[-+]?\d{1,3})?", text, re.IGNORECASE):
        return None
    number = float(text)
    return None if not math.isfinite(number) or (whole and number != int(number)) else number


def _take(values: dict[str, Any], name: str, kind: str, text: str, said: list[str]) -> None:
    if _parsed(kind, text, said):
        values[name] = text


def _parted(line: str) -> tuple[str, str]:
    method, _, start = line.rpartition(" / ")
    return method.strip(), start.strip()


def _is_curve(line: str, said: list[str]) -> bool:
    method, start = _parted(line)
    return (not method or _parsed("solver", method, said)) and _parsed("start", start, said)


def _parsed(kind: str, text: str, said: list[str]) -> bool:
    try:
        choice = parse(kind, text)
    except Error as error:
        said.append(f"{error}.")
        return False
    too_many = [f"{name} = {count}" for name, count in _counts(choice) if count > MOST_COUNT]
    said += [f"{text[:60]} was left out: {what} is more than the {MOST_COUNT} of the lab." for what in too_many]
    return not too_many


def _counts(choice: Any) -> Iterator[tuple[str, int]]:
    """Yield the whole numbers in a choice, and in what it holds: how often something is done before a step ends."""
    for field in fields(choice) if is_dataclass(choice) else ():
        value = getattr(choice, field.name)
        if isinstance(value, int) and not isinstance(value, bool):
            yield field.name, value
        yield from _counts(value)


NUMBERS = tuple(field.name for field in fields(Settings) if field.name in RANGES)
"""Of the form, in their order."""
