"""The benchmark of checkpoints counts what it says."""

from __future__ import annotations

from typing import Any

import pytest

from lopside.bench import checkpoint


def test_the_cost_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.3)
    monkeypatch.setattr(checkpoint, "_timed", lambda: {"small": (checkpoint._sensing(), checkpoint.Nesterov())})
    table = checkpoint.cost_table(said.append)
    row: dict[str, Any] = table.rows[0]
    assert row["writes"] == 2  # at the start and at the end: half a minute lies between two others
    assert 0.0 < row["spent"] < 0.3
    assert row["share"] == row["spent"] / 0.3
    assert row["ratio"] > 0.0
    assert len(said) == 4
    assert "0.3 s" in table.text()
