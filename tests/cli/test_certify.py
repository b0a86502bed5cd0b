"""`lopside certify`: proofs from the files alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import A, Run, strict


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
