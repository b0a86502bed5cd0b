"""Imports as they are stored: what is asked for, what is done of it, and how it stands."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from lopside.lens.importing.planning import Item, Options, items
from lopside.lens.sources.references import understood
from lopside.lens.store.papers import now

OPEN = ("ready", "running", "waiting", "paused")
"""States of a job that has more to do."""


def plan(db: sqlite3.Connection, text: str, options: Options) -> int:
    """Keep what a reader wants to import, and return the key of the job; nothing is asked yet."""
    day_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    db.execute("DELETE FROM job WHERE state = 'planned' AND created_at < ?", (day_ago,))
    found = db.execute(
        "INSERT INTO job (state, text, options, created_at, changed_at) VALUES ('planned', ?, ?, ?, ?)",
        (text, json.dumps(options._asdict()), now(), now()),
    ).lastrowid
    assert found is not None
    return found


def begin(db: sqlite3.Connection, job: sqlite3.Row, options: Options) -> None:
    """Write down the steps of a planned job: the reader has agreed to them."""
    for item in items(understood(job["text"]).wanted, options):
        add(db, job["pk"], item)
    newest = db.execute("SELECT coalesce(max(pk), 0) FROM paper").fetchone()[0]
    set_state(db, job["pk"], "ready", options=json.dumps(options._asdict() | {"since": newest}))


def add(db: sqlite3.Connection, job: int, item: Item) -> None:
    """Add a step to a job, unless it is there already."""
    what = json.dumps(item.what, sort_keys=True)
    there = "SELECT 1 FROM job_item WHERE job = ? AND source = ? AND kind = ? AND what = ?"
    if not db.execute(there, (job, item.source, item.kind, what)).fetchone():
        db.execute(
            "INSERT INTO job_item (job, place, source, kind, what) "
            "SELECT ?, coalesce(max(place), 0) + 1, ?, ?, ? FROM job_item WHERE job = ?",
            (job, item.source, item.kind, what, job),
        )


def get(db: sqlite3.Connection, pk: int) -> sqlite3.Row | None:
    """Return a job, or None."""
    return db.execute("SELECT * FROM job WHERE pk = ?", (pk,)).fetchone()


def state(db: sqlite3.Connection, pk: int) -> str | None:
    """Return how a job stands."""
    row = db.execute("SELECT state FROM job WHERE pk = ?", (pk,)).fetchone()
    return None if row is None else row[0]


def set_state(db: sqlite3.Connection, pk: int, to: str, said: str = "", **more: Any) -> None:
    """Change how a job stands."""
    given = {"state": to, "said": said, "not_before": None, "changed_at": now(), **more}
    marks = ", ".join(f"{name} = ?" for name in given)
    db.execute(f"UPDATE job SET {marks} WHERE pk = ?", (*given.values(), pk))


def retry(db: sqlite3.Connection, pk: int) -> None:
    """Let the steps that failed be tried again."""
    db.execute("UPDATE job_item SET state = 'waiting', said = '' WHERE job = ? AND state = 'failed'", (pk,))


def next_item(db: sqlite3.Connection, pk: int, without: set[str]) -> sqlite3.Row | None:
    """Return the next step of a job, of a source that is not to be left out."""
    rows = db.execute("SELECT * FROM job_item WHERE job = ? AND state = 'waiting' ORDER BY place", (pk,))
    return next((row for row in rows if row["source"] not in without), None)


def of(db: sqlite3.Connection, pk: int) -> list[sqlite3.Row]:
    """Return the steps of a job."""
    return db.execute("SELECT * FROM job_item WHERE job = ? ORDER BY place", (pk,)).fetchall()


def recent(db: sqlite3.Connection, most: int = 20) -> list[sqlite3.Row]:
    """Return jobs that have begun, the newest first, with how much of them is done."""
    return db.execute(
        "SELECT job.*, count(place) AS steps, sum(item.state <> 'waiting') AS done FROM job "
        "LEFT JOIN job_item AS item ON job = job.pk WHERE job.state <> 'planned' "
        "GROUP BY job.pk ORDER BY job.pk DESC LIMIT ?",
        (most,),
    ).fetchall()


def unfinished(db: sqlite3.Connection) -> list[int]:
    """Return the jobs that have begun and have more to do, the oldest first."""
    marks = ", ".join("?" * len(OPEN))
    return [pk for (pk,) in db.execute(f"SELECT pk FROM job WHERE state IN ({marks}) ORDER BY pk", OPEN)]
