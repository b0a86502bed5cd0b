"""`lopside bench`: what runs when, and what it prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Run, files, strict

from lopside.bench import factorize, outofcore, small, sweep
from lopside.bench.tables import Column, Table

NAMES = {"sweep": sweep, "small": small, "factorize": factorize, "outofcore": outofcore}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Let every benchmark only note that it was asked for, and return the notes."""
    notes: list[tuple[str, Any]] = []
    for name, module in NAMES.items():

        def tables(name: str = name, **options: Any) -> Iterator[Table]:
            options.pop("say")("measuring")
            notes.append((name, options))
            yield Table(name, name.title(), (Column("s", "s", ".1f"),), [{"s": 1.25}], ["a"])

        monkeypatch.setattr(module, "tables", tables)
    return notes


def test_all_but_the_one_that_writes_a_large_file(run: Run, asked: list[tuple[str, Any]]) -> None:
    code, out, err = run("bench", "--quick")
    assert code == 0
    assert asked == [(name, {"quick": True}) for name in ("sweep", "small", "factorize")]
    assert "Sweep\n  s\n1.2\n" in out
    assert "Not reached: 1 peers" in out
    assert err == 3 * "measuring\n"


def test_one_json_object(run: Run, asked: list[tuple[str, Any]], tmp_path: Path) -> None:
    code, out, _ = run("bench", "outofcore", "--gigabytes", "0.5", "--folder", str(tmp_path), "--json")
    told = strict(out)
    assert code == 0
    assert asked == [("outofcore", {"quick": False, "gigabytes": 0.5, "folder": tmp_path})]
    assert told["tables"]["outofcore"]["rows"] == [{"s": 1.25}]
    assert told["tables"]["outofcore"]["reached"] is False
    assert told["machine"]["versions"].keys() >= {"lopside", "numpy", "torch"}


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["speed"], "sweep, small, factorize, outofcore"),
        (["sweep", "--gigabytes", "2"], "without outofcore"),
        (["outofcore", "--folder", "nowhere"], "a folder that exists"),
        (["outofcore", "--gigabytes", "1e9"], "GB are free"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], phrase: str) -> None:
    code, _, err = run("bench", *arguments)
    assert code in (2, 3)
    assert phrase in err
    assert files(Path()) == ["a.npy"]


def test_a_whole_benchmark_cleans_up(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outofcore, "COLUMNS", 500)
    code, out, _ = run("bench", "outofcore", "--quick", "--gigabytes", "0.01", "--folder", str(tmp_path), "--json")
    told = strict(out)["tables"]
    assert code == 0
    assert [row["state"] for row in told["outofcore"]["rows"]] == 2 * ["cold", "as found"]
    assert all(row["error"] < 1e-4 for row in told["outofcore"]["rows"])
    assert all(row["excess"] < 1e-5 for row in told["fit"]["rows"])
    assert files(tmp_path) == ["a.npy"]
