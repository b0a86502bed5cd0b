"""The command line: what it prints, writes and returns, and what it says when it cannot."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from rich.console import Console

import lopside as lo
from lopside.cli import main, progress
from lopside.data import planted

FIT_KEYS = [
    *("shape", "rank", "status", "converged", "steps", "passes", "seconds", "loss", "relative_error"),
    *("best_relative_error_bounds", "certificate", "outputs"),
]
CERTIFICATE_KEYS = ["theorem", "holds", "gap", "rate", "failure_probability"]
A = planted((40, 30), np.linspace(1.0, 0.8, 3), rng=1).A

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in an empty folder that holds a.npy; return its code, output and errors."""
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


# --- factor ----------------------------------------------------------------------------------------------------


def test_json_is_the_run_of_the_library(run: Run, tmp_path: Path) -> None:
    options = ("--rank", "5", "--solver", "gd", "--step-size", "0.4/sigma1", "--start", "column-span", "--rng", "7")
    code, out, err = run("factor", "a.npy", *options, "--relative-error", "1e-6", "--out", "fit", "--json")
    solution = lo.solve(
        lo.Full(A),
        lo.solvers.GradientDescent("0.4/sigma1"),
        rank=5,
        start=lo.starts.ColumnSpan(),
        stop=lo.Stop(relative_error=1e-6),
        rng=7,
    )
    fit = strict(out)
    assert (code, err) == (0, "")
    assert list(fit) == FIT_KEYS
    assert list(fit["certificate"]) == CERTIFICATE_KEYS
    assert fit["shape"] == [40, 30]
    assert fit["status"] == "relative_error"
    for name in ("rank", "converged", "steps", "passes", "loss", "relative_error"):
        assert fit[name] == getattr(solution, name), name
    assert_allclose(fit["best_relative_error_bounds"], solution.certificate.best_relative_error_bounds, rtol=1e-6)
    for name in CERTIFICATE_KEYS:
        assert fit["certificate"][name] == getattr(solution.certificate, name), name
    assert fit["outputs"] == {"factors": "fit/factors.npz", "trace": "fit/trace.csv"}
    saved = lo.Solution.load("fit/factors.npz")
    assert_array_equal(saved.X, solution.X)
    trace = np.genfromtxt("fit/trace.csv", delimiter=",", names=True)
    assert_array_equal(trace["loss"], solution.trace.loss)
    assert trace["step"][-1] == solution.steps
    assert files(tmp_path) == ["a.npy", "fit/factors.npz", "fit/trace.csv"]


def test_a_table_for_people(run: Run) -> None:
    np.save("noise.npy", np.random.default_rng(0).standard_normal((12, 9)))
    s = np.linalg.svd(np.load("noise.npy"), compute_uv=False)
    least = np.linalg.norm(s[4:]) / np.linalg.norm(s)
    code, out, _ = run("factor", "noise.npy", "--rank", "4", "--start", "spectral", "--max-steps", "3")
    pairs = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert code == 0
    assert pairs["shape"] == "12 × 9"
    assert pairs["steps"].startswith("3 (the budget of steps was used up)")
    assert float(pairs["least possible"].split()[0]) == pytest.approx(least, rel=1e-5)
    assert float(pairs["relative error"]) == pytest.approx(least, rel=1e-5)
    assert "loss within" in pairs["certificate"]
    assert pairs["written"].startswith("nothing")
    assert files(Path()) == ["a.npy", "noise.npy"]


def test_every_input_format_gives_the_same_fit(run: Run) -> None:
    B = np.round(255 * np.abs(A) / np.abs(A).max())
    np.save("b.npy", B)
    np.savez("b.npz", v=B[0], B=B)
    np.savetxt("b.csv", B, delimiter=",", header="by numpy")
    np.savetxt("b.tsv", B, delimiter="\t")
    Image.fromarray(B.astype(np.uint8)).save("b.png")
    rows = "".join(f"{x:.0f}\n" for x in B.T.ravel())
    Path("b.mtx").write_text(f"%%MatrixMarket matrix array real general\n40 30\n{rows}")
    fits = []
    for name in ("b.npy", "b.npz", "b.csv", "b.tsv", "b.png", "b.mtx"):
        code, out, _ = run("factor", name, "--rank", "2", "--max-steps", "20", "--json")
        assert code == 0
        fits.append(strict(out)["relative_error"])
    assert_allclose(fits, fits[0], rtol=1e-12)


def test_pictures_on_request(run: Run) -> None:
    code, out, _ = run("factor", "a.npy", "--rank", "4", "--max-steps", "60", "--out", "f.npz", "--plot", "--json")
    assert code == 0
    assert strict(out)["outputs"] == {"factors": "f.npz", "png": "f.png", "svg": "f.svg"}
    with Image.open("f.png") as picture:
        assert min(picture.size) > 500
    assert Path("f.svg").read_text().rstrip().endswith("</svg>")


def test_quiet_is_quiet(run: Run) -> None:
    Path("h.csv").write_text("x,y\n1,2\n3,4\n")
    assert run("factor", "h.csv", "--rank", "1", "--quiet") == (0, "", "")
    code, out, err = run("factor", "h.csv", "--rank", "1", "--json")
    assert strict(out)["shape"] == [2, 2]
    assert "header" in err


