"""`lopside complete`: what it reads, proves, estimates, predicts and writes."""

from __future__ import annotations

import csv
import io
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from command_line import CERTIFICATE_KEYS, FIT_KEYS, Run, files, strict
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from rich.console import Console
from scipy import io as scipy_io
from scipy import sparse

import lopside as lo
from lopside.cli import progress

MORE_KEYS = ["entries", "mean", "ridge", "ridge_path", "holdout"]
RNG = np.random.default_rng(3)
M, N = 40, 25
WHOLE = 3.0 + RNG.standard_normal((M, 2)) @ RNG.standard_normal((2, N)) + 0.5 * RNG.standard_normal((M, 1))
KNOWN = RNG.random((M, N)) < 0.6
I, J = np.nonzero(KNOWN)
VALUES = np.round(WHOLE[I, J] + 0.1 * RNG.standard_normal(len(I)), 3)
USERS, FILMS = np.array([f"u{i:02}" for i in range(M)]), np.arange(N) + 100
HOLES = np.full((M, N), np.nan)
HOLES[I, J] = VALUES
FIXED = ("--rank", "2", "--lambda", "0.05")


@pytest.fixture(autouse=True)
def ratings(tmp_path: Path) -> None:
    lines = [f"{USERS[i]},{FILMS[j]},{v}" for i, j, v in zip(I, J, VALUES, strict=True)]
    (tmp_path / "r.csv").write_text("\n".join(["user,film,stars", *lines, ""]))


def problem(ridge: float = 0.05, **options: Any) -> lo.Completion:
    asked: dict[str, Any] = {"bias": "both", "ridge_scaling": "smoothed"} | options
    return lo.Completion(I, J, VALUES, ridge=ridge, **asked)


def stop(**conditions: Any) -> lo.Stop:
    asked: dict[str, Any] = {"max_steps": 500, "gap": 1e-4, "no_progress": 1e-5, "every": 10} | conditions
    return lo.Stop(**asked)


def fit(of: lo.Completion, rank: int = 2, solver: Any = None, **conditions: Any) -> lo.Solution:
    run = lo.Run(of, solver, rank=rank, stop=stop(**conditions))
    for _ in run:
        pass
    return run.solution()


def test_json_is_the_fit_of_the_library(run: Run) -> None:
    code, out, err = run("complete", "r.csv", *FIXED, "--out", "fit", "--json")
    told, solution = strict(out), fit(problem())
    assert code == 0
    assert "column 2 (film)" in err
    assert list(told) == FIT_KEYS + MORE_KEYS
    assert list(told["certificate"]) == CERTIFICATE_KEYS
    assert (told["shape"], told["rank"], told["entries"]) == ([M, N], 2, len(I))
    for name in ("converged", "steps", "passes", "loss", "relative_error"):
        assert told[name] == getattr(solution, name), name
    assert told["certificate"]["gap"] == solution.certificate.gap
    assert (told["ridge_path"], told["holdout"]) == (None, None)
    saved = lo.Solution.load("fit/factors.npz")
    assert_array_equal(saved.X, solution.X)
    assert saved.setting is not None
    assert_array_equal(saved.setting.row_ids, USERS)
    assert_array_equal(saved.setting.column_ids, FILMS)
    assert saved.setting.mean == told["mean"] == pytest.approx(VALUES.mean())
    trace = np.genfromtxt("fit/trace.csv", delimiter=",", names=True)
    assert_array_equal(trace["loss"], solution.trace.loss)
    assert told["outputs"] == {"factors": "fit/factors.npz", "trace": "fit/trace.csv"}


