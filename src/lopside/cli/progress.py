"""The progress bar of a run."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from lopside import Full, Run, Watch
from lopside.cli.talk import console
from lopside.theory.certificate import Part

_EVERY = 0.1
"""Seconds between two refreshes of the bar."""

_WATCH_EVERY = 0.5
"""Least seconds between two tries of the all-time theorem; more where a try takes long."""


class Progress:
    """Show step, loss, relative error, rate, time left and what is guaranteed, on a terminal only.

    Parameters
    ----------
    run : Run
    shown : bool
        False for --quiet and --json.
    """

    def __init__(self, run: Run, *, shown: bool) -> None:
        self._run = run
        self._bar: Any = None
        self._next = self._next_watch = math.inf
        self._past: deque[tuple[float, int, float]] = deque(maxlen=20)
        self._guarantee = ""
        self._watch: Watch | None = None
        if shown and (screen := console(stderr=True)).is_terminal:
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar
            from rich.table import Column

            text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False))
            self._bar = Bar(BarColumn(bar_width=12), text, console=screen, transient=True, auto_refresh=False)
            self._task = self._bar.add_task("", total=1.0)
            # What is guaranteed of a whole matrix is not of one with holes.
            self._watch = Watch(run) if isinstance(run.problem, Full) else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._next = time.perf_counter()
            self._next_watch = self._next + _WATCH_EVERY
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def look(self, state: Any) -> None:
        """Refresh the bar if it is time to."""
        now = time.perf_counter()
        if now < self._next:
            return
        self._past.append((now, state.step, state.loss))
        if self._watch is not None and now >= self._next_watch:
            self._guarantee = self._guaranteed(self._watch(state))
            # Watching takes at most a twentieth of the time.
            self._next_watch = time.perf_counter() + max(_WATCH_EVERY, 20.0 * (time.perf_counter() - now))
        self._bar.update(self._task, completed=self._share(state), description=self._line(state), refresh=True)
        self._next = time.perf_counter() + _EVERY

    def _target(self) -> float | None:
        tolerance = self._run.stop.relative_error
        return None if tolerance is None else 0.5 * (tolerance * self._run.problem.norm) ** 2

    def _share(self, state: Any) -> float:
        stop, done = self._run.stop, [0.0]
        if stop.max_steps:
            done.append(state.step / stop.max_steps)
        if stop.seconds:
            done.append(self._run.trace.seconds[-1] / stop.seconds)
        first, target = self._run.trace.loss[0], self._target()
        if target and state.loss > 0 and first > target:
            done.append(math.log(first / state.loss) / math.log(first / target))
        return min(1.0, max(done))

    def _line(self, state: Any) -> str:
        parts = [f"step {state.step}", f"loss {state.loss:.2e}", f"error {state.relative_error:.2e}"]
        (then, step, loss), (now, last, latest) = self._past[0], self._past[-1]
        if last > step and loss > 0 and latest > 0:
            fall = math.log(latest / loss) / (last - step)
            parts.append(f"×{math.exp(fall):.4g} a step")
            target = self._target()
            if target and fall < 0 and latest > target:
                seconds = math.log(target / latest) / fall * (now - then) / (last - step)
                parts.append(f"{_duration(seconds)} to {self._run.stop.relative_error:g}")
        return " · ".join([*parts, *filter(None, [self._guarantee])])

    def _guaranteed(self, part: Part | None) -> str:
        if part is None:
            return ""
        target = self._target()
        steps = part.steps_to(target) if target else None
        return f"guaranteed ≤ {steps} more steps" if steps is not None else f"guaranteed ×{part.rate:.4g} a step"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


@contextmanager
def waiting(what: str, *, shown: bool) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that a block is at work; what is yielded changes the words.

    Parameters
    ----------
    what : str
    shown : bool
        False for --quiet and --json.
    """
    screen = console(stderr=True) if shown else None
    if screen is None or not screen.is_terminal:
        yield lambda _: None
        return
    from rich.text import Text

    with screen.status(Text(what)) as status:
        yield lambda text: status.update(Text(text))
