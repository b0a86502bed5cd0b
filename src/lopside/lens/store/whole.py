"""The whole library as JSON and back: what is read into a new library is written out of it the same.

It holds papers, who wrote them, citations, questions, and the reader's notes, tags, summaries and states. What is
computed from these is computed again; the history of imports and merges, and runs of the lab, stay behind.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

from lopside.errors import FileError, counted
from lopside.lens.store.database import make
from lopside.lens.store.own import LONGEST_SUMMARY, LONGEST_TAG, STATES
from lopside.lens.store.papers import index, weigh_terms
from lopside.lens.store.seed import fill
from lopside.lens.store.shapes import Check, day, decoded, many, one_of, optional, record, refuse, text, whole
from lopside.lens.text.anchors import LONGEST as LONGEST_ANCHOR
from lopside.lens.text.names import folded

FORMAT, VERSION = "lopside-library", 1
LARGEST = 64_000_000
"""Bytes of a file that is read."""

_ANY = text(1_000_000)
_SLUG = text(200, r"[a-z0-9][a-z0-9-]*")
_PERSON = text(100, r"[^\x00-\x20/?#\\\"]+")
_FACTS: dict[str, Check] = {
    "slug": _SLUG,
    "title": text(1_000_000, shortest=1),
    "abstract": optional(_ANY),
    "digest": optional(_ANY),
    "own_summary": optional(text(LONGEST_SUMMARY)),
    "year": optional(whole(1500, 2200)),
    "published": optional(day),
    "updated": optional(day),
    "version": optional(whole(1, 10_000)),
    "venue": optional(_ANY),
    "licence": optional(_ANY),
    "reading": one_of(*STATES),
    "changed_at": day,
}
_RECORD = record({"part": one_of("paper", "references", "citations"), "source": _ANY, "fetched_at": day})
_NOTE = record(
    {
        "anchor": text(LONGEST_ANCHOR + 20),
        "body": text(65_536, shortest=1),
        "version": whole(1, 10**9),
        "created_at": day,
        "changed_at": day,
    }
)
_PAPER = record(
    _FACTS
    | {
        "authors": many(record({"person": _PERSON, "printed": _ANY}), 10_000),
        "ids": many(record({"scheme": text(20, r"[a-z0-9]+"), "value": _ANY}), 50),
        "categories": many(_ANY, 10_000),
        "tags": many(text(LONGEST_TAG, shortest=1), 1_000),
        "records": many(_RECORD, 10_000),
        "notes": many(_NOTE, 10_000),
    }
)
_QUESTION = record({"one": _SLUG, "other": _SLUG, "why": _ANY, "answer": optional(one_of("same", "different"))})
_WHOLE = record(
    {
        "format": one_of(FORMAT),
        "version": whole(VERSION, VERSION),
        "people": many(record({"slug": _PERSON, "name": _ANY}), 10**6),
        "papers": many(_PAPER, 100_000),
        "citations": many(record({"citing": _SLUG, "cited": _SLUG, "source": _ANY}), 10**7),
        "questions": many(_QUESTION, 10**6),
    }
)


def write(db: sqlite3.Connection) -> str:
    """Return all that is in a library, sorted, so that equal libraries give equal texts."""
    return json.dumps(_told(db), ensure_ascii=False, indent=1)


def _told(db: sqlite3.Connection) -> dict[str, Any]:
    slugs = dict(map(tuple, db.execute("SELECT pk, slug FROM paper")))
    return {
        "format": FORMAT,
        "version": VERSION,
        "people": _dicts(db, "SELECT slug, name FROM person WHERE pk IN (SELECT person FROM authorship) ORDER BY slug"),
        "papers": [_paper(db, pk) for pk, _ in sorted(slugs.items(), key=lambda item: item[1])],
        "citations": sorted(
            (
                {"citing": slugs[citing], "cited": slugs[cited], "source": source}
                for citing, cited, source in db.execute("SELECT citing, cited, source FROM citation")
            ),
            key=lambda edge: (edge["citing"], edge["cited"]),
        ),
        "questions": sorted(
            (
                dict(zip(("one", "other"), sorted((slugs[one], slugs[other])), strict=True))
                | {"why": why, "answer": answer}
                for one, other, why, answer in db.execute("SELECT one, other, why, answer FROM question")
            ),
            key=lambda question: (question["one"], question["other"]),
        ),
    }


def _dicts(db: sqlite3.Connection, statement: str, *bound: object) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(statement, bound)]


def _paper(db: sqlite3.Connection, pk: int) -> dict[str, Any]:
    (facts,) = _dicts(db, f"SELECT {', '.join(_FACTS)} FROM paper WHERE pk = ?", pk)
    authors = "SELECT person.slug AS person, printed FROM authorship JOIN person ON person.pk = person"
    return facts | {
        "authors": _dicts(db, f"{authors} WHERE paper = ? ORDER BY place", pk),
        "ids": _dicts(db, "SELECT scheme, value FROM paper_id WHERE paper = ? ORDER BY scheme, value", pk),
        "categories": [row[0] for row in db.execute("SELECT code FROM category WHERE paper = ? ORDER BY place", (pk,))],
        "tags": [row[0] for row in db.execute("SELECT tag FROM tag WHERE paper = ? ORDER BY tag", (pk,))],
        "records": _dicts(db, "SELECT part, source, fetched_at FROM record WHERE paper = ? ORDER BY part, source", pk),
        "notes": _dicts(
            db, "SELECT anchor, body, version, created_at, changed_at FROM note WHERE paper = ? ORDER BY pk", pk
        ),
    }


def understood(raw: bytes) -> dict[str, Any]:
    """Return what a file says of a library.

    Raises
    ------
    FileError
        If it is too large, no JSON, of another format, or does not fit together.
    """
    found = _WHOLE(decoded(raw, LARGEST), "")
    slugs = _once((paper["slug"] for paper in found["papers"]), "the slug of a paper")
    people = _once((person["slug"] for person in found["people"]), "the slug of a person")
    ids = ((one["scheme"], one["value"]) for paper in found["papers"] for one in paper["ids"])
    _ = _once(ids, "an identifier")
    pairs = [
        *(("a citation", edge["citing"], edge["cited"]) for edge in found["citations"]),
        *(("a question", *sorted((asked["one"], asked["other"]))) for asked in found["questions"]),
    ]
    for what, one, other in pairs:
        if one not in slugs or other not in slugs or one == other:
            raise refuse(what, [one, other], "two papers of the file")
    _ = _once(pairs, "a pair of papers")
    for paper in found["papers"]:
        for name in ("categories", "tags"):
            _ = _once(paper[name], f"one of the {name} of {paper['slug']}")
        _ = _once(((one["part"], one["source"]) for one in paper["records"]), f"a record of {paper['slug']}")
        if unknown := {author["person"] for author in paper["authors"]} - people:
            raise refuse(f"an author of {paper['slug']}", min(unknown), "one of the people of the file")
    return found


def _once(values: Any, what: str) -> set[Any]:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise refuse(what, value, "that once")
        seen.add(value)
    return seen


def own_count(db: sqlite3.Connection) -> int:
    """Return how many papers, citations, answers and merges of a library it did not begin with."""
    with closing(sqlite3.connect(":memory:")) as new:
        new.row_factory = sqlite3.Row
        make(new)
        fill(new)
        began = _undated(new)
    merges = db.execute("SELECT count(*) FROM merge_log").fetchone()[0]
    return len(_undated(db) - began) + merges


def _undated(db: sqlite3.Connection) -> set[str]:
    """Return what is in a library piece by piece, without the days on which it came there."""
    told = _told(db)
    for paper in told["papers"]:
        del paper["changed_at"]
        for one in paper["records"]:
            del one["fetched_at"]
    return {json.dumps(one) for name in ("papers", "citations", "questions") for one in told[name]}


def read(db: sqlite3.Connection, data: bytes, *, replace: bool = False) -> int:
    """Put a library that was exported in place of what is there, and return how many papers it has.

    Parameters
    ----------
    db : Connection
        Of `Library.writing`: all of it or nothing is changed.
    data : bytes
        What `write` gave.
    replace : bool
        Whether what is the reader's may go.

    Raises
    ------
    FileError
        If the file cannot be used, or something of the reader's would go without leave.
    """
    found = understood(data)
    if not replace and (count := own_count(db)):
        raise FileError(
            f"got a library in which {counted(count, 'paper, citation or answer', 'papers, citations or answers')} "
            "is not as a new one has it; expected one to which nothing was added, for all that is in it would go. Try "
            "a new library, or say that it may be replaced"
        )
    # Runs name papers by keys, which are others now; their hash, which has none, would not show it.
    for table in ("run", "question", "citation", "paper", "person", "paper_fts", "term"):
        db.execute(f"DELETE FROM {table}")
    people = {person["slug"]: _insert(db, "person", person) for person in found["people"]}
    keys = {paper["slug"]: _put(db, paper, people) for paper in found["papers"]}
    for edge in found["citations"]:
        db.execute("INSERT INTO citation VALUES (?, ?, ?)", (keys[edge["citing"]], keys[edge["cited"]], edge["source"]))
    for asked in found["questions"]:
        pair = sorted((keys[asked["one"]], keys[asked["other"]]))
        db.execute("INSERT INTO question VALUES (?, ?, ?, ?)", (*pair, asked["why"], asked["answer"]))
    weigh_terms(db)
    return len(keys)


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> int:
    marks = ", ".join("?" * len(row))
    pk = db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())).lastrowid
    assert pk is not None
    return pk


def _put(db: sqlite3.Connection, paper: dict[str, Any], people: dict[str, int]) -> int:
    facts = {name: paper[name] for name in _FACTS}
    pk = _insert(db, "paper", facts | {"title_folded": folded(paper["title"])})
    for place, author in enumerate(paper["authors"]):
        db.execute(
            "INSERT INTO authorship VALUES (?, ?, ?, ?)", (pk, place, people[author["person"]], author["printed"])
        )
    for one in paper["ids"]:
        db.execute("INSERT INTO paper_id VALUES (?, ?, ?)", (one["scheme"], one["value"], pk))
    for place, code in enumerate(paper["categories"]):
        db.execute("INSERT INTO category VALUES (?, ?, ?)", (pk, code, place))
    for tag in paper["tags"]:
        db.execute("INSERT INTO tag VALUES (?, ?)", (pk, tag))
    for one in paper["records"]:
        db.execute("INSERT INTO record VALUES (?, ?, ?, ?)", (pk, one["part"], one["source"], one["fetched_at"]))
    for note in paper["notes"]:
        _ = _insert(db, "note", note | {"paper": pk})
    index(db, pk)
    return pk
