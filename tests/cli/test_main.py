"""The other commands, the help, and consoles that are none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import A, Run, files, strict

import lopside as lo
from lopside.catalog import PARTIAL


def test_catalog_lists_what_factor_takes(run: Run) -> None:
    code, out, _ = run("catalog", "--json")
    listed = strict(out)
    assert code == 0
    assert {"solvers", "starts", "step sizes", "figures", "data", "theorems"} == set(listed)
    assert all(entry["summary"] for entries in listed.values() for entry in entries)
    for kind, option in (("solvers", "--solver"), ("starts", "--start"), ("step sizes", "--step-size")):
        for entry in listed[kind]:
            code, _, err = run("factor", "a.npy", "--rank", "3", "--max-steps", "1", option, entry["text"], "-q")
            if entry["text"] in PARTIAL:
                assert code in (2, 3)
                assert "Completion" in err
            else:
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
