"""Interleaving, and tables as text and as data."""

from __future__ import annotations

import pytest

from lopside.bench.rounds import Timing, interleave
from lopside.bench.tables import Column, Table, record


def test_tasks_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    tasks = {"a": lambda: calls.append("a") or len(calls), "b": lambda: calls.append("b") or len(calls)}
    timings = interleave(tasks, 2, before=lambda: calls.append("-"))
    assert "".join(calls) == "-a-b-a-b-a-b"
    assert [len(timings[name].seconds) for name in "ab"] == [2, 2]
    assert (timings["a"].answer, timings["b"].answer) == (10, 12)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # One slow round of the machine, in which both tasks take ten times as long.
    ours, theirs = Timing((1.0, 10.0, 1.0)), Timing((3.0, 30.0, 2.0))
    assert theirs.ratio(ours) == 3.0
    assert ours.median == 1.0


COLUMNS = (Column("name", "matrix"), Column("seconds", "s", ".2f"))


def table(*peers: str) -> Table:
    rows = [{"name": "tall", "seconds": 1.234}, {"name": "wide 3 × 4", "seconds": None}]
    return Table("fits", "Fits", COLUMNS, rows, peers, ("One remark.",))


def test_a_table_as_text() -> None:
    lines = table("a", "b", "c").text().splitlines()
    assert lines == [
        "Fits",
        "matrix         s",
        "tall        1.23",
        "wide 3 × 4     –",
        "One remark.",
        "peers: a, b, c",
    ]


@pytest.mark.parametrize(("peers", "reached"), [((), False), (("a", "b"), False), (("a", "b", "c"), True)])
def test_a_table_with_fewer_than_three_peers_says_so(peers: tuple[str, ...], reached: bool) -> None:
    shown = table(*peers)
    assert shown.reached is reached
    assert ("Not reached" in shown.text()) is not reached
    assert record({"cores": 2}, [shown])["tables"]["fits"]["reached"] is reached
