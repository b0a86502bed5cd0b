"""What a reader types into the search box, as SQL with bound parameters: FTS5's own syntax never gets through."""

from __future__ import annotations

import re
import sqlite3
from typing import Any, NamedTuple

from lopside.lens.lab.recipes import BY_PAPER

LONGEST = 500
"""Letters of a query; what is beyond is not looked at."""

PAGE = 50
"""Papers on a page."""

ORDERS = {
    "relevance": "found.rank, found.pk",
    "newest": "paper.year IS NULL, paper.year DESC, paper.title",
    "oldest": "paper.year IS NULL, paper.year, paper.title",
    "title": "paper.title_folded",
    "cited": "found.rank, found.pk",
}
"""How lists are sorted; the names are what an address may say."""

_PART = re.compile(r'(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))')
_YEARS = re.compile(r"(\d{4})?(\.\.)?(\d{4})?")
_WEIGHTS = "8.0, 4.0, 1.0, 2.0"
"""Of title, authors, abstract and notes."""


class Query(NamedTuple):
    """A query as it was understood.

    Attributes
    ----------
    match : str
        For FTS5; made here, of quoted words only.
    where : list of str
        Conditions with marks for what is bound.
    bound : list
    ignored : list of str
        What was not understood, to be told to the reader.
    """

    match: str
    where: list[str]
    bound: list[Any]
    ignored: list[str]

    def selection(self) -> tuple[str, str, list[Any]]:
        """Return what stands behind FROM, the WHERE with its conditions, and what is bound."""
        source, where, bound = "paper", self.where, self.bound
        if self.match:
            source = "paper_fts JOIN paper ON paper.pk = paper_fts.rowid"
            where, bound = ["paper_fts MATCH ?", *where], [self.match, *bound]
        return source, f"WHERE {' AND '.join(where)}" if where else "", bound


def parsed(text: str) -> Query:
    """Read a query: words, "phrases", author:, year:2021..2023, cat:, tag:, has:, cites:, cited:, and - before any.

    >>> parsed('gradient "low rank" author:du year:2021.. -tensor').match
    '("gradient"* AND "low rank" AND authors: "du"*) NOT "tensor"*'
    """
    wanted, unwanted, where, bound, ignored = [], [], [], [], []
    for minus, field, phrase, word in _PART.findall(text[:LONGEST]):
        value = phrase or word
        if field in _CONDITIONS:
            condition, values = _CONDITIONS[field](value)
            if condition is None:
                ignored.append(f"{field}:{value}")
            else:
                where.append(f"NOT ({condition})" if minus else condition)
                bound += values
            continue
        if field not in ("", "author", "title", "note"):
            value, field = f"{field} {value}", ""
        quoted = _quoted(value, phrase=bool(phrase))
        if quoted:
            column = {"author": "authors: ", "title": "title: ", "note": "notes: ", "": ""}[field]
            (unwanted if minus else wanted).append(column + quoted)
    match = " AND ".join(wanted)
    if wanted and unwanted:
        match = f"({match})" + "".join(f" NOT {part}" for part in unwanted)
    elif unwanted:  # FTS5 has no query that only leaves out
        for part in unwanted:
            where.append("paper.pk NOT IN (SELECT rowid FROM paper_fts WHERE paper_fts MATCH ?)")
            bound.append(part)
    return Query(match, where, bound, ignored)


def _quoted(value: str, *, phrase: bool) -> str:
    words = " ".join(re.findall(r"\w+", value))
    # One letter is no beginning: nearly all papers have a word with it.
    return f'"{words}"' + ("" if phrase or len(words) == 1 else "*") if words else ""


def _years(value: str) -> tuple[str | None, list[Any]]:
    found = _YEARS.fullmatch(value)
    if found is None or not (found[1] or found[3]):
        return None, []
    first, dots, last = found.groups()
    if not dots:
        return ("paper.year = ?", [int(first)]) if first and not last else (None, [])
    return "paper.year BETWEEN ? AND ?", [int(first or 0), int(last or 9999)]


