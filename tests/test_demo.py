"""`lopside demo` does what the README promises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lopside as lo
from lopside import data, demo
from lopside.cli import main

NAMES = {"digits": (1797, 64), "china": (427, 640), "elevation": (344, 403)}


def test_three_real_matrices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert {fit["name"]: tuple(fit["shape"]) for fit in printed["fits"]} == NAMES
    for fit in printed["fits"]:
        A = getattr(data, fit["name"])()
        s = np.linalg.svd(A, compute_uv=False)
        least = np.linalg.norm(s[20:]) / np.linalg.norm(s)
        saved = lo.Solution.load(out / f"{fit['name']}.npz")
        reached = np.linalg.norm(saved.X @ saved.Y.T - A) / np.linalg.norm(A)
        assert saved.rank == 20
        assert fit["relative_error"] == pytest.approx(reached, rel=1e-9)
        assert least <= reached * (1 + 1e-12)
        assert reached <= 1.001 * least
        assert fit["excess"] >= reached / least - 1 - 1e-12
        assert fit["excess"] < 1e-3
        assert fit["seconds"] < 15
    pictures = sorted(path.stem for path in out.glob("*.png"))
    assert pictures == ["china", "convergence", "digits", "elevation"]
    for name in pictures:
        with Image.open(out / f"{name}.png") as picture:
            extremes = np.asarray(picture.convert("L"))
        assert extremes.max() == 255
        assert extremes.min() < 60


def test_a_place_that_cannot_be_written_is_found_out_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "SUBJECTS", {})
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file" / "demo")]) == 2
    assert "cannot write" in capsys.readouterr().err