def test_the_ridge_and_the_error_on_unseen_entries_are_the_library_s(run: Run) -> None:
    code, out, _ = run("complete", "r.csv", "--rank", "2", "--holdout", "0.2", "--rng", "5", "--json")
    told = strict(out)
    rng = np.random.default_rng(5)
    kept, held = problem(0.0).split(0.2, rng)
    choice = lo.choose_ridge(kept, 2, rng=rng)
    assert code == 0
    assert told["ridge"] == choice.ridge
    assert [step["rmse"] for step in told["ridge_path"]] == [step.error for step in choice.tried]
    assert min(told["ridge_path"], key=lambda step: step["rmse"])["ridge"] == choice.ridge
    part = kept.with_ridge(choice.ridge)
    solution = fit(part)
    missed = part.predict(solution, held.rows, held.columns) - held.values
    assert told["holdout"]["entries"] == len(held.values) == round(0.2 * len(I))
    assert told["holdout"]["rmse"] == pytest.approx(part.error(solution, held), rel=1e-12)
    assert told["holdout"]["mae"] == pytest.approx(np.abs(missed).mean(), rel=1e-12)
    assert told["holdout"]["rmse"] < 0.6 * told["holdout"]["baseline_rmse"]
    assert told["loss"] == fit(problem(choice.ridge)).loss  # all entries are fitted


@pytest.mark.parametrize("bias", ["none", "mean", "both"])
def test_the_baseline_is_the_best_without_factors(run: Run, bias: str) -> None:
    _, out, _ = run(
        "complete", "r.csv", *FIXED, "--holdout", "0.2", "--bias", bias, "--ridge-scaling", "none", "--json"
    )
    kept, held = problem(bias=bias, ridge_scaling="none").split(0.2, np.random.default_rng(0))
    guess = np.full(len(held.values), kept.mean)
    if bias == "both":
        rows = np.repeat(np.arange(M), kept.by_rows.counts())
        design = np.zeros((kept.entries + M + N, M + N))
        design[np.arange(kept.entries), rows] = design[np.arange(kept.entries), M + kept.by_rows.indices] = 1.0
        design[kept.entries :] = np.sqrt(0.05) * np.eye(M + N)
        b = np.linalg.lstsq(design, np.append(kept.by_rows.values, np.zeros(M + N)))[0]
        guess += b[held.rows] + b[M + held.columns]
    expected = np.sqrt(np.mean((guess - held.values) ** 2))
    assert strict(out)["holdout"]["baseline_rmse"] == pytest.approx(expected, rel=1e-6)


def test_a_table_keeps_what_is_proved_and_what_is_estimated_apart(run: Run) -> None:
    code, out, _ = run("complete", "r.csv", "--rank", "2", "--holdout", "0.1", "--out", "fit.npz")
    head, path = out.split("\n\n", 1)
    pairs = dict(re.split(r"  +", line, maxsplit=1) for line in head.splitlines())
    assert code == 0
    assert pairs["shape"].startswith("40 × 25, ")
    assert pairs["optimality of the fit"].startswith("proved: loss ")
    assert "RMSE" not in pairs["optimality of the fit"]
    assert pairs["error on unseen entries"].startswith("estimated: RMSE ")
    assert pairs["written"] == "fit.npz; the factors are fitted to all entries"
    assert len(re.findall(r"chosen", path)) == 1
    _, out, _ = run("complete", "r.csv", *FIXED)
    assert "not estimated (--holdout 0.1 does)" in out
    assert "nothing (--out FOLDER keeps the factors)" in out


def write(name: str) -> tuple[str, ...]:
    match name:
        case "r.parquet":
            pl.DataFrame({"user": USERS[I], "film": FILMS[J], "stars": VALUES}).write_parquet(name)
        case "r.npz":
            np.savez(name, rows=I, columns=J, values=VALUES)
        case "r.mtx":
            scipy_io.mmwrite(name, sparse.coo_array((VALUES, (I, J)), shape=(M, N)))
        case "t.npy":
            np.save(name, HOLES)
        case "t.csv":
            cells = [[USERS[i], *("" if np.isnan(v) else v for v in HOLES[i])] for i in range(M)]
            with open(name, "w", newline="") as file:
                csv.writer(file).writerows([["", *(f"f{j}" for j in range(N))], *cells])
        case "t.parquet":
            columns = {str(FILMS[j]): [None if np.isnan(v) else float(v) for v in HOLES[:, j]] for j in range(N)}
            pl.DataFrame({"user": USERS, **columns}).write_parquet(name)
    return ("--table",) if name.startswith("t") else ()


