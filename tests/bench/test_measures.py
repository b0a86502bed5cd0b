"""What the benchmarks put side by side computes the same, so that their ratios compare like with like."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lopside.bench import ceilings, memory, outofcore, small, sweep
from lopside.errors import FileError


def quiet(_sentence: str) -> None:
    pass


def require_errors_below(row: dict[str, Any], bound: float, word: str = "error") -> None:
    errors = {key: value for key, value in row.items() if key.startswith(word)}
    assert len(errors) >= 3
    assert all(abs(error) < bound for error in errors.values()), errors


def test_every_pass_gives_the_same_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "_SIDE", 64)
    dense = sweep.dense_table((90, 50), (3,), 1, quiet)
    sparse = sweep.sparse_table((90, 50), 700, (3,), 1, quiet)
    layouts = [("float64", "C"), ("float64", "F"), ("float32", "C"), ("float32", "F")]
    assert [(row["type"], row["order"]) for row in dense.rows] == layouts
    for row in (*dense.rows, *sparse.rows):
        require_errors_below(row, 1e-11 if row["type"] == "float64" else 1e-2)
        require_errors_below({k: v for k, v in row.items() if "residual" not in k}, 1e-5)
        assert 0.0 < row["share"] < math.inf


@pytest.mark.parametrize("name", small.METHODS)
def test_every_step_gives_the_same_error(name: str) -> None:
    row = small.step_row(name, (30, 20, 4, 40), 1, quiet)
    errors = [value for key, value in row.items() if key.startswith("error ")]
    assert len(errors) >= (3 if name == "agd" else 1)
    assert errors == pytest.approx(len(errors) * [row["error"]], rel=1e-9)


def test_every_whole_fit_is_the_best_one() -> None:
    row = small.fit_row((60, 40, 5), 1, quiet)
    excesses = [value for key, value in row.items() if key.startswith("excess")]
    assert len(excesses) >= 3
    assert max(excesses) < 1e-6


def test_a_pass_over_a_file_and_its_peers(tmp_path: Path) -> None:
    with outofcore.planted_file(tmp_path, (333, 200), "float64") as path:
        A = np.load(path)
        problem = outofcore.Full(path)
        X, Y, M = outofcore._factors(problem)
        new = X @ M[: outofcore.D] + (A @ Y) @ M[outofcore.D :]
        for task in (outofcore._sweep(problem, X, Y, M), *outofcore._peer_tasks(path, X, Y, M)):
            rows, probe = task()
            np.testing.assert_allclose(rows, new, atol=1e-12)
            np.testing.assert_allclose(probe, A.T @ new, atol=1e-9)
        assert outofcore._reading(path)() == path.stat().st_size
    assert not path.exists()


def test_a_full_disk_is_refused_with_numbers(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="got 1e\\+09 GB to write in .*GB are free"):
        outofcore.room(tmp_path, 1e9, 30.0)


@pytest.mark.skipif(memory.anonymous_memory() is None, reason="the system does not say")
def test_the_peak_of_memory_is_seen() -> None:
    with memory.AnonymousMemory() as seen:
        block = np.ones(10_000_000)
        total = block.sum()
        del block
    assert total == 1e7
    assert 75e6 < seen.peak < 140e6
