"""How what a query asks for divides: by year, category, tag, reading state and what is stored of it."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

from lopside.lens.store.search import Query, parsed

_SHOWN = 12
"""Values of a facet."""


class Value(NamedTuple):
    """One value of a facet.

    Attributes
    ----------
    text : str
        As it is shown.
    part : str
        What asks for it in a query.
    papers : int
        Those that have it among those asked for.
    """

    text: str
    part: str
    papers: int

    @property
    def without(self) -> str:
        """What asks for all others; "" where no single part of a query does."""
        return f"-{self.part}" if re.fullmatch(r'\w+:("[^"]*"|\S+)', self.part) else ""


_GROUPS = {
    "Category": ("cat", "SELECT code, count(*) FROM category WHERE paper IN ({papers}) GROUP BY code"),
    "Tag": ("tag", "SELECT tag, count(*) FROM tag WHERE paper IN ({papers}) GROUP BY tag"),
    "Reading": ("reading", "SELECT reading, count(*) FROM paper WHERE pk IN ({papers}) GROUP BY reading"),
}
_PARTS = {
    "Text": {"abstract": "has:abstract", "a summary only": "has:text -has:abstract", "title only": "-has:text"},
    "With": {"a lab": "has:lab", "notes": "has:notes", "references": "has:references", "citations": "has:citations"},
}


def facets(db: sqlite3.Connection, query: Query) -> dict[str, list[Value]]:
    """Return the values of each facet among the papers that a query asks for, the most frequent first."""
    source, condition, bound = query.selection()
    papers = f"SELECT paper.pk FROM {source} {condition}"
    found = {
        name: [
            Value(text, _part(field, text), count)
            for text, count in db.execute(f"{statement.format(papers=papers)} ORDER BY 2 DESC, 1 LIMIT {_SHOWN}", bound)
        ]
        for name, (field, statement) in _GROUPS.items()
    }
    for name, parts in _PARTS.items():
        counted = ((text, part, _count(db, query, part)) for text, part in parts.items())
        found[name] = [Value(text, part, count) for text, part, count in counted if count]
    return {name: values for name, values in found.items() if values}


def _part(field: str, value: str) -> str:
    return f"{field}:{value}" if re.fullmatch(r"[\w.-]+", value) else f'{field}:"{value}"'


def _count(db: sqlite3.Connection, query: Query, part: str) -> int:
    further = parsed(part)
    narrowed = query._replace(where=query.where + further.where, bound=query.bound + further.bound)
    source, condition, bound = narrowed.selection()
    return db.execute(f"SELECT count(*) FROM {source} {condition}", bound).fetchone()[0]


def years_of(db: sqlite3.Connection, query: Query) -> list[tuple[int, int]]:
    """Return how many papers there are of each year among those that a query asks for."""
    source, condition, bound = query.selection()
    rows = db.execute(f"SELECT paper.year, count(*) FROM {source} {condition} GROUP BY 1 ORDER BY 1", bound)
    return [(year, count) for year, count in rows if year is not None]


def toggled(asked: str, part: str) -> str:
    """Return a query with a part of it taken out, or put in if it was not there.

    >>> toggled("low rank", "cat:cs.LG"), toggled('low cat:cs.LG tag:"to read"', 'tag:"to read"')
    ('low rank cat:cs.LG', 'low cat:cs.LG')
    """
    around = f" {asked} "
    if f" {part} " in around:
        return around.replace(f" {part} ", " ", 1).strip()
    return f"{asked} {part}".strip()
