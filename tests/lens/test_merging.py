"""Which papers are one, how they become one, and how they are two again."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_import import dump, imported
from stub_sources import small_world

from lopside.lens.importing.merging import merge, now_at, refused, undo
from lopside.lens.importing.pairing import pair_up
from lopside.lens.importing.planning import Options
from lopside.lens.importing.storing import store
from lopside.lens.store import notes, papers
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.db")


def put(db: sqlite3.Connection, title: str, authors: str, year: int | None = 2020, **more: Any) -> int:
    ids = {scheme: more.pop(scheme) for scheme in ("arxiv", "doi", "s2") if scheme in more}
    facts = {"title": title, "authors": authors.split(", "), "year": year, "ids": ids, **more}
    return papers.put(db, facts, source="test")


TITLE = "Continual learning: a feature extraction formalization, an efficient algorithm, and"
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (
            dict(title=f"{TITLE} fundamental obstructions", year=2022),
            dict(title=f"{TITLE} barriers", year=None),
            "same",
        ),
        (dict(title="Low-Rank Things"), dict(title="Low rank things."), "same"),
        (dict(title="Low-Rank Things", year=2018), dict(title="Low-Rank Things", year=2021), "different"),
        (dict(title="Low-Rank Things", year=2019), dict(title="Low-Rank Things", year=2021), "same"),
        (dict(title="Things", arxiv="2106.1"), dict(title="Things", arxiv="2107.1"), "different"),
        (dict(title="Things", doi="10.1/a"), dict(title="Things", doi="10.1/b"), "same"),
        (dict(title=f"{LONG} part one 1"), dict(title=f"{LONG} part one 2"), "question"),
        (dict(title=f"{LONG} i"), dict(title=f"{LONG} ii"), "question"),
        (dict(title="One thing", arxiv="2106.1"), dict(title="Quite another"), "question"),
        (dict(title="One thing"), dict(title="Quite another"), "different"),
        (dict(title="One thing", arxiv="2106.1"), dict(title="Quite another", year=None), "different"),
        (dict(title="One thing", arxiv="2106.1"), dict(title="Quite another", authors="B Roe, A Doe"), "different"),
        (dict(title="A thing", authors="A Doe, B Roe"), dict(title="A thing", authors="B. Roe, A. Doe"), "same"),
        (dict(title="A thing"), dict(title="A thing", authors="A Doe"), "different"),
        (dict(title="A thing", authors="A Doe", arxiv="2106.1"), dict(title="Other", authors="A Doe"), "different"),
        (dict(title="X", arxiv="2106.1", venue="J 1"), dict(title="Y", venue="J 2"), "different"),
    ],
)
def test_what_is_one_paper(library: Library, one: dict[str, Any], other: dict[str, Any], verdict: str) -> None:
    with library.writing() as db:
        for facts in (one, other):
            put(db, **({"authors": "A Doe, B Roe", "year": 2020} | facts))
        merged, asked = pair_up(db, None)
        assert pair_up(db, None) == (0, 0)
    assert {(1, 0): "same", (0, 1): "question", (0, 0): "different"}[merged, asked] == verdict


def test_the_built_in_papers_have_one_question_and_keep_it(library: Library) -> None:
    with library.writing() as db:
        fill(db)
    before = dump(library.path)
    with library.writing() as db:
        assert pair_up(db, None) == (0, 0)
    assert dump(library.path) == before
    assert len(before["question"]) == 1


def test_three_records_of_one_paper_become_one(library: Library) -> None:
    with library.writing() as db:
        for year in (2020, 2021, None):
            put(db, "Low-rank things", "A Doe", year)
        assert pair_up(db, None) == (2, 0)
        assert db.execute("SELECT count(*) FROM paper").fetchone()[0] == 1


def rich(library: Library) -> tuple[int, int]:
    """Return two papers with everything a paper can have."""
    with library.writing() as db:
        fill(db)
    with library.writing() as db:
        third, fourth = put(db, "Third", "C Lee"), put(db, "Fourth", "D Kim")
        one = put(db, "Low-rank things", "A Doe, B Roe", arxiv="2106.1", categories=["cs.LG"], abstract="Ours.")
        other = put(
            db,
            "Low rank things",
            "Ann Doe, Bob Roe, C Lee",
            2021,
            doi="10.1/a",
            venue="J",
            categories=["math.OC", "x.Y"],
        )
        for a, b in ((one, third), (other, third), (other, fourth), (fourth, one), (fourth, other), (one, other)):
            papers.cite(db, a, b, source="test")
        notes.add(db, one, "on one")
        notes.add(db, other, "on other")
        db.executemany("INSERT INTO tag VALUES (?, ?)", [(one, "a"), (other, "a"), (other, "b")])
        db.execute("INSERT INTO question (one, other, why) VALUES (?, ?, 'x')", (third, other))
        db.execute("INSERT INTO question (one, other, why) VALUES (?, ?, 'y')", (one, other))
        db.execute("UPDATE paper SET reading = 'read', own_summary = 'mine' WHERE pk = ?", (other,))
        papers.weigh_terms(db)
    return one, other


def test_a_merge_keeps_all_that_either_has(library: Library) -> None:
    one, other = rich(library)
    with library.writing() as db:
        kept = merge(db, other, one, who="reader", why="y")
        assert kept == one
        row = db.execute("SELECT * FROM paper WHERE pk = ?", (kept,)).fetchone()
        found = papers.paper(db, row["slug"])
        assert found is not None
        assert (found.reading, found.own_summary, found.venue, found.abstract) == ("read", "mine", "J", "Ours.")
        assert (found.ids, found.tags, found.categories) == (
            {"arxiv": "2106.1", "doi": "10.1/a"},
            ["a", "b"],
            ["cs.LG"],
        )
        assert [name for _, name in found.authors] == ["A Doe", "B Roe"]
        assert {note["body"] for note in notes.notes_of(db, kept)} == {"on one", "on other"}
        assert {(r["slug"], r["relation"]) for r in papers.connected(db, kept)} == {
            ("lee2020-third", "cited here"),
            ("kim2020-fourth", "cited here"),
            ("kim2020-fourth", "cites this"),
        }
        assert now_at(db, "doe2021-low") == row["slug"]
        assert db.execute("SELECT count(*) FROM question WHERE one = ? OR other = ?", (one, one)).fetchone()[0] == 1
        assert db.execute("SELECT count(*) FROM paper_fts WHERE paper_fts MATCH 'notes: other'").fetchone()[0] == 1
        put(db, "Low", "Ann Doe", 2021)
        assert papers.paper(db, "doe2021-low") is None


def test_undo_restores_both_exactly(library: Library) -> None:
    one, other = rich(library)
    before = dump(library.path, without={"snapshot"})
    with library.writing() as db:
        merge(db, one, other, who="reader", why="y")
        papers.weigh_terms(db)
    assert dump(library.path, without={"snapshot"}) != before
    with library.writing() as db:
        assert undo(db, 1) is None
        papers.weigh_terms(db)
    assert dump(library.path, without={"snapshot"}) == before
    with library.writing() as db:
        assert undo(db, 1) == "This was undone before."
        assert now_at(db, "doe2021-low") is None


def test_undo_keeps_what_was_done_since(library: Library) -> None:
    one, other = rich(library)
    with library.writing() as db:
        merge(db, one, other, who="rule", why="y")
        on_other = db.execute("SELECT pk, version FROM note WHERE body = 'on other'").fetchone()
        notes.change(db, on_other["pk"], on_other["version"], "edited since")
        notes.add(db, one, "new since")
        db.execute("UPDATE paper SET own_summary = 'rewritten' WHERE pk = ?", (one,))
        later = put(db, "Later", "E Fox")
        papers.cite(db, later, one, source="test")
        assert undo(db, 1) is None
        assert {note["body"] for note in notes.notes_of(db, one)} == {"on one", "new since"}
        assert [note["body"] for note in notes.notes_of(db, other)] == ["edited since"]
        assert later in [row["pk"] for row in papers.connected(db, one)]
        assert db.execute("SELECT own_summary FROM paper WHERE pk = ?", (one,)).fetchone()[0] == "rewritten"
        assert db.execute("SELECT own_summary FROM paper WHERE pk = ?", (other,)).fetchone()[0] == "mine"
        assert refused(db, one, other)
        assert pair_up(db, None) == (0, 0)


def test_merges_are_undone_from_the_last(library: Library) -> None:
    with library.writing() as db:
        a, b, c = (put(db, f"Thing {n}", "A Doe", arxiv=f"2106.{n}") for n in range(3))
        papers.weigh_terms(db)
    before = dump(library.path, without={"snapshot"})
    with library.writing() as db:
        assert merge(db, b, c, who="reader", why="x") == b
        assert merge(db, a, b, who="reader", why="x") == a
        assert now_at(db, "doe2020-thing-3") == "doe2020-thing"
        assert "Undo that first" in (undo(db, 1) or "")
        assert undo(db, 2) is None
        assert now_at(db, "doe2020-thing-3") == "doe2020-thing-2"
        assert undo(db, 1) is None
        papers.weigh_terms(db)
    assert dump(library.path, without={"snapshot"}) == before


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5),
    st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4))),
)
def test_any_merges_undone_in_turn_leave_no_trace(tmp_path_factory: pytest.TempPathFactory, pairs, cites) -> None:
    library = Library(tmp_path_factory.mktemp("merges") / "library.db")
    with library.writing() as db:
        keys = [put(db, f"Paper {n}", f"A{n} Doe, B Roe", s2=f"{n}" * 40, arxiv=f"2106.0000{n}") for n in range(5)]
        for a, b in cites:
            papers.cite(db, keys[a], keys[b], source="test")
    before = dump(library.path, without={"snapshot"})
    with library.writing() as db:
        for a, b in pairs:
            there = db.execute("SELECT count(*) FROM paper WHERE pk IN (?, ?)", (keys[a], keys[b])).fetchone()[0]
            if there == 2:
                merge(db, keys[a], keys[b], who="reader", why="")
        for (pk,) in db.execute("SELECT pk FROM merge_log ORDER BY pk DESC").fetchall():
            assert undo(db, pk) is None
    library.close()
    assert dump(library.path, without={"snapshot"}) == before


def test_an_identifier_that_two_papers_share_makes_them_one(library: Library) -> None:
    with library.writing() as db:
        put(db, "A preprint", "A Doe", arxiv="2106.00001")
        put(db, "The article", "A Doe", doi="10.1/a")
        facts = {"title": "The article", "authors": ["A Doe"], "ids": {"arxiv": "2106.00001", "doi": "10.1/a"}}
        pk, _ = store(db, facts, source="Semantic Scholar")
        assert db.execute("SELECT count(*) FROM paper").fetchone()[0] == 1
        assert db.execute("SELECT who FROM merge_log").fetchone()[0] == "id"
        assert undo(db, 1) is None
        assert store(db, facts, source="Semantic Scholar")[0] == pk
        assert db.execute("SELECT count(*) FROM paper").fetchone()[0] == 2


def test_duplicate_records_of_a_source_end_as_one_paper(library: Library) -> None:
    world = small_world()
    world.papers.append(
        {"s2": "d" * 40, "title": "A First Reference", "authors": ["M. Jovanovic", "K. Massoulie"], "year": 2021}
    )
    world.cites.append(("a" * 40, "d" * 40))
    for _ in range(2):
        imported(library, world, "2106.14289", Options())
        with library.reading() as db:
            found = papers.paper(db, "jovanovic2020-first")
            assert found is not None
            assert len(papers.connected(db, 1)) == 2
            assert db.execute("SELECT count(*) FROM merge_log").fetchone()[0] == 1
            values = {value for (value,) in db.execute("SELECT value FROM paper_id WHERE paper = ?", (found.pk,))}
            assert {"b" * 40, "d" * 40} <= values
