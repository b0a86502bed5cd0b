"""What the README shows in Python runs as it stands, in its order."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import array_api_strict
import dask.array
import numpy as np
import pytest

import lopside as lo

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def surroundings() -> dict[str, Any]:
    """Return what a reader has at hand: a matrix, factors to start from, ratings, and a table with holes."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((60, 5)) @ rng.standard_normal((5, 40)) + 0.1 * rng.standard_normal((60, 40))
    rows, cols = np.nonzero(rng.random(A.shape) < 0.5)
    table = np.where(rng.random(A.shape) < 0.7, A, np.nan)
    X, Y = 0.1 * rng.standard_normal((60, 10)), 0.1 * rng.standard_normal((40, 10))
    known = {"rows": rows, "cols": cols, "values": A[rows, cols], "pairs": np.column_stack([rows, cols])}
    return {"A": A, "X": X, "Y": Y, "table": table, "batch": A, **known}


def test_there_is_something_to_run() -> None:
    assert sum("import lopside as lo" in block for block in BLOCKS) == 1
    assert len(BLOCKS) >= 4


def test_snippets_run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = surroundings()
    dask.array.from_array(names["A"], chunks=(20, -1)).to_zarr("matrix.zarr")
    # A client of no cluster: threads of this process do the work. A cluster has tests of its own.
    names |= {"dask": dask, "distributed": SimpleNamespace(Client=str), "tensor": array_api_strict.asarray(names["A"])}
    for block in BLOCKS:
        # The loop that never ends by itself is left after the first state.
        code = compile(block.replace("    ...\n", "    break\n"), "README.md", "exec")
        # Anew for each, as threads of the libraries below put back the filters that they found.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)  # 60 × 40 numbers stand for larger ones
            exec(code, names)
    assert "at every rank" in capsys.readouterr().out
    assert names["filled"].shape == names["table"].shape
    assert np.isfinite(names["filled"]).all()
