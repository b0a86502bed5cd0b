"""`lopside factor` without a method: the best fit of a rank, proved, from every kind of file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CERTIFICATE_KEYS, FIT_KEYS, Run, files, strict
from numpy.testing import assert_allclose, assert_array_equal
from scipy import io, sparse

import lopside as lo
from lopside.io import matrices

RNG = np.random.default_rng(5)
B = np.where(RNG.random((70, 50)) < 0.2, RNG.standard_normal((70, 50)), 0.0)
B[:, 0] += 3.0


def least(matrix: np.ndarray, d: int) -> float:
    s = np.linalg.svd(matrix, compute_uv=False)
    return float(np.linalg.norm(s[d:]) / np.linalg.norm(s))


def write(name: str) -> None:
    match name:
        case "b.npy":
            np.save(name, B)
        case "b.npz":
            sparse.save_npz(name, sparse.csc_array(B))
        case "b.mtx":
            io.mmwrite(name, sparse.coo_array(B))
        case "b.csv":
            np.savetxt(name, B, delimiter=",")


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("name", ["b.npy", "b.npz", "b.mtx", "b.csv"])
def test_the_best_fit_from_every_file(run: Run, name: str, center: bool) -> None:
    write(name)
    rest = ("--center",) if center else ()
    code, out, _ = run("factor", name, "--rank", "6", "--out", "fit", "--json", *rest)
    fit, saved = strict(out), lo.Solution.load("fit/factors.npz")
    target = B - B.mean(axis=0) if center else B
    assert code == 0
    assert list(fit) == FIT_KEYS
    assert list(fit["certificate"]) == CERTIFICATE_KEYS
    assert fit["converged"] is True
    assert fit["certificate"]["gap"] is not None
    assert fit["relative_error"] == pytest.approx(least(target, 6), rel=1e-6)
    low, high = fit["best_relative_error_bounds"]
    assert low <= least(target, 6) * (1 + 1e-12)
    assert high >= least(target, 6) * (1 - 1e-12)
    assert_allclose(np.linalg.norm(saved.matrix() - target) / np.linalg.norm(target), fit["relative_error"], rtol=1e-9)
    code, out, _ = run("certify", name, "fit/factors.npz", "--json", *rest)
    assert code == 0
    assert strict(out)["relative_error"] == pytest.approx(fit["relative_error"], rel=1e-9)


def test_a_file_too_large_to_load_gives_the_same_fit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save("b.npy", B)
    _, out, _ = run("factor", "b.npy", "--rank", "4", "--json")

    def unread(path: Path) -> Any:
        raise AssertionError(f"{path} was read as a whole")

    monkeypatch.setattr(matrices.read_matrix, "__kwdefaults__", {"load_limit": 0})
    monkeypatch.setattr(matrices, "read_npy", unread)
    code, mapped, err = run("factor", "b.npy", "--rank", "4", "--json")
    assert code == 0
    assert "block by block" in err
    assert strict(mapped)["relative_error"] == pytest.approx(strict(out)["relative_error"], rel=1e-9)
    code, _, err = run("factor", "b.npy", "--rank", "4", "--plot", "--out", "fit")
    assert code == 2
    assert "too large to draw" in err


def test_the_least_rank_for_an_error(run: Run) -> None:
    np.save("b.npy", B)
    code, out, _ = run("factor", "b.npy", "--relative-error", "0.5", "--json")
    fit = strict(out)
    assert code == 0
    assert fit["relative_error"] <= 0.5 < least(B, fit["rank"] - 1)
    assert fit["status"] == "relative_error"


def test_the_table_says_what_was_chosen_and_what_it_took(run: Run) -> None:
    np.save("b.npy", B)
    code, out, err = run("factor", "b.npy", "--rank", "4")
    table, proof = out.split("\n\n", 1)
    pairs = dict(re.split(r"  +", line, maxsplit=1) for line in table.splitlines())
    solution = lo.factorize(B, 4)
    assert (code, err) == (0, "")
    assert pairs["chosen"] == "; ".join(solution.choices)
    assert re.fullmatch(r"\d+ \(.* read, at most .*B of memory beside A\)", pairs["passes over A"])
    assert pairs["certificate"].startswith(solution.certificate.verdict()[:40])
    assert proof.strip() == solution.certificate.summary().strip()


def test_the_same_seed_gives_the_same_file(run: Run) -> None:
    np.save("b.npy", B)
    for name in ("one.npz", "two.npz"):
        assert run("factor", "b.npy", "--rank", "4", "--rng", "3", "--out", name, "-q")[0] == 0
    one, two = (lo.Solution.load(name) for name in ("one.npz", "two.npz"))
    assert_array_equal(one.X, two.X)
    assert_array_equal(one.Y, two.Y)


def test_pictures_of_the_best_fit(run: Run) -> None:
    np.save("b.npy", B)
    code, out, _ = run("factor", "b.npy", "--rank", "4", "--center", "--out", "f.npz", "--plot", "--json")
    assert code == 0
    assert strict(out)["outputs"] == {"factors": "f.npz", "png": "f.png", "svg": "f.svg"}
    assert files(Path()) == ["a.npy", "b.npy", "f.npz", "f.png", "f.svg"]


def test_ctrl_c_keeps_the_best_fit_so_far(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    C = np.random.default_rng(1).standard_normal((900, 400))
    np.save("c.npy", C)
    reads = []
    image = lo.Full.image

    def interrupted(problem: lo.Full, V: np.ndarray) -> Any:
        reads.append(V.shape)
        if len(reads) == 5:  # not by a signal: it may arrive inside a callback that swallows exceptions
            raise KeyboardInterrupt
        return image(problem, V)

    monkeypatch.setattr(lo.Full, "image", interrupted)
    code, out, err = run("factor", "c.npy", "--rank", "5", "--out", "f.npz", "--json")
    fit, saved = strict(out), lo.Solution.load("f.npz")
    assert code == 130
    assert fit["status"] == "interrupted"
    assert fit["converged"] is False
    assert "are in f.npz" in err
    assert saved.relative_error == pytest.approx(np.linalg.norm(saved.matrix() - C) / np.linalg.norm(C), rel=1e-9)
    assert saved.relative_error < 1.02 * least(C, 5)


def test_a_tolerance_that_cannot_be_proved_is_4(run: Run) -> None:
    np.save("c.npy", np.random.default_rng(1).standard_normal((900, 400)).astype(np.float32))
    code, out, err = run("factor", "c.npy", "--rank", "5", "--tol", "1e-30", "--json")
    assert code == 4
    assert strict(out)["converged"] is False
    assert err.startswith("Error: the arithmetic cannot prove more")
    assert err.count("\n") == 1
