"""A run that goes on from a checkpoint ends in the bits of one that was never interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_runs import KILLED, PROBLEMS, completion, full, killed, matrix, plain_completion, sensing, told

import lopside as lo
from lopside.catalog import SOLVERS, parse
from lopside.errors import ConvergenceWarning
from lopside.io import previous_of

STEPS, RANK = 23, 3


def problems_of(name: str) -> list[str]:
    if name == "gnmr":
        return ["plain completion", "sensing", "functions"]
    return ["full", "wide", "column-major"] if name == "block-krylov" else list(PROBLEMS)


CASES = [(name, problem) for name in SOLVERS for problem in problems_of(name)]


def make(problem: str) -> Any:
    return plain_completion() if problem == "plain completion" else PROBLEMS[problem]()


def stretched(problem: Any, solver: Any, stop: lo.Stop, **options: Any) -> lo.Solution:
    return lo.solve(problem, solver, rank=RANK, rng=7, stop=stop, trace_every=7, **options)


@cache
def uninterrupted(name: str, problem: str) -> dict[str, Any]:
    return told(stretched(make(problem), parse("solver", name), lo.Stop(max_steps=STEPS)))


@pytest.mark.parametrize(("name", "problem"), CASES)
@pytest.mark.parametrize("kept", [0, 9])
def test_every_solver_on_every_problem(name: str, problem: str, kept: int, tmp_path: Path) -> None:
    solver, path = parse("solver", name), tmp_path / "run.ckpt"
    stretched(make(problem), solver, lo.Stop(max_steps=kept), checkpoint=path)
    resumed = stretched(make(problem), solver, lo.Stop(max_steps=STEPS), checkpoint=path)
    assert told(resumed) == uninterrupted(name, problem)
    assert (
        resumed.certificate.summary()
        == stretched(make(problem), solver, lo.Stop(max_steps=STEPS)).certificate.summary()
    )


@pytest.mark.parametrize(
    ("problem", "solver", "options"),
    [
        (full, "agd", {"watch": True, "stop": lo.Stop(max_steps=400)}),
        (full, "agd", {"stop": lo.Stop(max_steps=700, relative_error=1e-9, no_progress=1e-3)}),
        (full, "agd", {"stop": lo.Stop(max_steps=60, excess=1e-6, every=10)}),
        (full, "scaled-gd", {"stop": lo.Stop(max_steps=60, gap=1e-8, gradient_norm=1e-9)}),
        (full, "block-krylov[block=2,basis=12]", {"stop": lo.Stop(max_steps=60, excess=1e-13)}),
        (full, "nesterov", {"start": parse("start", "spectral")}),
        (full, "gd", {"rng": np.random.Generator(np.random.MT19937(2))}),
        (completion, "als", {"stop": lo.Stop(max_steps=60, gap=1e-7)}),
        (lambda: completion(0.1, "none"), "nesterov[step_size=0.001]", {"stop": lo.Stop(max_steps=40)}),
        (sensing, "als[inner_steps=3]", {}),
        (lambda: lo.Full(matrix(), center=True, weights=np.linspace(1, 2, 60)), "als", {}),
    ],
)
def test_at_every_step_it_can_be_kept_at(
    problem: Any, solver: str, options: dict[str, Any], tmp_path: Path, searching: None
) -> None:
    """The run is cut after each state in turn, not only where a budget cuts it."""
    asked = {"rank": RANK, "rng": 7, "trace_every": 10, "stop": lo.Stop(max_steps=30)} | options

    def kept() -> Path:
        path = tmp_path / "run.ckpt"
        path.unlink(missing_ok=True)
        previous_of(path).unlink(missing_ok=True)
        return path

    def once(**where: Any) -> lo.Run:
        fresh = {**asked, "rng": np.random.Generator(np.random.MT19937(2))} if "rng" in options else asked
        return lo.Run(problem(), parse("solver", solver), **fresh, **where)

    run, path = once(checkpoint=kept(), every=0), tmp_path / "run.ckpt"
    copies = [path.read_bytes() for _ in run.stretches()]
    whole, plain = told(run.solution()), once()
    for _ in plain.stretches():
        pass
    assert whole == told(plain.solution())
    assert len(copies) >= 3
    for copy in copies[:: max(1, len(copies) // 5)] + copies[-2:]:
        kept().write_bytes(copy)
        again = once(checkpoint=path)
        assert again.resumed == path
        for _ in again.stretches():
            pass
        assert told(again.solution()) == whole
        assert (again.certified is None) == (run.certified is None)
        assert str(again.certified) == str(run.certified)


def test_a_decomposition_is_paid_for_once(tmp_path: Path) -> None:
    """The singular values of a small matrix, which conditions ask for, count as reads only when first computed."""
    path, stop = tmp_path / "run.ckpt", lo.Stop(max_steps=60, excess=1e-9, every=10)
    asked: dict[str, Any] = {"rank": 3, "stop": stop}
    with pytest.warns(ConvergenceWarning):
        whole = lo.solve(full(), **asked)
    for state in lo.Run(full(), **asked, checkpoint=path, every=0).stretches():
        if state.step == 30:
            break
    with pytest.warns(ConvergenceWarning):
        assert told(lo.solve(full(), **asked, checkpoint=path)) == told(whole)


def test_in_another_process(tmp_path: Path) -> None:
    path, stop = tmp_path / "run.ckpt", lo.Stop(max_steps=620)
    for name in KILLED:
        killed(name, stop=lo.Stop(max_steps=510), checkpoint=path.with_name(name))
    script = (
        "import sys, json, hashlib; sys.path.insert(0, sys.argv[1]); import kept_runs, lopside as lo\n"
        "for name in kept_runs.KILLED:\n"
        "    ended = kept_runs.killed(name, stop=lo.Stop(max_steps=620), checkpoint=f'{sys.argv[2]}/{name}')\n"
        "    print(json.dumps(hashlib.sha256(repr(kept_runs.told(ended)).encode()).hexdigest()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent.parent), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = [sha256(repr(told(killed(name, stop=stop))).encode()).hexdigest() for name in KILLED]
    assert [json.loads(line) for line in said.splitlines()] == expected


def test_one_by_one_and_in_stretches_are_the_same_run(tmp_path: Path) -> None:
    path, solver = tmp_path / "run.ckpt", lo.solvers.AlternatingGradientDescent()
    asked: dict[str, Any] = {"rank": 3, "stop": lo.Stop(max_steps=250)}
    run = lo.Run(full(), solver, **asked, checkpoint=path, every=0)
    for state in run:
        if state.step == 137:
            break
    assert told(lo.solve(full(), solver, **asked, checkpoint=path)) == told(lo.solve(full(), solver, **asked))


def test_a_run_that_is_over_stays_so_and_costs_nothing(tmp_path: Path) -> None:
    path, asked = tmp_path / "run.ckpt", {"rank": 3, "stop": lo.Stop(max_steps=50)}
    first = lo.solve(full(), **asked, checkpoint=path)
    written = path.stat().st_mtime_ns
    again = lo.solve(full(), **asked, checkpoint=path)
    assert told(again) == told(first)
    assert again.seconds == first.seconds
    assert path.stat().st_mtime_ns == written


def test_the_clock_goes_on(tmp_path: Path) -> None:
    path, solver = tmp_path / "run.ckpt", lo.solvers.GradientDescent(1e-6)
    stop = lo.Stop(max_steps=None, seconds=0.3)
    first = lo.solve(full(), solver, rank=3, stop=stop, checkpoint=path, every=0)
    assert first.status is lo.Status.SECONDS
    longer = lo.solve(full(), solver, rank=3, stop=lo.Stop(max_steps=None, seconds=0.4), checkpoint=path, every=0)
    assert longer.steps > first.steps
    assert 0.4 <= longer.seconds < 0.65
    assert longer.trace.seconds == sorted(longer.trace.seconds)
    tighter = lo.solve(full(), solver, rank=3, stop=lo.Stop(max_steps=5), checkpoint=path, every=0)
    assert (tighter.status, tighter.steps) == (lo.Status.MAX_STEPS, longer.steps)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (lo.Stop(max_steps=60), lo.Stop(relative_error=0.5), lo.Status.RELATIVE_ERROR),
        (lo.Stop(relative_error=0.2), lo.Stop(relative_error=0.2, max_steps=9000), lo.Status.RELATIVE_ERROR),
        (lo.Stop(relative_error=0.2), lo.Stop(relative_error=0.17), lo.Status.RELATIVE_ERROR),
    ],
)
def test_other_conditions_are_looked_at_first(before: Any, after: Any, status: lo.Status, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    first = lo.solve(full(), rank=3, stop=before, checkpoint=path)
    then = lo.solve(full(), rank=3, stop=after, checkpoint=path)
    assert then.status is status
    assert (then.steps > first.steps) == (first.relative_error > after.relative_error)
