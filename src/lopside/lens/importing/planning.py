"""What an import will ask, before anything is asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from lopside.lens.importing.storing import find
from lopside.lens.sources.arxiv_records import PAGE as ARXIV_PAGE
from lopside.lens.sources.hosts import SOURCES
from lopside.lens.sources.identifiers import Identifier
from lopside.lens.sources.references import Wanted
from lopside.lens.sources.semantic_scholar import BATCH
from lopside.lens.sources.semantic_scholar import PAGE as LIST_PAGE


class Options(NamedTuple):
    """What the reader chose.

    Attributes
    ----------
    records, references, citations : bool
    most : int
        References, and citations, of each paper.
    """

    records: bool = True
    references: bool = True
    citations: bool = False
    most: int = 200


MOST = 2000


class Item(NamedTuple):
    """A step of a job.

    Attributes
    ----------
    source : "library", "arxiv" or "s2"
    kind : "store", "records", "match", "references" or "citations"
    what : dict
    """

    source: str
    kind: str
    what: dict[str, Any]

    @property
    def requests(self) -> int:
        """Return how many requests it takes at most."""
        if self.source == "library":
            return 0
        return -(-self.what["most"] // LIST_PAGE) if "most" in self.what else 1


def items(wanted: list[Wanted], options: Options) -> list[Item]:
    """Return the steps of an import, in their order."""
    return [*_stored(wanted), *_asked(wanted, options)]


def _stored(wanted: list[Wanted]) -> Iterator[Item]:
    for source in ("BibTeX", "RIS"):
        entries = [one.facts for one in wanted if one.source == source and one.facts.get("title")]
        if entries:
            yield Item("library", "store", {"entries": entries, "source": source})


def _asked(wanted: list[Wanted], options: Options) -> Iterator[Item]:
    known = [one.identifier for one in wanted if one.identifier is not None]
    if options.records:
        yield from records([one for one in known if one.scheme == "arxiv"])
        yield from records([one for one in known if one.scheme != "arxiv"])
    for one in wanted:
        if one.identifier is None and options.records:
            facts = {"title": one.given} | one.facts
            what = {"title": facts["title"], "year": facts.get("year"), "authors": facts.get("authors", [])}
            yield Item("s2", "match", what | {"lists": options._asdict()})
    for one in known:
        yield from lists(one, options)


def records(known: list[Identifier]) -> Iterator[Item]:
    """Yield the steps that fetch the records of papers, all of arXiv or none."""
    if not known:
        return
    source, size = ("arxiv", ARXIV_PAGE) if known[0].scheme == "arxiv" else ("s2", BATCH)
    for begin in range(0, len(known), size):
        yield Item(source, "records", {"ids": [list(one) for one in known[begin : begin + size]]})


def lists(one: Identifier, options: Options) -> Iterator[Item]:
    """Yield the steps that fetch the lists of a paper."""
    for kind in ("references", "citations"):
        if getattr(options, kind):
            yield Item("s2", kind, {"id": list(one), "most": options.most})


class Cost(NamedTuple):
    """What a source is asked.

    Attributes
    ----------
    name, host : str
    requests : int
    seconds : int
        About; at least.
    """

    name: str
    host: str
    requests: int
    seconds: int


def costs(steps: list[Item]) -> list[Cost]:
    """Return what each source is asked, at most.

    Where a title or a DOI turns out to be on arXiv, its record is asked for too: this is counted.
    """
    counts = {name: sum(step.requests for step in steps if step.source == name) for name in SOURCES}
    later = sum(1 for step in steps if step.kind == "match" or (step.source == "s2" and step.kind == "records"))
    counts["arxiv"] += later
    options = [Options(**step.what["lists"]) for step in steps if step.kind == "match"]
    counts["s2"] += sum(each.requests for one in options for each in lists(Identifier("s2", ""), one))
    return [
        Cost(SOURCES[name].name, SOURCES[name].host, count, round(count * SOURCES[name].pace))
        for name, count in counts.items()
        if count
    ]


class Row(NamedTuple):
    """A line of the plan.

    Attributes
    ----------
    line : int
    given : str
    read_as : str
    slug, title : str or None
        Of the paper that is stored already.
    """

    line: int
    given: str
    read_as: str
    slug: str | None
    title: str | None


def table(db: sqlite3.Connection, wanted: list[Wanted]) -> list[Row]:
    """Return what was understood, and what of it is stored already."""
    rows = []
    for one in wanted:
        ids = dict(one.facts.get("ids", {})) | ({one.identifier.scheme: one.identifier.value} if one.identifier else {})
        pk = find(db, ids)
        stored = None if pk is None else db.execute("SELECT slug, title FROM paper WHERE pk = ?", (pk,)).fetchone()
        read_as = said(one.identifier) if one.identifier else "title"
        rows.append(Row(one.line, one.given[:300], read_as, *(stored or (None, None))))
    return rows


def said(one: Identifier) -> str:
    """Return an identifier as people read it."""
    return (
        f"{ {'arxiv': 'arXiv', 'doi': 'DOI', 's2': 'Semantic Scholar', 'corpus': 'Corpus id'}[one.scheme] } {one.value}"
    )


def options_of(text: str) -> Options:
    """Return options from their JSON."""
    given = json.loads(text)
    return Options(**{name: given[name] for name in Options._fields})


def options_since(text: str) -> int | None:
    """Return the key of the newest paper there was before a job began, from its options."""
    return json.loads(text).get("since")
