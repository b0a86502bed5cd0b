"""The lab: what the papers show is seen live, and what a page says repeats the run elsewhere, bit for bit."""

from __future__ import annotations

import contextlib
import io
import math
import shlex
import sqlite3
import statistics
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.catalog import SOLVERS, STARTS, STEP_SIZES
from lopside.errors import ConvergenceWarning
from lopside.lens.lab.picture import picture
from lopside.lens.lab.recipes import RECIPES
from lopside.lens.lab.running import events
from lopside.lens.lab.saying import as_commands, as_python
from lopside.lens.lab.settings import MOST_STEPS, RANGES, Settings

PRESETS = [(recipe, preset) for recipe in RECIPES.values() for preset in recipe.presets]
NAMES = [f"{recipe.name}: {preset.name}" for recipe, preset in PRESETS]


def run(settings: Settings) -> list[dict]:
    return list(events(settings, threading.Event()))


def ends(made: list[dict]) -> dict[str, list[dict]]:
    """Return the ends of all curves, by start."""
    found: dict[str, list[dict]] = {}
    for event in made:
        if event["kind"] == "end":
            found.setdefault(made[0]["curves"][event["curve"]]["start"], []).append(event)
    return found


@pytest.mark.parametrize("name", ["Figure 2, d = 10", "Figure 2, d = 6"])
def test_the_four_starts_are_in_the_order_of_figure_2(name: str) -> None:
    """[WK23, Fig 2]: the proposed start gets by far the furthest; by the theory's step no other gets anywhere."""
    (settings,) = [preset.settings for recipe, preset in PRESETS if preset.name == name]
    assert settings.solver == "gd"
    left = {start: statistics.median(end["error"] for end in of) for start, of in ends(run(settings)).items()}
    assert [start.partition("[")[0] for start in sorted(left, key=left.__getitem__)] == [
        "unbalanced",
        "unbalanced-gaussian",
        "column-span",
        "gaussian",
    ]
    assert min(left.values()) < 1e-9
    assert sorted(left.values())[1] > 0.5


@pytest.mark.parametrize(("recipe", "preset"), PRESETS, ids=NAMES)
def test_a_preset_keeps_below_every_bound_that_is_drawn(recipe, preset) -> None:
    made = run(preset.settings)
    assert made[-1]["kind"] == "done"
    (proof,) = [event for event in made if event["kind"] == "proof"]
    points = [
        pair
        for event in made
        if event["kind"] == "points" and event["curve"] == proof["curve"]
        for pair in zip(event["steps"], event["errors"], strict=True)
    ]
    assert points[0][0] == 0
    for part in proof["parts"]:
        assert part["checks"]
        if part["line"]:
            assert part["holds"]
            steps, bounds = zip(*part["line"], strict=True)
            for step, error in points:
                later = [bound for at, bound in zip(steps, bounds, strict=True) if at >= step]
                if later and step >= steps[0]:
                    floor = 1e-28  # of errors squared, where rounding takes over
                    assert later[0] is not None
                    # the bound falls, so between two of its points it is at most that of the one before
                    before = [bound for at, bound in zip(steps, bounds, strict=True) if at <= step][-1]
                    assert error <= before * (1 + 1e-6) + floor
    assert {check["holds"] for part in proof["parts"] for check in part["checks"]} <= {True, False}


def test_bounds_are_drawn_where_hypotheses_hold_and_only_there() -> None:
    def drawn(settings: Settings) -> set[str]:
        (proof,) = [event for event in run(settings) if event["kind"] == "proof"]
        return {part["theorem"].partition(" at ")[0] for part in proof["parts"] if part["line"]}

    small = Settings(m=30, n=30, r=2, d=4, runs=1, steps=300, step="0.05/sigma1")
    assert "all-time theorem" in drawn(small)
    assert drawn(replace(small, noise=0.1)) == set()
    assert drawn(replace(small, starts=("gaussian[scale=0.1]",), steps=3)) == set()


def test_the_same_settings_make_the_same_curves() -> None:
    settings = Settings(m=40, n=30, r=3, d=5, runs=2, steps=200, starts=("unbalanced", "gaussian[scale=0.1]"))

    def curves() -> list[dict]:
        return [{k: v for k, v in event.items() if k not in ("seconds", "said")} for event in run(settings)]

    one, other = ([e for e in curves() if e["kind"] in ("begin", "end", "factors")] for _ in range(2))
    assert one == other
    points = [[(e["steps"], e["errors"]) for e in curves() if e["kind"] == "points"] for _ in range(2)]
    flat = [[sum((p[k] for p in of), []) for k in (0, 1)] for of in points]
    assert flat[0] == flat[1]


