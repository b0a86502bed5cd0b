"""One step of an import: one request, and all that comes of it in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from lopside.lens.importing import jobs
from lopside.lens.importing.planning import Options, lists, records, said
from lopside.lens.importing.storing import ARXIV, SEMANTIC_SCHOLAR, find, record, store
from lopside.lens.sources import arxiv_records, semantic_scholar
from lopside.lens.sources.asking import Asker, Failed
from lopside.lens.sources.identifiers import Identifier
from lopside.lens.store import papers
from lopside.lens.store.database import Library
from lopside.lens.text.names import family, folded

Row = sqlite3.Row
Finish = Callable[[sqlite3.Connection], None]


def take(library: Library, asker: Asker, item: Row) -> None:
    """Take a step: ask, then store what came and that it came, together.

    Raises
    ------
    Failed, Paused, Stopped
        As `Asker.ask`.
    """
    what = json.loads(item["what"])
    work = _KINDS[item["kind"]](library, asker, item, what)
    with library.writing() as db:
        work(db)


def fail(library: Library, item: Row, why: str) -> None:
    """Write down why a step came to nothing."""
    with library.writing() as db:
        _close(db, item, "failed", why)


def _close(db: sqlite3.Connection, item: Row, state: str, said: str = "") -> None:
    db.execute(
        "UPDATE job_item SET state = ?, said = ? WHERE job = ? AND place = ?",
        (state, said[:1000], item["job"], item["place"]),
    )


def _count(db: sqlite3.Connection, item: Row, change: str) -> None:
    column = {"new": "made", "changed": "changed"}.get(change)
    if column:
        db.execute(
            f"UPDATE job_item SET {column} = {column} + 1 WHERE job = ? AND place = ?", (item["job"], item["place"])
        )


def _put(db: sqlite3.Connection, item: Row, facts: dict[str, Any], source: str, part: str = "paper") -> int:
    pk, change = store(db, facts, source=source, part=part)
    _count(db, item, change)
    return pk


def _of_file(_library: Library, _asker: Asker, item: Row, what: dict[str, Any]) -> Finish:
    def work(db: sqlite3.Connection) -> None:
        for facts in what["entries"]:
            _put(db, item, facts, what["source"])
        _close(db, item, "done")

    return work


def _records(_library: Library, asker: Asker, item: Row, what: dict[str, Any]) -> Finish:
    wanted = [Identifier(*one) for one in what["ids"]]
    of_arxiv = item["source"] == "arxiv"
    try:
        if of_arxiv:
            found = arxiv_records.records(asker, [one.value for one in wanted])
        else:
            found = semantic_scholar.papers(asker, wanted)
    except Failed as failed:
        if failed.status is None or not 400 <= failed.status < 500 or len(wanted) < 2:
            raise
        return _halves(item, wanted)

    def work(db: sqlite3.Connection) -> None:
        for facts in found:
            pk = _put(db, item, facts, ARXIV if of_arxiv else SEMANTIC_SCHOLAR)
            if not of_arxiv:
                _follow(db, item, facts, pk)
        missing = [one for one in wanted if find(db, {one.scheme: one.value}) is None]
        came = {(scheme, value) for facts in found for scheme, value in facts["ids"].items()}
        missing += [one for one in wanted if tuple(one) not in came and one not in missing]
        source = ARXIV if of_arxiv else SEMANTIC_SCHOLAR
        why = f"{source} does not know {', '.join(map(said, missing))}" if missing else ""
        _close(db, item, "failed" if missing and not came else "done", why)

    return work


def _halves(item: Row, wanted: list[Identifier]) -> Finish:
    """Ask for each half by itself: one identifier that a source refuses must not take the others with it."""

    def work(db: sqlite3.Connection) -> None:
        middle = len(wanted) // 2
        for part in (wanted[:middle], wanted[middle:]):
            for step in records(part):
                jobs.add(db, item["job"], step)
        _close(db, item, "done")

    return work


def _follow(db: sqlite3.Connection, item: Row, facts: dict[str, Any], pk: int) -> None:
    """Ask arXiv too for what turned out to be there, unless its record is stored or asked for."""
    number = facts["ids"].get("arxiv")
    asked = db.execute("SELECT what FROM job_item WHERE job = ? AND source = 'arxiv'", (item["job"],)).fetchall()
    stored = db.execute(
        "SELECT 1 FROM record WHERE paper = ? AND part = 'paper' AND source = ?", (pk, ARXIV)
    ).fetchone()
    if number and not stored and not any(json.dumps(["arxiv", number]) in row["what"] for row in asked):
        for step in records([Identifier("arxiv", number)]):
            jobs.add(db, item["job"], step)


def _match(_library: Library, asker: Asker, item: Row, what: dict[str, Any]) -> Finish:
    found = semantic_scholar.match(asker, what["title"])
    if found is not None and not _is_meant(found, what):
        raise Failed(f"Semantic Scholar's nearest title is another: “{found['title'][:200]}”")
    if found is None:
        raise Failed("Semantic Scholar knows no such title")

    def work(db: sqlite3.Connection) -> None:
        pk = _put(db, item, found, SEMANTIC_SCHOLAR)
        _follow(db, item, found, pk)
        first = next((Identifier(s, found["ids"][s]) for s in ("s2", "arxiv", "doi") if s in found["ids"]), None)
        for step in lists(first, Options(**what["lists"])) if first else ():
            jobs.add(db, item["job"], step)
        _close(db, item, "done")

    return work


def _is_meant(found: dict[str, Any], what: dict[str, Any]) -> bool:
    a, b = set(folded(found["title"]).split()), set(folded(what["title"]).split())
    near = len(a & b) >= 0.85 * len(a | b)
    years = found["year"] is None or what["year"] is None or abs(found["year"] - what["year"]) <= 2
    theirs, ours = ({folded(family(name)) for name in names} for names in (found["authors"], what["authors"]))
    return near and years and (not theirs or not ours or bool(theirs & ours))


def _list(library: Library, asker: Asker, item: Row, what: dict[str, Any]) -> Finish:
    of, side, begin = Identifier(*what["id"]), item["kind"], item["cursor"]
    with library.reading() as db:
        if find(db, {of.scheme: of.value}) is None:
            raise Failed(f"{said(of)} is not stored, so its {side} have nowhere to go")
    page = semantic_scholar.page(asker, side, of, begin, what["most"] - begin)

    def work(db: sqlite3.Connection) -> None:
        pk = find(db, {of.scheme: of.value})
        assert pk is not None
        for facts in page.papers:
            other = _put(db, item, facts, SEMANTIC_SCHOLAR, "stub")
            pair = (pk, other) if side == "references" else (other, pk)
            papers.cite(db, *pair, source=SEMANTIC_SCHOLAR)
            pk = find(db, {of.scheme: of.value}) or pk  # perhaps it has just become part of another
        if page.next is not None and page.next < what["most"]:
            where = (page.next, item["job"], item["place"])
            db.execute("UPDATE job_item SET cursor = ? WHERE job = ? AND place = ?", where)
            return
        record(db, pk, side, SEMANTIC_SCHOLAR)
        more = f"there are more than {what['most']} {side}; {page.next} are stored" if page.next is not None else ""
        _close(db, item, "done", more)

    return work


_KINDS = {"store": _of_file, "records": _records, "match": _match, "references": _list, "citations": _list}
