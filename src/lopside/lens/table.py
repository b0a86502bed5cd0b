"""The rows of a table that a reader wants to see, in their order; told by an address, so that no script is needed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from lopside.lens.rendering import address
from lopside.lens.text.names import folded

RELATIONS = {"cites": "cites this", "cited": "cited here"}
"""Short words for what an address may say of a relation."""

COLUMNS = ("title", "authors", "year", "relation")
"""By which rows are sorted; an address may say no others."""

_LONGEST = 200


class Wanted(NamedTuple):
    """What is asked of a table of papers.

    Attributes
    ----------
    words : str
        Each must be the beginning of a word of a row.
    relation : str
        "cites this", "cited here", or "" for both.
    year : str
        Four digits, "unknown", or "" for all.
    sort : str
        A column, or "" for the order in which the rows come.
    falling : bool
    """

    words: str = ""
    relation: str = ""
    year: str = ""
    sort: str = ""
    falling: bool = False

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Return what an address asks for; what it cannot ask for is left out."""
        sort, relation, year = (given.get(name, "") for name in ("sort", "relation", "year"))
        relation = RELATIONS.get(relation, relation)
        return cls(
            given.get("words", "")[:_LONGEST].strip(),
            relation if relation in RELATIONS.values() else "",
            year if re.fullmatch(r"\d{4}|unknown", year, re.ASCII) else "",
            sort if sort in COLUMNS else "",
            given.get("falling") == "yes",
        )

    def rows(self, all_rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
        """Return the rows that are wanted; what a row does not have comes last."""
        words = folded(self.words).split()
        kept = [
            row
            for row in all_rows
            if self.relation in ("", row["relation"])
            and self.year in ("", str(row["year"] or "unknown"))
            and _has(row, words)
        ]
        if self.sort:
            kept.sort(key=lambda row: _key(row[self.sort]), reverse=self.falling)
            kept.sort(key=lambda row: row[self.sort] is None)
        return kept

    def address(self, column: str) -> str:
        """Return the address of the same table sorted by a column, or the other way round if it already is."""
        falling = "yes" if self.sort == column and not self.falling else ""
        return address("", **self._narrowed(), sort=column, falling=falling) + "#table"

    def file(self, path: str) -> str:
        """Return the address of a file with the same rows."""
        return address(path, **self._narrowed(), sort=self.sort, falling="yes" if self.falling else "")

    def _narrowed(self) -> dict[str, str]:
        return {"words": self.words, "relation": self.relation, "year": self.year}

    def order(self, column: str) -> str | None:
        """Return what `aria-sort` says of a column."""
        return ("descending" if self.falling else "ascending") if self.sort == column else None


def _has(row: sqlite3.Row, words: Sequence[str]) -> bool:
    text = f" {folded(' '.join(str(row[name]) for name in COLUMNS))}" if words else ""
    return all(f" {word}" in text for word in words)


def _key(value: Any) -> Any:
    return folded(value) if isinstance(value, str) else value or 0