SAID = (
    Settings(m=40, n=30, r=3, d=5, runs=2, steps=200, starts=("unbalanced", "gaussian[scale=0.1]")),
    Settings(m=20, n=25, r=2, d=2, runs=1, steps=100, solver="gd", step="0.25/sigma1", spectrum="geometric", kappa=4.0),
    Settings(m=30, n=20, r=3, d=3, runs=1, steps=20, noise=0.05, seed=7, solver="als", starts=("gaussian",)),
    Settings(m=20, n=20, r=2, d=4, runs=2, steps=40, step="0.2", starts=("gd / gaussian", "als / unbalanced")),
    Settings(m=30, n=20, r=4, d=6, runs=1, steps=50, step="0.5/sigma1", noise=0.1, spectrum="one large", kappa=3.0),
)


ROUNDING = 1e-29
"""Of squares of relative errors: runs that end at it end at different ones."""


@pytest.mark.parametrize("settings", SAID, ids=range(len(SAID)))
def test_the_python_that_is_shown_repeats_the_run(settings: Settings) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(compile(as_python(settings), "shown", "exec"), {})
    lines = [line.rsplit(" ", 3) for line in said.getvalue().splitlines()]
    here = [(start, end) for start, of in ends(run(settings)).items() for end in of]
    for (start, end), line in zip(here, lines, strict=False):
        assert line[0].endswith(" " + start.rpartition(" / ")[2])
        assert int(line[2]) == end["steps"]
        assert math.isclose(float(line[3]) ** 2, end["error"], rel_tol=1e-6, abs_tol=ROUNDING)
    assert "holds" in said.getvalue() or "✓" in said.getvalue() or "proved" in said.getvalue()


@pytest.mark.parametrize("settings", SAID, ids=range(len(SAID)))
def test_the_commands_that_are_shown_repeat_the_first_curve(settings: Settings, tmp_path: Path) -> None:
    for command in as_commands(settings).splitlines():
        words = shlex.split(command)
        start = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "lopside"]
        json = [] if words[0] == "python" else ["--json"]
        done = subprocess.run([*start, *words[1:], *json], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 4), done.stderr
    import json as reader

    told = reader.loads(done.stdout)
    first = next(iter(ends(run(settings)).values()))[0]
    assert told["steps"] == first["steps"]
    assert math.isclose(told["relative_error"] ** 2, first["error"], rel_tol=1e-6, abs_tol=ROUNDING)


def test_a_run_ends_soon_after_it_is_told() -> None:
    import time

    settings = Settings(m=400, n=400, r=5, d=20, starts=("gaussian[scale=0.1]",), steps=5000, runs=10)
    cancelled, told = threading.Event(), None
    for event in events(settings, cancelled):
        if event["kind"] == "points" and told is None:
            told = time.perf_counter()
            cancelled.set()
    assert told is not None
    assert time.perf_counter() - told < 0.3


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name not in ("woodruff-yasuda", "gnmr")])
def test_every_solver_of_the_catalog_runs(solver: str) -> None:
    made = run(Settings(m=20, n=20, r=2, d=2, solver=solver, step="0.2/sigma1", runs=1, steps=20, starts=("gaussian",)))
    assert made[-1]["kind"] == "done"
    assert [event["steps"] for event in made if event["kind"] == "end"] != []


@pytest.mark.parametrize("start", STARTS)
def test_every_start_of_the_catalog_runs(start: str) -> None:
    made = run(Settings(m=20, n=20, r=2, d=2, step="0.2/sigma1", runs=1, steps=20, starts=(start,)))
    (end,) = [event for event in made if event["kind"] == "end"]
    assert end["steps"] > 0 or end["status"]


TEXT = st.one_of(
    st.text(max_size=30),
    st.integers(-(10**9), 10**9).map(str),
    st.floats(allow_nan=True).map(str),
    st.sampled_from(["1e999", "-0", "٣", "1_000", " 7 ", "0x10", "agd[step_size=nan]", "gaussian[scale=1e400]", "["]),
)


