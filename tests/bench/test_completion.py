"""The tables of the completion benchmark, with a peer made of our own methods and one that always fails."""

from __future__ import annotations

import operator
from functools import partial

import pytest

from lopside.bench import completion, completion_fits, completion_race
from lopside.bench.completion_peers import Method
from lopside.bench.completion_race import Race
from lopside.bench.tuning import Range

SPACE = {"rank": Range(2, 6, whole=True), "ridge": Range(0.5, 4.0), "steps": Range(4, 10, whole=True)}
OURS = [Method("ours", "lopside", partial(completion_fits.fitted, scaling="none"), SPACE)]
PEER = Method("peer", "other", partial(completion_fits.fitted, scaling="none"), SPACE)
BROKEN = Method("broken", "other", operator.truediv, SPACE)


@pytest.fixture(autouse=True)
def methods(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (completion, completion_race):
        monkeypatch.setattr(module, "OURS", OURS)
        monkeypatch.setattr(module, "installed", lambda: [PEER, BROKEN])


def test_a_race_and_one_after_it() -> None:
    said: list[str] = []
    races = (Race("small", 20_000, 3, 2, 2, 10_000), Race("large", 30_000, 3, after="small"))
    table = completion_race.race_table(races, said.append)
    rows = {(row["data"], row["method"]): row for row in table.rows}
    assert set(rows) == {
        ("small", "ours"),
        ("small", "peer"),
        ("small", "broken"),
        ("large", "ours"),
        ("large", "peer"),
    }
    ours, peer, broken = (rows["small", name] for name in ("ours", "peer", "broken"))
    assert peer["reached"] <= 1.001 * peer["best"]  # the peer races to what it reaches itself
    assert ours["reached"] <= 1.001 * peer["best"]
    assert ours["ratio"] == 1.0
    assert peer["ratio"] > 0
    assert broken["best"] == float("inf")
    assert broken["steps"] is broken["seconds"] is None
    for name in ("ours", "peer"):
        large = rows["large", name]
        assert (large["steps"], large["settings"]) == (rows["small", name]["steps"], rows["small", name]["settings"])
        assert large["best"] is None
        assert 0 < large["reached"] < 2
    assert any("TypeError" in line for line in said)


def test_errors_over_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "ratings", lambda: completion_fits.planted(10_000, 3))
    table = completion.error_table(quick=True, say=lambda _: None)
    rows = {row["method"]: row for row in table.rows}
    assert set(rows) == {"ours", "peer", "broken"}
    assert rows["peer"]["apart"] == rows["peer"]["apart_se"] == 0.0
    assert rows["ours"]["apart"] == pytest.approx(rows["ours"]["error"] - rows["peer"]["error"])
    assert 0 < rows["ours"]["error"] < 2


def test_memory_is_at_least_that_of_the_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "installed", lambda: [])
    monkeypatch.setattr(completion, "OURS", OURS * 3)
    (row,) = completion.memory_table(quick=True).rows
    assert row["whole"] == row["beyond"] + 1.0
    assert row["beyond"] > row["factors"] > 0


def test_without_peers_there_is_no_race(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "installed", lambda: [])
    said: list[str] = []
    assert list(completion.tables(quick=True, say=said.append, names=("race",))) == []
    assert "no race" in said[0]
