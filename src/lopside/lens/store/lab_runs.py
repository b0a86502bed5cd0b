"""Runs of the lab that have come to their end."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from lopside.lens.store.papers import now


def kept(db: sqlite3.Connection, key: str) -> list[dict[str, Any]] | None:
    """Return the events of a run with these settings, or None."""
    row = db.execute("SELECT made FROM lab_run WHERE key = ?", (key,)).fetchone()
    return None if row is None else json.loads(row["made"])


def keep(db: sqlite3.Connection, key: str, recipe: str, query: str, made: list[dict[str, Any]]) -> None:
    """Keep the events of a run."""
    text = json.dumps(made, allow_nan=False)
    db.execute("INSERT OR REPLACE INTO lab_run VALUES (?, ?, ?, ?, ?)", (key, recipe, query, text, now()))