@given(st.dictionaries(st.sampled_from([*RANGES, "spectrum", "solver", "step"]), TEXT), st.lists(TEXT, max_size=8))
def test_whatever_an_address_says_settings_are_sound_and_say_themselves(given_, starts) -> None:
    settings, said = Settings.read(given_, starts)
    for name, allowed in RANGES.items():
        value = getattr(settings, name)
        assert allowed.low <= value <= allowed.high
        assert not allowed.whole or isinstance(value, int)
    assert settings.r <= settings.d <= min(settings.m, settings.n)
    assert 1 <= settings.steps <= MOST_STEPS
    assert all(sentence.endswith((".", "?")) and len(sentence) < 500 for sentence in said)
    from urllib.parse import parse_qs

    again, nothing = Settings.read(
        {k: v[-1] for k, v in parse_qs(settings.query()).items()}, parse_qs(settings.query()).get("start", [])
    )
    assert (again.key(), nothing) == (settings.key(), [])


def test_the_picture_of_a_run_that_diverged_is_finite() -> None:
    made = run(Settings(m=20, n=20, r=2, d=4, solver="gd", step="40", runs=2, steps=200, starts=("gaussian",)))
    drawn = picture(made)
    numbers = [float(x) for line in (*drawn.lines, *drawn.bounds) for p in line.points.split() for x in p.split(",")]
    assert numbers
    assert all(map(math.isfinite, numbers))


def test_pages_of_the_lab(client, post) -> None:
    shown = client.get("/lab/gd-small-init?m=20&n=20&r=2&d=2&steps=50&runs=1")
    assert "Not run yet" in shown.text
    made = post("/lab/gd-small-init", {"m": "20", "n": "20", "r": "2", "d": "2", "steps": "50", "runs": "1"})
    assert made.status_code == 200
    assert "Relative error: " in made.text
    again = client.get("/lab/gd-small-init?m=20&n=20&r=2&d=2&steps=50&runs=1")
    assert "Relative error: " in again.text  # kept
    told = client.get("/lab/gd-small-init.json?m=20&n=20&r=2&d=2&steps=50&runs=1").json()
    assert told["events"][-1]["kind"] == "done"
    drawn = client.get(f"/lab/gd-small-init.svg?{told['query']}")
    assert ElementTree.fromstring(drawn.text).tag.endswith("svg")
    assert client.get("/lab/gd-small-init.svg?m=21").status_code == 404
    assert "is beyond 10 to 400" in client.get("/lab/gd-small-init?m=100000").text
    assert "is no whole number" in client.get("/lab/gd-small-init?m=many").text
    assert client.get("/p/ye2021-global/lab", follow_redirects=False).headers["location"] == "/lab/gd-small-init"
    assert client.get("/p/kim2022-rank/lab").status_code == 404


def test_a_stream_has_settings_first_and_lines_of_json(client, post) -> None:
    import json

    sent = {"stream": "1", "m": "20", "n": "20", "r": "2", "d": "2", "steps": "30", "runs": "1", "seed": "5"}
    lines = [json.loads(line) for line in post("/lab/agd-unbalanced", sent).text.splitlines()]
    assert [lines[0]["kind"], lines[1]["kind"], lines[-1]["kind"]] == ["settings", "begin", "done"]
    assert "rng=5" in lines[0]["python"]


@pytest.mark.parametrize("start", ["power-sketch[power=1000000000]", "als[inner_steps=100000] / gaussian"])
def test_what_cannot_be_stopped_in_between_is_left_out(start: str) -> None:
    settings, said = Settings.read({}, [start, "gaussian"])
    assert settings.starts == ("gaussian",)
    assert "more than the 32" in said[0]


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name not in ("woodruff-yasuda", "gnmr")])
@pytest.mark.parametrize("step", STEP_SIZES)
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.filterwarnings("ignore:the Ye–Du step is:UserWarning")
def test_solvers_steps_and_noise_go_together_or_say_what_is_used(solver: str, step: str, noise: float) -> None:
    step = f"{step}[factor=0.5]" if step == "over-sigma1" else step
    asked = {"m": "20", "n": "20", "r": "2", "d": "2", "solver": solver, "step": step, "noise": str(noise)}
    settings, said = Settings.read(asked | {"steps": "5", "runs": "1"}, ["gaussian"])
    assert as_python(settings)
    assert as_commands(settings)
    (end,) = [event for event in run(settings) if event["kind"] == "end"]
    assert end["steps"] > 0
    assert bool(said) == solver.endswith("scaled-gd")


def test_a_run_that_cannot_be_kept_is_shown(app, client, post) -> None:
    small = {"m": "20", "n": "20", "r": "2", "d": "2", "steps": "30", "runs": "1", "stream": "1"}
    path = app.state.store.path
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = post("/lab/agd-unbalanced", small).text.splitlines()
        other.execute("ROLLBACK")
    assert "could not be kept" in told[-1]
    assert "could not be kept" not in post("/lab/agd-unbalanced", small).text
