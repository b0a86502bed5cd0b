"""`--checkpoint`: a command that is interrupted, or killed, and given again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import A, Run, files, strict
from numpy.testing import assert_array_equal

import lopside as lo
from lopside.cli import progress
from lopside.errors import FileError
from lopside.io import previous_of, read_sealed

KEPT = ("--checkpoint", "run.ckpt", "--checkpoint-every", "0")


@contextmanager
def interrupting(at: int) -> Iterator[None]:
    def look(_: object, state: Any) -> None:
        if state.step == at:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress.Progress, "look", look)
        yield


def test_the_same_command_goes_on(run: Run) -> None:
    command = ("factor", "a.npy", "-r", "3", "--solver", "agd", "--max-steps", "40", "--json", "--out", "f.npz")
    with interrupting(7):
        code, out, err = run(*command, *KEPT)
    assert (code, strict(out)["steps"]) == (130, 7)
    assert "Interrupted after step 7; " in err
    assert "The same command goes on from run.ckpt" in err
    code, out, err = run(*command, *KEPT)
    assert code == 0
    assert err.startswith("Resumed from run.ckpt at step 7\n")
    resumed = lo.Solution.load("f.npz")
    code, whole, err = run(*command)
    assert "Resumed" not in err
    expected = lo.Solution.load("f.npz")
    assert_array_equal(resumed.X, expected.X)
    assert_array_equal(resumed.Y, expected.Y)
    assert resumed.trace.loss == expected.trace.loss
    assert (strict(out) | {"seconds": 0}) == (strict(whole) | {"seconds": 0})
    assert files(Path()) == ["a.npy", "f.npz", "run.ckpt", "run.ckpt.previous"]


def test_a_larger_budget_goes_on_from_the_end(run: Run) -> None:
    command = ("factor", "a.npy", "-r", "3", "--solver", "als", "--json", "--quiet", *KEPT[:2])
    assert strict(run(*command, "--max-steps", "4")[1])["steps"] == 4
    code, out, err = run(*command, "--max-steps", "9")
    assert (code, strict(out)["steps"], err) == (0, 9, "")
    assert (
        strict(out)["loss"] == lo.solve(lo.Full(A), lo.solvers.AlternatingLeastSquares(), rank=3, stop=lo.Stop(9)).loss
    )


def test_completion_too(run: Run) -> None:
    i, j = np.nonzero(np.random.default_rng(0).random(A.shape) < 0.6)
    Path("r.csv").write_text(
        "".join(f"{a},{b},{A[a, b].item()!r}\n" for a, b in zip(i.tolist(), j.tolist(), strict=True))
    )
    command = ("complete", "r.csv", "-r", "2", "--lambda", "0.01", "--max-steps", "8", "--json", "--holdout", "0.1")
    with interrupting(3):
        code, _, err = run(*command, *KEPT)
    assert code == 130
    assert "The same command goes on from run.ckpt" in err
    code, out, err = run(*command, *KEPT)
    assert (code, "Resumed from run.ckpt at step 3\n" in err) == (0, True)
    assert (strict(out) | {"seconds": 0}) == (strict(run(*command)[1]) | {"seconds": 0})


def test_the_best_fit_too(run: Run, searching: None) -> None:
    command = ("factor", "a.npy", "-r", "2", "--json")
    whole = strict(run(*command)[1])
    code, out, err = run(*command, *KEPT)
    assert (code, err) == (0, "")
    code, again, err = run(*command, *KEPT)
    assert err == "Going on from run.ckpt, if that is of this run\n"
    assert strict(out) | {"seconds": 0} == strict(again) | {"seconds": 0} == whole | {"seconds": 0}


def test_damage_is_told_and_another_run_refused(run: Run) -> None:
    command = ("factor", "a.npy", "-r", "2", "--solver", "als", "--max-steps", "5", *KEPT)
    run(*command)
    for name in ("run.ckpt", "run.ckpt.previous"):
        assert Path(name).exists()
    whole = Path("run.ckpt").read_bytes()
    Path("run.ckpt").write_bytes(whole[:100])
    code, _, err = run(*command)
    assert code == 0
    assert "Warning: cannot read run.ckpt" in err
    assert "goes on from the one before it, run.ckpt.previous" in err
    code, out, err = run(*command[:3], "3", *command[4:])
    assert (code, out) == (2, "")
    assert "the checkpoint of another run: rank 2 (here 3)" in err
    Path("run.ckpt").write_bytes(b"1,2\n")
    previous_of("run.ckpt").unlink()
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "delete it to begin anew" in err
    code, out, err = run("factor", "a.npy", "-r", "2", "--checkpoint-every", "3")
    assert (code, out) == (2, "")
    assert "got --checkpoint-every without --checkpoint" in err


def reached_one() -> bool:
    try:
        return read_sealed("run.ckpt")[0]["state"][1]["step"] > 0
    except FileError:  # nothing there yet
        return False


def test_killed_and_given_again(run: Run, tmp_path: Path) -> None:
    """The whole program, killed while it runs."""
    command = ("factor", "a.npy", "-r", "3", "--solver", "gd", "--step-size", "0.001", "--quiet")
    asked = (*command, "--max-steps", "99999999", *KEPT)
    with subprocess.Popen([sys.executable, "-m", "lopside", *asked], cwd=tmp_path) as process:
        deadline = time.monotonic() + 60.0
        while process.poll() is None and not reached_one() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    code, out, err = run(*command[:-1], "--json", "--max-steps", "0", *KEPT)
    reached = strict(out)["steps"]
    assert reached > 0
    assert f"Resumed from run.ckpt at step {reached}" in err
    code, out, err = run(*command[:-1], "--json", "--max-steps", str(reached + 20), *KEPT)
    code, whole, err = run(*command[:-1], "--json", "--max-steps", str(reached + 20))
    assert strict(out) | {"seconds": 0} == strict(whole) | {"seconds": 0}


def test_the_result_needs_a_file_of_its_own(run: Run) -> None:
    for command in (("factor", "a.npy"), ("complete", "r.csv")):
        code, out, err = run(*command, "-r", "2", "--checkpoint", "f.npz", "--out", "./f.npz")
        assert (code, out) == (2, "")
        assert "for --checkpoint and for --out; expected two files" in err
