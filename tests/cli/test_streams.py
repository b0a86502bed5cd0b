"""Standard output that takes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import A

COMMAND = [sys.executable, "-m", "lopside"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("rest", [["factor", "a.npy", "--rank", "2", "--json"], ["catalog"], ["--help"]])
def test_a_full_output_gets_a_sentence(tmp_path: Path, rest: list[str]) -> None:
    np.save(tmp_path / "a.npy", A)
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, *rest], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: cannot write to standard output: No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(("quiet", "code"), [("", 2), ("--quiet", 0)])
def test_a_closed_output_gets_a_sentence(tmp_path: Path, quiet: str, code: int) -> None:
    np.save(tmp_path / "a.npy", A)
    line = f"exec '{sys.executable}' -m lopside factor a.npy --rank 2 {quiet} >&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == code
    assert ("cannot write to standard output: it is closed" in done.stderr) == (code == 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("rest", [["catalog"], ["catalog", "--json"], ["--help"]])
def test_a_reader_that_went_away_is_met_with_silence(rest: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *rest], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