@pytest.mark.parametrize(
    "B", [np.zeros((4, 3)), 1e150 * A, 1e-150 * A, np.arange(1.0, 6)[None], np.arange(1.0, 6)[:, None]]
)
def test_odd_matrices_give_sound_json(run: Run, B: np.ndarray) -> None:
    np.save("b.npy", B)
    code, out, _ = run("factor", "b.npy", "--rank", "1", "--max-steps", "40", "--json", "--out", "b.npz")
    fit = strict(out)
    s = np.linalg.svd(B / (np.abs(B).max() or 1.0), compute_uv=False)
    least = np.linalg.norm(s[1:]) / (np.linalg.norm(s) or 1.0)
    assert code == 0
    assert fit["relative_error"] == pytest.approx(least, rel=1e-3, abs=1e-7)
    assert all(fit["certificate"][name] is None or fit["certificate"][name] >= 0 for name in ("gap", "rate"))


# --- exit codes ------------------------------------------------------------------------------------------------

WRONG_USAGE = [
    (["factor", "a.npy"], "--rank"),
    (["factor", "a.npy", "--rank", "0"], "--rank"),
    (["factor", "a.npy", "--rank", "2.5"], "--rank"),
    (["factor", "a.npy", "--rank", "31"], "min(m, n) = 30"),
    (["factor", "a.npy", "--rank", "3", "--solver", "newton"], "agd, gd"),
    (["factor", "a.npy", "--rank", "3", "--start", "unbalanced[c=4]"], "Did you mean C?"),
    (["factor", "a.npy", "--rank", "3", "--step-size", "-1"], "> 0"),
    (["factor", "a.npy", "--rank", "3", "--step-size", "nan"], "number"),
    (["factor", "a.npy", "--rank", "3", "--relative-error", "nan"], "relative_error"),
    (["factor", "a.npy", "--rank", "3", "--seconds", "-1"], "seconds"),
    (["factor", "a.npy", "--rank", "3", "--sigma1", "0"], "sigma1"),
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

    monkeypatch.setattr(sys.modules["lopside.cli.factor"], "Run", work)
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


# --- Ctrl-C and the progress bar ---------------------------------------------------------------------------------


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
    code, out, err = run("factor", "a.npy", "--rank", "5", "--out", "f.npz")
    assert (code, out) == (130, "")
    assert "Interrupted" in err
    assert files(Path()) == ["a.npy"]


def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Make the progress bar believe in a wide terminal, and refresh at every step."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(progress, "console", lambda **_: terminal)
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    monkeypatch.setattr(progress, "_WATCH_EVERY", 0.0)
    return shown


def test_the_bar_shows_what_is_guaranteed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    options = ("--rank", "6", "--step-size", "0.2", "--relative-error", "1e-8")
    code, out, _ = run("factor", "a.npy", *options)
    last = int(re.search(r"steps +(\d+)", out)[1])  # type: ignore[index]
    promises = re.findall(r"step (\d+) · loss \S+ · error \S+ .*?guaranteed ≤ (\d+) more steps", shown.getvalue())
    assert code == 0
    assert len(promises) > 3
    assert all(int(step) + int(more) >= last for step, more in promises)
    assert re.search(r"×0\.\d+ a step · \d+ s to 1e-08", shown.getvalue())


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_the_bar_can_be_switched_off(run: Run, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    shown = screen(monkeypatch)
    assert run("factor", "a.npy", "--rank", "5", option)[0] == 0
    assert shown.getvalue() == ""


# --- the other commands ------------------------------------------------------------------------------------------


def test_certify_proves_from_the_files_what_the_run_proved(run: Run) -> None:
    _, out, _ = run("factor", "a.npy", "--rank", "5", "--relative-error", "1e-7", "--out", "f.npz", "--json")
    code, again, _ = run("certify", "a.npy", "f.npz", "--json")
    fit, proof = strict(out), strict(again)
    assert code == 0
    assert proof["certificate"]["holds"] is True
    for name in ("theorem", "rate", "failure_probability"):
        assert proof["certificate"][name] == fit["certificate"][name]
    assert proof["certificate"]["gap"] == pytest.approx(fit["certificate"]["gap"], rel=1e-6)
    assert proof["relative_error"] == pytest.approx(fit["relative_error"], rel=1e-9)
    assert any(part["theorem"].startswith("all-time") and part["checks"] for part in proof["parts"])
    code, text, _ = run("certify", "a.npy", "f.npz")
    assert code == 0
    assert re.search(r"holds +yes", text)
    assert "✓" in text


def test_certify_does_not_trust_the_factors(run: Run) -> None:
    run("factor", "a.npy", "--rank", "5", "--relative-error", "1e-7", "--out", "f.npz", "-q")
    np.save("other.npy", A + np.eye(40, 30))
    code, out, _ = run("certify", "other.npy", "f.npz", "--json")
    proof = strict(out)
    assert code == 0
    assert proof["certificate"]["rate"] is None
    assert proof["relative_error"] > 0.5


def test_certify_takes_a_plain_pair(run: Run) -> None:
    U, s, Vt = np.linalg.svd(A)
    np.savez("pair.npz", X=U[:, :2] * s[:2], Y=Vt[:2].T)
    code, out, _ = run("certify", "a.npy", "pair.npz", "--json")
    proof = strict(out)
    assert code == 0
    assert proof["rank"] == 2
    assert proof["certificate"]["gap"] < 1e-12
    low, high = proof["best_relative_error_bounds"]
    assert low <= s[2] / np.linalg.norm(s) * (1 + 1e-9)
    assert high >= s[2] / np.linalg.norm(s) * (1 - 1e-9)
    np.savez("near.npz", X=U[:, :3] * np.sqrt(s[:3]) * 1.001, Y=Vt[:3].T * np.sqrt(s[:3]))
    code, out, _ = run("certify", "a.npy", "near.npz", "--solver", "agd", "--step-size", "0.5/sigma1", "--json")
    assert code == 0
    assert strict(out)["certificate"]["theorem"].startswith("all-time")


@pytest.mark.parametrize(
    ("name", "contents", "phrase"),
    [
        ("f.npz", b"PK nothing", "zip"),
        ("x.npz", {"X": A[:, :2]}, "no Y"),
        ("s.npz", {"X": A[:7, :2], "Y": A[:30, :2]}, "40 rows"),
        ("d.npz", {"X": A[:, :2], "Y": A[:30, :3]}, "number"),
        ("n.npz", {"X": A[:, :2] * np.nan, "Y": A[:30, :2]}, "NaN"),
        ("gone.npz", None, "nothing there"),
    ],
)
def test_unusable_factors_are_3(run: Run, name: str, contents: Any, phrase: str) -> None:
    if isinstance(contents, bytes):
        Path(name).write_bytes(contents)
    elif contents is not None:
        np.savez(name, **contents)
    code, out, err = run("certify", "a.npy", name, "--json")
    assert (code, out) == (3, "")
    assert phrase in err


def test_a_saved_run_knows_its_solver(run: Run) -> None:
    run("factor", "a.npy", "--rank", "2", "--max-steps", "2", "--out", "f.npz", "-q")
    code, _, err = run("certify", "a.npy", "f.npz", "--solver", "agd")
    assert code == 2
    assert "saved run" in err


def test_catalog_lists_what_factor_takes(run: Run) -> None:
    code, out, _ = run("catalog", "--json")
    listed = strict(out)
    assert code == 0
    assert {"solvers", "starts", "step sizes", "figures", "data", "theorems"} == set(listed)
    assert all(entry["summary"] for entries in listed.values() for entry in entries)
    for kind, option in (("solvers", "--solver"), ("starts", "--start"), ("step sizes", "--step-size")):
        for entry in listed[kind]:
            code, _, err = run("factor", "a.npy", "--rank", "3", "--max-steps", "1", option, entry["text"], "-q")
            assert code == 0, err
    code, out, _ = run("catalog")
    assert code == 0
    assert "small-gaussian" in out


CLAIMS = "claim,source,expected,measured,holds\nfaster,WK23,less,3,true\nslower,WK23,more,2,false\n"


def test_reproduce_reports_files_and_claims(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def redo(name: str, out: Path, *, progress: Callable[[str], None]) -> list[Path]:
        progress(f"{name}: running")
        (out / "claims.csv").write_text(CLAIMS)
        return [out / "claims.csv"]

    monkeypatch.setattr("lopside.reproduce.reproduce", redo)
    code, out, err = run("reproduce", "fig1", "--out", "figures", "--json")
    done = strict(out)
    assert code == 0
    assert err == "fig1: running\n"
    assert done["outputs"] == [str(Path("figures/claims.csv"))]
    assert [claim["holds"] for claim in done["claims"]] == [True, False]
    code, out, _ = run("reproduce", "all", "--out", "figures")
    assert code == 0
    assert "1 of 2 claims hold" in out
    assert "slower" in out
    assert "faster" not in out


@pytest.mark.parametrize(("name", "place"), [("fig77", "figures"), ("fig1", "a.npy/figures")])
def test_reproduce_refuses_before_it_works(run: Run, name: str, place: str) -> None:
    code, out, err = run("reproduce", name, "--out", place)
    assert (code, out) == (2, "")
    assert "expected" in err
    assert files(Path()) == ["a.npy"]


def test_help_names_the_commands_and_the_exit_codes(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for word in ("factor", "certify", "reproduce", "catalog", "demo", "Exit codes", "130"):
        assert word in out


def test_a_console_without_the_signs_gets_escapes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", A)
    command = [sys.executable, "-m", "lopside", "factor", "a.npy", "--rank", "3"]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PATH": ""}
    json_run = subprocess.run([*command, "--json"], capture_output=True, cwd=tmp_path, env=environment, check=True)
    assert strict(json_run.stdout.decode("ascii"))["rank"] == 3
    text_run = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=True)
    assert b"40 \\xd7 30" in text_run.stdout


def test_version() -> None:
    done = subprocess.run([sys.executable, "-m", "lopside", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["lopside", lo.__version__]
