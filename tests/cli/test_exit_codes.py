"""Exit codes, and what is said with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CERTIFICATE_KEYS, FIT_KEYS, A, Run, files, strict

import lopside as lo

WRONG_USAGE = [
    (["factor", "a.npy"], "--rank"),
    (["factor", "a.npy", "--rank", "0"], "--rank"),
    (["factor", "a.npy", "--rank", "2.5"], "--rank"),
    (["factor", "a.npy", "--rank", "31"], "min(m, n) = 30"),
    (["factor", "a.npy", "--rank", "3", "--solver", "newton"], "agd, gd"),
    (["factor", "a.npy", "--rank", "3", "--start", "unbalanced[c=4]"], "Did you mean C?"),
    (["factor", "a.npy", "--rank", "3", "--step-size", "-1"], "> 0"),
    (["factor", "a.npy", "--rank", "3", "--step-size", "nan"], "a finite number > 0"),
    (["factor", "a.npy", "--rank", "3", "--relative-error", "nan"], "relative_error"),
    (["factor", "a.npy", "--rank", "3", "--seconds", "-1"], "seconds"),
    (["factor", "a.npy", "--rank", "3", "--sigma1", "0"], "sigma1"),
    (["factor", "a.npy", "--solver", "agd", "--relative-error", "0.1"], "got --solver without --rank"),
    (["factor", "a.npy", "--tol", "1e-3", "--relative-error", "0.1"], "--tol without --rank"),
    (["factor", "a.npy", "--rank", "3", "--tol", "1e-3", "--max-steps", "9"], "got --tol with --max-steps"),
    (["factor", "a.npy", "--rank", "3", "--tol", "0"], "tol 0"),
    (["factor", "a.npy", "--rank", "3", "--memory-limit", "1e-9"], "memory_limit"),
    (["factor", "a.npy", "--relative-error", "1.5"], "less than 1"),
    (["factor", "a.npy", "--rank", "3", "--plot"], "--out"),
    (["factor", "a.npy", "--rank", "3", "--out", "a.npy"], "a folder"),
    (["factor", "a.npy", "--rank", "3", "--out", "fit.csv"], ".npz"),
    (["certify", "a.npy", "pair.npz", "--step-size", "1"], "--solver"),
    (["certify", "a.npy", "pair.npz", "--solver", "sgd"], "agd, gd"),
    (["draw", "a.npy"], "draw"),
]


@pytest.mark.parametrize(("arguments", "phrase"), WRONG_USAGE)
def test_wrong_usage_is_2(run: Run, arguments: list[str], phrase: str) -> None:
    np.savez("pair.npz", X=A[:, :2], Y=np.ones((30, 2)))
    before = files(Path())
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert phrase in err
    assert "Traceback" not in err
    assert files(Path()) == before


UNUSABLE = [
    (np.where(A > 0.1, np.nan, A), "Completion"),
    (np.where(A > 0.1, np.inf, A), "row"),
    (A[0], "1 dimensions"),
    (A[None], "3 dimensions"),
    (A[:0], "empty"),
    (A + 1j, "complex"),
    (np.array([["a", "b"]]), "text"),
    (np.array([[1, None]], dtype=object), "pickled"),
    (1e200 * A, "1e153"),
]


@pytest.mark.parametrize(("B", "phrase"), UNUSABLE)
@pytest.mark.parametrize("command", ["factor", "certify"])
def test_unusable_input_is_3(run: Run, B: np.ndarray, phrase: str, command: str) -> None:
    np.save("b.npy", B)
    np.savez("pair.npz", X=A[:, :2], Y=np.ones((30, 2)))
    rest = ("--rank", "2", "--out", "fit") if command == "factor" else ("pair.npz",)
    code, out, err = run(command, "b.npy", *rest, "--json")
    assert (code, out) == (3, "")
    assert phrase in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert files(Path()) == ["a.npy", "b.npy", "pair.npz"]


def test_a_file_that_is_not_there_is_3(run: Run) -> None:
    code, out, err = run("factor", "b.npy", "--rank", "2")
    assert (code, out) == (3, "")
    assert "nothing there" in err


@pytest.mark.parametrize("tolerance", ["--relative-error", "--gradient-norm"])
def test_a_tolerance_missed_is_4(run: Run, tolerance: str) -> None:
    code, out, err = run("factor", "a.npy", "--rank", "5", tolerance, "1e-9", "--max-steps", "3", "--json")
    assert code == 4
    assert strict(out)["converged"] is False
    assert "after 3 steps" in err


def test_a_budget_without_a_tolerance_is_0(run: Run) -> None:
    assert run("factor", "a.npy", "--rank", "5", "--max-steps", "3", "--no-progress", "0.5", "-q")[0] == 0


def test_divergence_is_5_and_keeps_the_last_finite_factors(run: Run) -> None:
    code, out, err = run("factor", "a.npy", "--rank", "5", "--step-size", "9", "--out", "f.npz", "--json")
    fit, saved = strict(out), lo.Solution.load("f.npz")
    assert code == 5
    assert list(fit) == FIT_KEYS
    assert list(fit["certificate"]) == CERTIFICATE_KEYS
    assert fit["status"] == "diverged"
    assert np.isfinite(saved.matrix()).all()
    assert saved.loss == fit["loss"]
    assert f"the factors of step {fit['steps']} are in f.npz" in err


def test_a_place_that_cannot_be_written_is_found_out_before_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise AssertionError("the run was begun")

    for name in ("Run", "factorize"):
        monkeypatch.setattr(sys.modules["lopside.cli.factor"], name, work)
    for place in ("a.npy/fit", "a.npy/fit.npz"):
        code, out, err = run("factor", "a.npy", "--rank", "3", "--out", place)
        assert (code, out) == (2, "")
        assert "cannot write" in err


def test_the_input_is_never_overwritten(run: Run) -> None:
    Path("fit").mkdir()
    for place in ("a.npz", "fit/factors.npz"):
        np.savez(place, A=A)
        before = Path(place).read_bytes()
        out = place if place == "a.npz" else "fit"
        code, _, err = run("factor", place, "--rank", "3", "--out", out)
        assert code == 2
        assert "INPUT" in err
        assert Path(place).read_bytes() == before


@pytest.mark.parametrize("command", [["factor", "a.npy", "--rank", "3"], ["certify", "a.npy", "pair.npz"], ["demo"]])
def test_an_unusable_number_of_threads_is_2(run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setenv("LOPSIDE_THREADS", "abc")
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "LOPSIDE_THREADS" in err


def test_want_of_memory_is_not_blamed_on_the_matrix(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(sys.modules["lopside.cli.factor"], "factorize", work)
    code, out, err = run("factor", "a.npy", "--rank", "3", "--out", "new/fit")
    assert (code, out) == (3, "")
    assert "Unable to allocate 9 TiB" in err
    assert "factors" not in err
    assert not Path("new").exists()


def test_an_early_interruption_leaves_no_empty_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["lopside.cli.factor"], "factorize", work)
    code, out, err = run("factor", "a.npy", "--rank", "3", "--out", "new/fit")
    assert (code, out, err) == (130, "", "Interrupted\n")
    assert not Path("new").exists()
