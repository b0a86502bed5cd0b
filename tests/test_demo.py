"""`lopside demo` does what the README promises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lopside as lo
from lopside import data, demo, demo_tables
from lopside.cli import main

NAMES = {"digits": (1797, 64), "china": (427, 640), "elevation": (344, 403)}

TABLES = {"digits with holes": (1797, 64), "stocks": (524, 10), "movielens": (943, 1682)}


def test_three_real_matrices_and_three_tables_with_holes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    for fit, table in zip(printed["tables"], TABLES, strict=True):
        assert (fit["name"], tuple(fit["shape"])) == (table, TABLES[table])
        assert fit["certificate"]["holds"] is (table != "movielens" or fit["excess"] < 0.2)
        assert fit["error_on_hidden"] < 0.85 * fit["spread_of_hidden"]
        assert (out / f"{table.replace(' ', '-')}.npz").is_file()
    # Half of each digit is hidden, and the ridge problem of all ranks is solved to a thousandth.
    assert printed["tables"][0]["excess"] < 2e-3
    assert printed["tables"][1]["excess"] < 2e-3
    pictures = sorted(path.stem for path in out.glob("*.png"))
    assert pictures == ["china", "convergence", "digits", "digits-with-holes", "elevation", "movielens", "stocks"]
    for name in pictures:
        with Image.open(out / f"{name}.png") as picture:
            extremes = np.asarray(picture.convert("L"))
        assert extremes.max() == 255
        assert extremes.min() < 60


def test_ratings_that_are_not_here_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_DATA", str(tmp_path))
    monkeypatch.setattr(demo_tables, "SUBJECTS", {name: demo_tables.SUBJECTS[name] for name in ("stocks", "movielens")})
    assert [fit.name for fit in demo_tables.fits(tmp_path / "out")] == ["stocks"]
    assert "make data" in (demo_tables.absent() or "")


def test_a_place_that_cannot_be_written_is_found_out_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "SUBJECTS", {})
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file" / "demo")]) == 2
    assert "cannot write" in capsys.readouterr().err