def _has(value: str) -> tuple[str | None, list[Any]]:
    known = {
        "abstract": "paper.abstract IS NOT NULL",
        "text": "coalesce(paper.abstract, paper.digest) IS NOT NULL",
        "summary": "paper.own_summary IS NOT NULL",
        "notes": "EXISTS (SELECT 1 FROM note WHERE paper = paper.pk)",
        "tags": "EXISTS (SELECT 1 FROM tag WHERE paper = paper.pk)",
        "references": "EXISTS (SELECT 1 FROM citation WHERE citing = paper.pk)",
        "citations": "EXISTS (SELECT 1 FROM citation WHERE cited = paper.pk)",
        "arxiv": "EXISTS (SELECT 1 FROM paper_id WHERE paper = paper.pk AND scheme = 'arxiv')",
    }
    if value == "lab":
        return f"paper.slug IN ({', '.join('?' * len(BY_PAPER))})", list(BY_PAPER)
    return known.get(value), []


_CONDITIONS = {
    "year": _years,
    "has": _has,
    "cat": lambda value: ("EXISTS (SELECT 1 FROM category WHERE paper = paper.pk AND code = ?)", [value]),
    "tag": lambda value: ("EXISTS (SELECT 1 FROM tag WHERE paper = paper.pk AND tag = ?)", [value]),
    "term": lambda value: ("EXISTS (SELECT 1 FROM term WHERE paper = paper.pk AND key = ?)", [value]),
    "person": lambda value: (
        "EXISTS (SELECT 1 FROM authorship JOIN person ON person.pk = person WHERE paper = paper.pk AND slug = ?)",
        [value],
    ),
    "reading": lambda value: ("paper.reading = ?", [value]),
    "cites": lambda value: (
        "paper.pk IN (SELECT citing FROM citation JOIN paper AS p ON p.pk = cited WHERE p.slug = ?)",
        [value],
    ),
    "cited": lambda value: (
        "paper.pk IN (SELECT cited FROM citation JOIN paper AS p ON p.pk = citing WHERE p.slug = ?)",
        [value],
    ),
}


class Found(NamedTuple):
    """A page of what was found.

    Attributes
    ----------
    rows : list of Row
        pk, slug, title, year, reading, authors, degree, tags, terms.
    total : int
        Of all.
    page, pages : int
        Which one it is, and of how many: the last one where one beyond it was asked for.
    """

    rows: list[sqlite3.Row]
    total: int
    page: int
    pages: int


def search(db: sqlite3.Connection, query: Query, *, order: str = "relevance", page: int = 1) -> Found:
    """Return a page of the papers that a query asks for; the keys of all of them are then in `temp.found`."""
    order = order if query.match or order != "relevance" else "newest"
    total = _find(db, query, _RANKS.get(order, "0"))
    pages = -(-total // PAGE)
    page = max(1, min(page, pages))
    # First which, then what is told of them: else it would be gathered of all of them, to be sorted with them.
    keys = [
        pk
        for (pk,) in db.execute(
            f"SELECT found.pk FROM temp.found JOIN paper USING (pk) ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?",
            (PAGE, PAGE * (page - 1)),
        )
    ]
    told = {row["pk"]: row for row in db.execute(_TOLD.format(marks=", ".join("?" * len(keys))), keys)}
    return Found([told[pk] for pk in keys], total, page, pages)


_DEGREE = (
    "((SELECT count(*) FROM citation WHERE citing = paper.pk) + (SELECT count(*) FROM citation WHERE cited = paper.pk))"
)
_RANKS = {"relevance": f"bm25(paper_fts, {_WEIGHTS})", "cited": f"-{_DEGREE}"}
"""What a paper is ranked by where that takes more than its row."""


def _find(db: sqlite3.Connection, query: Query, rank: str) -> int:
    """Put the keys and ranks of the papers that a query asks for into `temp.found`, and return how many they are."""
    source, condition, bound = query.selection()
    db.execute("CREATE TEMP TABLE IF NOT EXISTS found (pk INTEGER PRIMARY KEY, rank REAL)")
    db.execute("DELETE FROM temp.found")
    return db.execute(f"INSERT INTO temp.found SELECT paper.pk, {rank} FROM {source} {condition}", bound).rowcount


_TOLD = f"""
SELECT pk, slug, title, year, reading,
(SELECT group_concat(CASE place WHEN 10 THEN '…' ELSE printed END, ' · ')
   FROM (SELECT place, printed FROM authorship WHERE paper = paper.pk AND place <= 10 ORDER BY place)) AS authors,
{_DEGREE} AS degree,
(SELECT group_concat(tag, ' · ') FROM (SELECT tag FROM tag WHERE paper = paper.pk ORDER BY tag)) AS tags,
(SELECT group_concat(text, ' · ') FROM (SELECT text FROM term WHERE paper = paper.pk ORDER BY place LIMIT 3)) AS terms
FROM paper WHERE pk IN ({{marks}})
"""
