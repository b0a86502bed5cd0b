"""What the reader makes of a paper: tags, how far it is read, a summary of one's own."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable

from lopside.lens.store.papers import now

STATES = ("new", "reading", "read")
LONGEST_TAG = 50
LONGEST_SUMMARY = 2_000


def tag_of(text: str) -> str | None:
    """Return a tag as it is kept: blanks single, no quotation marks; None if nothing or too much is left.

    >>> tag_of('  to  "read" '), tag_of('"')
    ('to read', None)
    """
    found = " ".join(text.replace('"', " ").split())
    return found if found and len(found) <= LONGEST_TAG else None


def tag(db: sqlite3.Connection, papers: Iterable[int], name: str) -> None:
    """Tag papers."""
    db.executemany("INSERT OR IGNORE INTO tag VALUES (?, ?)", [(paper, name) for paper in papers])


def untag(db: sqlite3.Connection, paper: int, name: str) -> None:
    """Take a tag off a paper."""
    db.execute("DELETE FROM tag WHERE paper = ? AND tag = ?", (paper, name))


def all_tags(db: sqlite3.Connection) -> list[str]:
    """Return every tag there is, the most frequent first."""
    return [name for (name,) in db.execute("SELECT tag FROM tag GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 100")]


def read_as(db: sqlite3.Connection, paper: int, state: str) -> None:
    """Keep how far a paper is read."""
    db.execute("UPDATE paper SET reading = ?, changed_at = ? WHERE pk = ?", (state, now(), paper))


def mark_of(text: str | None) -> str:
    """Return what tells a text from every other, so that a form can say which one it was made from."""
    return hashlib.sha256((text or "").encode("utf-8", "replace")).hexdigest()[:16]


def summarize(db: sqlite3.Connection, paper: int, mark: str, text: str) -> str | None:
    """Keep the reader's own summary, or with "" take it away, if nobody else has changed it since.

    Returns
    -------
    The summary as it stands, where it was changed elsewhere; else None.
    """
    (kept,) = db.execute("SELECT own_summary FROM paper WHERE pk = ?", (paper,)).fetchone()
    if mark_of(kept) != mark:
        return kept or ""
    db.execute("UPDATE paper SET own_summary = ?, changed_at = ? WHERE pk = ?", (text or None, now(), paper))
    return None
