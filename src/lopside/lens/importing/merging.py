"""Two records of one paper become one, and can be two again.

What belongs to a paper is found in the schema: every table with a column that refers to a paper. So a new table
needs no word here.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Literal

from lopside.lens.store import papers

_WHOLE = frozenset({"authorship", "category"})
"""Lists that are kept as the one paper has them, not put together of two."""

_COMPUTED = frozenset({"term", "link_guess"})
"""Made anew afterwards."""

_ORDERED = "question"
"""Its pairs are sorted, so that a pair is moved with care."""

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]
"""Rows by table; the first row of a table has the names of its columns."""


def refused(db: sqlite3.Connection, one: int, other: int) -> bool:
    """Say whether the reader has said that these are two papers."""
    row = db.execute(
        "SELECT answer FROM question WHERE one = ? AND other = ?", (min(one, other), max(one, other))
    ).fetchone()
    return row is not None and row[0] == "different"


def merge(db: sqlite3.Connection, one: int, other: int, *, who: Literal["id", "rule", "reader"], why: str) -> int:
    """Make two papers one, and return its key; the one that more is known of keeps its slug."""
    kept, gone = sorted((one, other), key=lambda pk: _weight(db, pk))
    before = {"kept": _rows(db, kept), "gone": _rows(db, gone), "moved": _keyed(db, gone)}
    slug, title = db.execute("SELECT slug, title FROM paper WHERE pk = ?", (gone,)).fetchone()
    _fill(db, kept, gone)
    for table, column in _referring(db):
        if table in _COMPUTED or (table in _WHOLE and _any(db, table, column, kept)):
            continue
        if table == _ORDERED:
            _move_questions(db, gone, kept)
        else:
            db.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?", (kept, gone))
    db.execute("DELETE FROM paper WHERE pk = ?", (gone,))
    db.execute("DELETE FROM paper_fts WHERE rowid = ?", (gone,))
    snapshot = json.dumps({**before, "after": _rows(db, kept)}, default=_coded)
    db.execute(
        "INSERT INTO merge_log (kept, gone, gone_slug, gone_title, who, why, snapshot, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (kept, gone, slug, title, who, why, snapshot, papers.now()),
    )
    papers.index(db, kept)
    return kept


def undo(db: sqlite3.Connection, pk: int) -> str | None:
    """Make one paper two again, as they were; what was added since stays with the one that was kept.

    Returns
    -------
    The reason why it cannot be done now, or None.
    """
    row = db.execute("SELECT * FROM merge_log WHERE pk = ? AND undone_at IS NULL", (pk,)).fetchone()
    if row is None:
        return "This was undone before."
    kept, gone = row["kept"], row["gone"]
    later = "SELECT gone_title FROM merge_log WHERE kept = ? AND pk > ? AND undone_at IS NULL"
    after_it = db.execute(later, (kept, pk)).fetchone()
    if after_it is not None:
        return f"Another paper was put to it later, “{after_it[0]}”. Undo that first."
    snapshot = json.loads(row["snapshot"], object_hook=_decoded)
    was, lost, after = (_read(snapshot[name]) for name in ("kept", "gone", "after"))
    _restore_fields(db, kept, was["paper"], after["paper"])
    _insert(db, "paper", lost["paper"])
    for table in after.keys() - {"paper"}:
        for one in set(after[table][1:]) - set(was[table][1:]):  # came with the merge
            _delete(db, table, after[table][0], one)
        _insert(db, table, was[table])
        _insert(db, table, lost[table])
    for table, column, keys in snapshot["moved"]:  # with what was written to them since; those deleted stay so
        db.executemany(f"UPDATE {table} SET {column} = ? WHERE pk = ?", [(gone, key) for key in keys])
    db.execute("UPDATE merge_log SET undone_at = ? WHERE pk = ?", (papers.now(), pk))
    if row["who"] != "reader":
        pair = (min(kept, gone), max(kept, gone))
        why = f"They were one paper by this: {row['why']} You undid it."
        db.execute(
            "INSERT OR REPLACE INTO question (one, other, why, answer) VALUES (?, ?, ?, 'different')", (*pair, why)
        )
    papers.index(db, kept)
    papers.index(db, gone)
    return None


def now_at(db: sqlite3.Connection, slug: str) -> str | None:
    """Return the slug of the paper that another became part of, or None."""
    row = db.execute(
        "SELECT slug FROM merge_log JOIN paper ON paper.pk = kept "
        "WHERE gone_slug = ? AND undone_at IS NULL ORDER BY merge_log.pk DESC",
        (slug,),
    ).fetchone()
    return None if row is None else row[0]


def _weight(db: sqlite3.Connection, pk: int) -> tuple[bool, bool, bool, int]:
    """Return what sorts the paper first that more is known of, or that was there first."""
    row = db.execute("SELECT abstract, digest FROM paper WHERE pk = ?", (pk,)).fetchone()
    schemes = {scheme for (scheme,) in db.execute("SELECT scheme FROM paper_id WHERE paper = ?", (pk,))}
    return row["digest"] is None, row["abstract"] is None, "arxiv" not in schemes, pk


_FILLED = ("abstract", "digest", "own_summary", "year", "published", "updated", "version", "venue", "licence")
_READING = ("new", "reading", "read")


def _fill(db: sqlite3.Connection, kept: int, gone: int) -> None:
    one, other = (db.execute("SELECT * FROM paper WHERE pk = ?", (pk,)).fetchone() for pk in (kept, gone))
    new = {name: other[name] for name in _FILLED if one[name] is None and other[name] is not None}
    new["reading"] = max(one["reading"], other["reading"], key=_READING.index)
    marks = ", ".join(f"{name} = ?" for name in new)
    db.execute(f"UPDATE paper SET {marks}, changed_at = ? WHERE pk = ?", (*new.values(), papers.now(), kept))


def _move_questions(db: sqlite3.Connection, gone: int, kept: int) -> None:
    for row in db.execute("SELECT * FROM question WHERE one = :gone OR other = :gone", {"gone": gone}).fetchall():
        third = row["other"] if row["one"] == gone else row["one"]
        if third != kept:
            pair = sorted((third, kept))
            db.execute("INSERT OR IGNORE INTO question VALUES (?, ?, ?, ?)", (*pair, row["why"], row["answer"]))


def _referring(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the columns that refer to a paper, with their tables."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [
        (table, key["from"])
        for table in tables
        for key in db.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        if key["table"] == "paper"
    ]


def _columns(db: sqlite3.Connection, table: str) -> Row:
    return tuple(column["name"] for column in db.execute(f"PRAGMA table_info({table})"))


def _any(db: sqlite3.Connection, table: str, column: str, pk: int) -> bool:
    return db.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (pk,)).fetchone() is not None


def _rows(db: sqlite3.Connection, pk: int) -> Tables:
    """Return the rows of a paper in tables whose rows are nothing but what they say."""
    found: Tables = {"paper": [_columns(db, "paper"), *_where(db, "paper", "pk", pk)]}
    for table, column in _referring(db):
        names = _columns(db, table)
        if table not in _COMPUTED and "pk" not in names:
            rows = found.setdefault(table, [names])
            rows += [row for row in _where(db, table, column, pk) if row not in rows]
    return found


def _where(db: sqlite3.Connection, table: str, column: str, pk: int) -> list[Row]:
    return [tuple(row) for row in db.execute(f"SELECT * FROM {table} WHERE {column} = ?", (pk,))]


def _keyed(db: sqlite3.Connection, pk: int) -> list[tuple[str, str, list[int]]]:
    """Return the keys of rows that have some, as notes do, with table and column."""
    found = []
    for table, column in _referring(db):
        if table not in _COMPUTED and "pk" in _columns(db, table):
            keys = [key for (key,) in db.execute(f"SELECT pk FROM {table} WHERE {column} = ?", (pk,))]
            found.append((table, column, keys))
    return found


def _read(tables: dict[str, list[list[Any]]]) -> Tables:
    return {table: [tuple(row) for row in rows] for table, rows in tables.items()}


def _restore_fields(db: sqlite3.Connection, kept: int, was: list[Row], after: list[Row]) -> None:
    """Take back what the merge gave, where nothing else has changed it since."""
    row = db.execute("SELECT * FROM paper WHERE pk = ?", (kept,)).fetchone()
    for name, old, given in zip(was[0], was[1], after[1], strict=True):
        if row[name] == given != old:
            db.execute(f"UPDATE paper SET {name} = ? WHERE pk = ?", (old, kept))


def _delete(db: sqlite3.Connection, table: str, names: Row, row: Row) -> None:
    db.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} IS ?' for name in names)}", row)


def _insert(db: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    names = ", ".join(rows[0])
    for row in rows[1:]:
        try:
            db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", row)
        except sqlite3.IntegrityError:  # it referred to a third paper, which is part of another by now
            continue


def _coded(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise TypeError(type(value))


def _decoded(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["bytes"]) if set(value) == {"bytes"} else value
