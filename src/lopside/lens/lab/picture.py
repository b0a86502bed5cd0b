"""A run as a picture that needs no script: for the paper's page, and for readers without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 12, 34


class Line(NamedTuple):
    """A curve, in the picture's own units.

    Attributes
    ----------
    points : str
        For SVG's polyline.
    start : int
        Which start, from 0.
    x, y : float
        Where it ends.
    """

    points: str
    start: int
    x: float
    y: float


class Picture(NamedTuple):
    """What a template draws.

    Attributes
    ----------
    lines, bounds : list of Line
    starts : list of str
    powers, steps : list of (place, text)
        Ticks of the two axes.
    width, height : int
    """

    lines: list[Line]
    bounds: list[Line]
    starts: list[str]
    powers: list[tuple[float, str]]
    steps: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT


def picture(made: Sequence[dict[str, Any]]) -> Picture:
    """Return the picture of a run that has ended: relative squared errors on logarithmic, steps on linear axes.

    Parameters
    ----------
    made : sequence of dict
        The events of `running.events`.
    """
    begin = made[0]
    starts = list(dict.fromkeys(curve["start"] for curve in begin["curves"]))
    curves: dict[int, list[tuple[int, float]]] = {k: [] for k in range(len(begin["curves"]))}
    bounds: list[list[tuple[int, float]]] = []
    for event in made:
        if event["kind"] == "points":
            curves[event["curve"]] += zip(event["steps"], event["errors"], strict=True)
        elif event["kind"] == "proof":
            bounds = [part["line"] for part in event["parts"] if part["line"]]
    drawn = {k: _logged(points) for k, points in curves.items()}
    last = max((points[-1][0] for points in drawn.values() if points), default=1) or 1
    logs = [log for points in drawn.values() for _, log in points if log < 6]
    low, high = math.floor(min(logs, default=-1)), max(math.ceil(max(logs, default=0)), 0)
    low = min(low, high - 1)

    def place(step: float, log: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * step / last
        y = _TOP + (HEIGHT - _TOP - _BOTTOM) * (high - min(max(log, low), high)) / (high - low)
        return round(x, 1), round(y, 1)

    def line(points: list[tuple[int, float]], start: int) -> Line:
        placed = [place(step, log) for step, log in points]
        return Line(" ".join(f"{x},{y}" for x, y in placed), start, *placed[-1])

    every = max(1, math.ceil((high - low) / 6))
    return Picture(
        [line(points, starts.index(begin["curves"][k]["start"])) for k, points in drawn.items() if points],
        [line(points, 0) for points in (_logged([p for p in b if p[0] <= last]) for b in bounds) if len(points) > 1],
        starts,
        [(place(0, log)[1], f"1e{log}") for log in range(high, low - 1, -every)],
        [(place(step, 0)[0], str(step)) for step in sorted({0, last // 2, last})],
    )


def _logged(points: Sequence[tuple[int, float | None]]) -> list[tuple[int, float]]:
    return [(step, math.log10(error)) for step, error in points if error is not None and error > 0.0]