@pytest.mark.parametrize("name", ["r.csv", "r.parquet", "r.npz", "r.mtx", "t.npy", "t.csv", "t.parquet"])
def test_every_input_gives_the_same_fit_and_is_proved_from_its_files(run: Run, name: str) -> None:
    layout = write(name)
    code, out, _ = run("complete", name, *layout, *FIXED, "--out", "f.npz", "--json")
    told = strict(out)
    assert code == 0
    assert told["loss"] == pytest.approx(fit(problem()).loss, rel=1e-12)
    code, out, _ = run("certify", name, "f.npz", *layout, "--json")
    proof = strict(out)
    assert code == 0
    assert proof["certificate"]["holds"] is True
    assert proof["certificate"]["gap"] == pytest.approx(told["certificate"]["gap"], rel=0.2, abs=1e-9)
    assert (proof["rank"], proof["loss"]) == (2, pytest.approx(told["loss"], rel=1e-12))


def test_predictions_carry_the_ids_they_were_asked_for(run: Run) -> None:
    Path("pairs.csv").write_text("user,film\nu03,107\nu39,100\nnobody,100\nnobody,7\n")
    code, _, err = run("complete", "r.csv", *FIXED, "--predict", "pairs.csv", "--out", "fit", "-q")
    assert (code, err) == (0, "")
    with open("fit/predictions.csv", newline="") as file:
        header, *rows = csv.reader(file)
    solution, asked = fit(problem()), problem()
    assert header == ["row", "column", "prediction"]
    assert [row[:2] for row in rows] == [["u03", "107"], ["u39", "100"], ["nobody", "100"], ["nobody", "7"]]
    expected = asked.predict(solution, [3, 39, -1, -1], [7, 0, 0, -1])
    assert_allclose([float(row[2]) for row in rows], expected, rtol=1e-12)
    assert expected[3] == asked.mean
    code, _, err = run("complete", "r.csv", *FIXED, "--predict", "pairs.csv", "--out", "p.tsv")
    assert "the first line of pairs.csv is read as a header (user, film)" in err
    assert "2 of 4 pairs in pairs.csv have a row or column that was not there" in err
    pl.DataFrame({"film": [107], "user": ["u03"], "x": [1]}).write_parquet("pairs.parquet")
    options = ("--row", "user", "--column", "film", "--value", "stars", "--predict", "pairs.parquet", "--out", "fit")
    assert run("complete", "r.csv", *FIXED, *options, "-q")[0] == 0
    found = pl.read_parquet("fit/predictions.parquet")
    assert found.rows() == [("u03", 107, pytest.approx(expected[0], rel=1e-12))]


