"""Ctrl-C and the progress bar."""

from __future__ import annotations

import io
import itertools
import re
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import CERTIFICATE_KEYS, A, Run, files, strict
from numpy.testing import assert_array_equal
from rich.console import Console

import lopside as lo
from lopside.cli import progress


@pytest.mark.parametrize("place", ["f.npz", None])
def test_ctrl_c_saves_what_there_is(run: Run, monkeypatch: pytest.MonkeyPatch, place: str | None) -> None:
    def look(_: object, state: Any) -> None:
        if state.step == 7:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(progress.Progress, "look", look)
    before = signal.getsignal(signal.SIGINT)
    rest = ("--out", place) if place else ()
    code, out, err = run("factor", "a.npy", "--rank", "5", "--max-steps", "5000", "--json", *rest)
    fit = strict(out)
    assert code == 130
    assert fit["status"] == "interrupted"
    assert list(fit["certificate"]) == CERTIFICATE_KEYS
    assert "Interrupted after step 7" in err
    assert signal.getsignal(signal.SIGINT) is before
    if place:
        saved = lo.Solution.load(place)
        reference = lo.solve(lo.Full(A), rank=5, stop=lo.Stop(max_steps=7))
        assert_array_equal(saved.Y, reference.Y)
        assert saved.status is lo.Status.INTERRUPTED


def test_the_second_ctrl_c_ends_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: object, state: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(progress.Progress, "look", look)
    code, out, err = run("factor", "a.npy", "--rank", "5", "--solver", "agd", "--out", "f.npz")
    assert (code, out) == (130, "")
    assert "Interrupted" in err
    assert files(Path()) == ["a.npy"]


def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Make the progress bar believe in a wide terminal, and refresh at every step of a clock of its own."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(progress, "console", lambda **_: terminal)
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    monkeypatch.setattr(progress, "_WATCH_EVERY", 0.0)
    ticks = itertools.count()  # a clock that no other program can slow down
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: 1e-3 * next(ticks)))
    return shown


def test_the_bar_shows_what_is_guaranteed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    options = ("--rank", "6", "--step-size", "0.2", "--relative-error", "1e-8")
    code, out, _ = run("factor", "a.npy", *options)
    last = int(re.search(r"steps +(\d+)", out)[1])  # type: ignore[index]
    # Of one refresh: before the first promise there are some without.
    promises = re.findall(r"step (\d+) · loss(?:(?!· loss).)*?guaranteed ≤ (\d+) more steps", shown.getvalue())
    assert code == 0
    assert len(promises) > 3
    assert all(int(step) + int(more) >= last for step, more in promises)
    assert re.search(r"×0\.\d+ a step · \d+ s to 1e-08", shown.getvalue())


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_the_bar_can_be_switched_off(run: Run, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    shown = screen(monkeypatch)
    for method in ((), ("--solver", "agd")):
        assert run("factor", "a.npy", "--rank", "5", option, *method)[0] == 0
        assert shown.getvalue() == ""


def test_a_terminal_shows_that_work_is_going_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    assert run("factor", "a.npy", "--rank", "5")[0] == 0
    assert "factoring Full(40 × 30" in shown.getvalue()
