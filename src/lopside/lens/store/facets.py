"""How what a query asks for divides: by year, category, tag, reading state and what is stored of it."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

from lopside.lens.store.search import parsed

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
    "Category": ("cat", "SELECT code, count(*) FROM temp.found JOIN category ON paper = pk GROUP BY code"),
    "Tag": ("tag", "SELECT tag, count(*) FROM temp.found JOIN tag ON paper = pk GROUP BY tag"),
    "Reading": ("reading", "SELECT reading, count(*) FROM temp.found JOIN paper USING (pk) GROUP BY reading"),
}
_PARTS = {
    "Text": {"abstract": "has:abstract", "a summary only": "has:text -has:abstract", "title only": "-has:text"},
    "With": {"a lab": "has:lab", "notes": "has:notes", "references": "has:references", "citations": "has:citations"},
}


def facets(db: sqlite3.Connection) -> dict[str, list[Value]]:
    """Return the values of each facet among the papers that `search` found last, the most frequent first."""
    found = {
        name: [
            Value(text, _part(field, text), count)
            for text, count in db.execute(f"{statement} ORDER BY 2 DESC, 1 LIMIT {_SHOWN}")
        ]
        for name, (field, statement) in _GROUPS.items()
    }
    asked = [parsed(part) for parts in _PARTS.values() for part in parts.values()]
    sums = ", ".join(f"sum({' AND '.join(query.where)})" for query in asked)
    bound = [value for query in asked for value in query.bound]
    counts = iter(db.execute(f"SELECT {sums} FROM temp.found JOIN paper USING (pk)", bound).fetchone())
    for name, parts in _PARTS.items():
        counted = zip(parts.items(), counts, strict=False)
        found[name] = [Value(text, part, count) for (text, part), count in counted if count]
    return {name: values for name, values in found.items() if values}


def _part(field: str, value: str) -> str:
    return f"{field}:{value}" if re.fullmatch(r"[\w.-]+", value) else f'{field}:"{value}"'


def years_of(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return how many papers there are of each year among those that `search` found last."""
    rows = db.execute("SELECT year, count(*) FROM temp.found JOIN paper USING (pk) GROUP BY 1 ORDER BY 1")
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
