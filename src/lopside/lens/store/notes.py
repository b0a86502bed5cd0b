"""The reader's notes."""

from __future__ import annotations

import sqlite3

from lopside.lens.store.papers import index, now
from lopside.lens.text.names import folded

LONGEST = 65_536
"""Letters of a note."""


def notes_of(db: sqlite3.Connection, paper: int) -> list[sqlite3.Row]:
    """Return the notes on a paper, the oldest first."""
    return db.execute("SELECT * FROM note WHERE paper = ? ORDER BY pk", (paper,)).fetchall()


def all_notes(db: sqlite3.Connection, asked: str = "") -> list[sqlite3.Row]:
    """Return notes with the slug and title of their papers, the newest first.

    Parameters
    ----------
    db : Connection
    asked : str
        Words; each has to be how a word of the note, its anchor or its paper's title begins.
    """
    rows = db.execute(
        "SELECT note.*, slug, title FROM note JOIN paper ON paper.pk = note.paper "
        "ORDER BY note.changed_at DESC, note.pk DESC"
    ).fetchall()
    words = [f" {word}" for word in folded(asked).split()]
    texts = (f" {folded(' '.join((row['body'], row['anchor'].replace(':', ' '), row['title'])))}" for row in rows)
    return (
        [row for row, text in zip(rows, texts, strict=True) if all(word in text for word in words)] if words else rows
    )


def add(db: sqlite3.Connection, paper: int, body: str, anchor: str = "") -> int:
    """Keep a note, and return its key."""
    at = now()
    found = db.execute(
        "INSERT INTO note (paper, anchor, body, created_at, changed_at) VALUES (?, ?, ?, ?, ?)",
        (paper, anchor, body, at, at),
    ).lastrowid
    index(db, paper)
    assert found is not None
    return found


def change(db: sqlite3.Connection, pk: int, version: int, body: str | None) -> sqlite3.Row | None:
    """Change a note, or with None take it away, if nobody else has changed it since.

    Returns
    -------
    The note as it stands, where it was changed elsewhere; else None.

    Raises
    ------
    LookupError
        If there is no such note.
    """
    row = db.execute("SELECT * FROM note WHERE pk = ?", (pk,)).fetchone()
    if row is None:
        raise LookupError(pk)
    if row["version"] != version:
        return row
    if body is None:
        db.execute("DELETE FROM note WHERE pk = ?", (pk,))
    else:
        db.execute("UPDATE note SET body = ?, version = version + 1, changed_at = ? WHERE pk = ?", (body, now(), pk))
    index(db, row["paper"])
    return None
