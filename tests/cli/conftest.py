"""The command, run in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import A, Run

from lopside.cli import main


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
