"""What was asked of the sources; no key is ever in it."""

from __future__ import annotations

from lopside.lens.store.database import Library
from lopside.lens.store.papers import now

_KEPT = 2000


def log(store: Library, source: str, what: str, status: int | None, said: str, ms: int) -> None:
    """Keep that a request was made; the oldest are forgotten."""
    with store.writing() as db:
        found = db.execute(
            "INSERT INTO request_log (source, what, status, said, ms, at) VALUES (?, ?, ?, ?, ?, ?)",
            (source, what[:500], status, said[:300], ms, now()),
        ).lastrowid
        db.execute("DELETE FROM request_log WHERE pk <= ?", ((found or 0) - _KEPT,))
