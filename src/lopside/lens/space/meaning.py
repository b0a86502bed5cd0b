"""Search by meaning: the words of a query as a point among the papers."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

from lopside.lens.space.related import told
from lopside.lens.space.text import text_space

_NO_WORD = re.compile(r'(?:^|(?<=\s))(?:-(?:"[^"]*"?|\S+)|[a-z]+:(?:"[^"]*"?|\S+))')
"""What a query says beside words: fields, and what is not wanted."""

MOST = 6


class Meant(NamedTuple):
    """A paper near a query: its facts, and the cosine."""

    paper: sqlite3.Row
    score: float


def near_words(db: sqlite3.Connection, asked: str) -> list[Meant]:
    """Return the papers nearest to the words of a query; none where it has no term of the library."""
    words = _NO_WORD.sub(" ", asked).replace('"', " ").strip()
    space = text_space(db) if words else None
    if space is None:
        return []
    near = space.near_query(words, MOST)
    facts = told(db, [pk for pk, _ in near])
    return [Meant(facts[pk], score) for pk, score in near if pk in facts]