@pytest.mark.parametrize("name", ["r.csv", "t.npy", "t.parquet"])
def test_a_filled_table_keeps_what_is_known(run: Run, name: str) -> None:
    layout = write(name)
    code, out, _ = run("complete", name, *layout, *FIXED, "--fill", "--clip", "--out", "fit", "--json")
    written = strict(out)["outputs"]["filled"]
    assert code == 0
    assert Path(written).suffix == Path(name).suffix
    if name == "r.csv":
        with open(written, newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["", *map(str, FILMS)]
        assert [row[0] for row in rows] == USERS.tolist()
        A = np.array([row[1:] for row in rows], float)
    else:
        A = np.load(written) if name == "t.npy" else pl.read_parquet(written).drop("row").to_numpy()
    assert_array_equal(A[I, J], VALUES)
    solution = fit(problem())
    expected = np.clip(solution.matrix() + problem().mean, VALUES.min(), VALUES.max())
    assert_allclose(A[~KNOWN], expected[~KNOWN], rtol=1e-9)
    assert ((expected == VALUES.min()) | (expected == VALUES.max()))[~KNOWN].any()


def test_the_same_seed_gives_the_same_files(run: Run) -> None:
    errors = []
    for name, seed in (("one", "4"), ("two", "4"), ("three", "5")):
        code, out, _ = run("complete", "r.csv", *FIXED, "--holdout", "0.1", "--rng", seed, "--out", name, "--json")
        assert code == 0
        errors.append(strict(out)["holdout"]["rmse"])
    one, two = (lo.Solution.load(f"{name}/factors.npz") for name in ("one", "two"))
    assert one.X.tobytes() == two.X.tobytes()
    assert one.Y.tobytes() == two.Y.tobytes()
    assert errors[0] == errors[1] != errors[2]


def test_a_gap_that_is_not_reached_is_4(run: Run) -> None:
    code, out, err = run("complete", "r.csv", *FIXED, "--gap", "1e-12", "--max-steps", "3", "--json")
    assert code == 4
    assert strict(out)["converged"] is False
    assert "after 3 steps" in err
    assert "before the gap of 1e-12" in err
    code, out, _ = run("complete", "r.csv", "--rank", "6", "--lambda", "0.1", "--gap", "1e-6", "--json")
    told = strict(out)
    assert (code, told["status"]) == (0, "gap")
    assert told["certificate"]["gap"] <= 1.2e-6 * told["loss"]


def test_ctrl_c_keeps_the_factors_so_far(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: object, state: Any) -> None:
        if state.step == 3:
            signal.raise_signal(signal.SIGINT)

    Path("pairs.csv").write_text("u03,107\n")
    monkeypatch.setattr(progress.Progress, "look", look)
    options = ("--holdout", "0.1", "--predict", "pairs.csv", "--out", "fit", "--json")
    code, out, err = run("complete", "r.csv", *FIXED, *options)
    told = strict(out)
    assert code == 130
    assert (told["status"], told["holdout"], told["certificate"]["holds"]) == ("interrupted", None, False)
    assert "Interrupted after step 3; what there is of step 3 is in fit/factors.npz" in err
    assert_array_equal(lo.Solution.load("fit/factors.npz").Y, fit(problem(), max_steps=3).Y)
    assert files(Path("fit")) == ["factors.npz", "predictions.csv", "trace.csv"]


def test_ctrl_c_while_estimating_keeps_the_fit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    def look(_: object, state: Any) -> None:
        starts.extend([state] if state.step == 0 else [])
        if len(starts) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(progress.Progress, "look", look)
    code, out, err = run("complete", "r.csv", *FIXED, "--holdout", "0.1", "--out", "fit", "--json")
    told = strict(out)
    assert (code, told["holdout"], told["loss"]) == (130, None, fit(problem()).loss)
    assert "before the error on unseen entries was estimated" in err


def test_ctrl_c_while_the_ridge_is_chosen_says_the_best_so_far(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["lopside.cli.completing"]
    search = module.ridge_search  # type: ignore[attr-defined]

    def interrupted(*given: Any, **options: Any) -> Any:
        for fit in search(*given, **options):
            signal.raise_signal(signal.SIGINT)
            yield fit

    monkeypatch.setattr(module, "ridge_search", interrupted)
    code, out, err = run("complete", "r.csv", "--rank", "2", "--out", "new/fit")
    assert (code, out) == (130, "")
    assert re.search(r"Interrupted while λ was chosen; the best of 1 so far is (\S+)\. .* Try --lambda \1\n", err)
    assert files(Path()) == ["a.npy", "r.csv"]


@pytest.mark.parametrize("solver", ["als", "agd"])
def test_a_terminal_shows_what_is_going_on(run: Run, monkeypatch: pytest.MonkeyPatch, solver: str) -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(progress, "console", lambda **_: terminal)
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    monkeypatch.setattr(progress, "_WATCH_EVERY", 0.0)
    code, _, _ = run("complete", "r.csv", "--rank", "2", "--solver", solver, "--max-steps", "20")
    assert code == 0
    for words in ("reading r.csv", "choosing λ", "step 1 · loss"):
        assert words in shown.getvalue()
    assert "guaranteed" not in shown.getvalue()


def test_pictures_on_request(run: Run) -> None:
    code, out, _ = run("complete", "r.csv", "--rank", "2", "--out", "f.npz", "--plot", "--json")
    assert code == 0
    assert strict(out)["outputs"] == {"factors": "f.npz", "png": "f.png", "svg": "f.svg"}
    with Image.open("f.png") as picture:
        assert min(picture.size) > 400


WRONG_USAGE = [
    (["r.csv", "--lambda", "-1"], "finite number ≥ 0, or auto"),
    (["r.csv", "--lambda", "nan"], "finite number ≥ 0, or auto"),
    (["r.csv", "--lambda", "0", "--gap", "1e-4"], "nothing is proved"),
    (["r.csv", "--bias-ridge", "1"], "--lambda auto"),
    (["r.csv", *FIXED, "--bias", "sideways"], "columns, both"),
    (["r.csv", *FIXED, "--ridge-scaling", "log"], "smoothed"),
    (["r.csv", *FIXED, "--holdout", "1"], "between 0 and 1"),
    (["r.csv", *FIXED, "--solver", "newton"], "agd, gd"),
    (["r.csv", *FIXED, "--solver", "block-krylov"], "Completion"),
    (["r.csv", *FIXED, "--duplicates", "first"], "error, mean, last"),
    (["r.csv", *FIXED, "--table", "--column", "film"], "--table"),
    (["r.csv", "--rank", "26", "--lambda", "1"], "min(m, n) = 25"),
    (["r.csv", *FIXED, "--fill"], "without --out"),
    (["r.csv", *FIXED, "--plot"], "without --out"),
    (["r.csv", *FIXED, "--predict", "r.csv"], "without --out"),
    (["r.csv", *FIXED, "--fill", "--out", "f.npz"], "expected a folder"),
    (["r.csv", *FIXED, "--out", "f.csv"], "expected a folder"),
    (["r.csv", *FIXED, "--fill", "--out", "r.csv"], "which is read"),
    (["r.csv", *FIXED, "--gap", "-1"], "gap"),
]


@pytest.mark.parametrize(("arguments", "phrase"), WRONG_USAGE)
def test_wrong_usage_is_2(run: Run, arguments: list[str], phrase: str) -> None:
    before = Path("r.csv").read_bytes()
    code, out, err = run("complete", *arguments)
    assert (code, out) == (2, "")
    assert phrase in err
    assert "Traceback" not in err
    assert files(Path()) == ["a.npy", "r.csv"]
    assert Path("r.csv").read_bytes() == before


UNUSABLE = [
    ("gone.csv", None, [], "nothing there"),
    ("b.csv", "u,f,s\na,b,c\n", [], "no number"),
    ("b.csv", "a,b,1\na,c\n", [], "2 cells in line 2"),
    ("b.csv", "a,b,nan\n", [], "is missing"),
    ("b.csv", "a,b,1\nc,b,1\na,b,2\n", [], "('a', 'b'), a value 2 times; expected one. Try --duplicates"),
    ("b.csv", "a,b,1,-1\n", ["--weight", "4"], "weights ≥ 0"),
    ("b.csv", "a,b\n,\n", ["--table"], "no observed entries"),
    ("b.csv", "a,b\n1,\n2,x\n", ["--table"], "line 3, column 2"),
    ("b.csv", "a,b,1\nb,c,2\n", ["--value", "stars"], "no column 'stars'"),
    ("b.xlsx", "a,b,1\n", [], "unknown ending"),
]


@pytest.mark.parametrize(("name", "text", "rest", "phrase"), UNUSABLE)
def test_unusable_input_is_3(run: Run, name: str, text: str | None, rest: list[str], phrase: str) -> None:
    if text is not None:
        Path(name).write_text(text)
    code, out, err = run("complete", name, "--rank", "1", "--lambda", "1", *rest, "--json")
    assert (code, out) == (3, "")
    assert phrase in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1


def test_a_table_too_large_to_fill_is_refused_with_its_size(run: Run) -> None:
    np.savez("s.npz", rows=[0, 1], columns=[0, 99_999], values=[1.0, 2.0], shape=[60_000, 100_000])
    code, _, err = run("complete", "s.npz", "--rank", "1", "--lambda", "1", "--fill", "--out", "fit")
    assert code == 2
    assert "60000 × 100000 = 6e+09 cells" in err
    assert "--predict" in err


@pytest.mark.parametrize(
    ("change", "rest", "phrase"),
    [
        (lambda text: text.replace("u00", "new"), [], "other row ids"),
        (lambda text: "\n".join(text.splitlines()[:200]), [], "rows and columns"),
        (lambda text: text.replace(",3.", ",4."), [], "mean"),
        (lambda text: text, ["--center"], "--center"),
    ],
)
def test_certify_wants_the_entries_of_the_fit(run: Run, change: Any, rest: list[str], phrase: str) -> None:
    run("complete", "r.csv", *FIXED, "--out", "f.npz", "-q")
    Path("r.csv").write_text(change(Path("r.csv").read_text()))
    code, out, err = run("certify", "r.csv", "f.npz", *rest)
    assert code in (2, 3)
    assert out == ""
    assert phrase in err
