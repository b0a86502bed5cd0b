"""`lopside factor`: what it prints, writes and leaves out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from command_line import CERTIFICATE_KEYS, FIT_KEYS, A, Run, files, strict
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import lopside as lo


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
