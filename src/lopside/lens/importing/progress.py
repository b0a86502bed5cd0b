"""How an import goes, in numbers and words."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from lopside.lens.importing import jobs
from lopside.lens.importing.planning import said
from lopside.lens.sources.hosts import SOURCES
from lopside.lens.sources.identifiers import Identifier

_NAMES = {name: source.name for name, source in SOURCES.items()} | {"library": "your file"}
_LOGGED = "SELECT * FROM request_log ORDER BY pk DESC LIMIT 100"


def of_job(db: sqlite3.Connection, job: sqlite3.Row) -> dict[str, Any]:
    """Return what is done of a job: by source, in all, and what went wrong."""
    items = jobs.of(db, job["pk"])
    sources = []
    for source in dict.fromkeys(item["source"] for item in items):
        mine = [item for item in items if item["source"] == source]
        done = sum(item["state"] != "waiting" for item in mine)
        sources.append({"source": source, "name": _NAMES[source], "done": done, "steps": len(mine)})
    return {
        "sources": sources,
        "made": sum(item["made"] for item in items),
        "changed": sum(item["changed"] for item in items),
        "failed": sum(item["state"] == "failed" for item in items),
        "left": sum(item["state"] == "waiting" for item in items),
        "troubles": [
            {"step": step(item), "said": item["said"], "state": item["state"]} for item in items if item["said"]
        ],
        "next": step(next(iter(item for item in items if item["state"] == "waiting"), None)),
        "papers": _papers(db, items),
    }


def step(item: sqlite3.Row | None) -> str:
    """Return in words what a step is."""
    if item is None:
        return ""
    what = json.loads(item["what"])
    if item["kind"] == "store":
        return f"{len(what['entries'])} entries of your {what['source']} file"
    if item["kind"] == "match":
        return f"the title “{what['title'][:120]}”"
    if item["kind"] == "records":
        first = said(Identifier(*what["ids"][0]))
        return f"{_NAMES[item['source']]}: {first}" + (f" and {len(what['ids']) - 1} more" if what["ids"][1:] else "")
    more = f" from {item['cursor'] + 1} on" if item["cursor"] else ""
    return f"{item['kind']} of {said(Identifier(*what['id']))}{more}"


def _papers(db: sqlite3.Connection, items: list[sqlite3.Row]) -> list[dict[str, str]]:
    """Return the papers that were asked for by an identifier, and are stored."""
    wanted = []
    for item in items:
        what = json.loads(item["what"])
        wanted += what.get("ids", []) + ([what["id"]] if "id" in what else [])
    found = {}
    for scheme, value in wanted:
        row = db.execute(
            "SELECT slug, title FROM paper_id JOIN paper ON paper = pk WHERE scheme = ? AND value = ?", (scheme, value)
        ).fetchone()
        if row is not None:
            found[row["slug"]] = {"slug": row["slug"], "title": row["title"]}
    return list(found.values())


def told(job: sqlite3.Row, interrupted: bool) -> str:
    """Return in words how a job stands."""
    state = job["state"]
    if state == "waiting":
        continues = f"{job['said']}. It continues at {clock_time(job['not_before'])}"
        return continues + (", once you press Continue." if interrupted else " by itself, if Lens is open then.")
    if interrupted:
        return "Interrupted. Nothing is lost: it continues where it was."
    return {
        "ready": "It begins as soon as no other import is at work.",
        "running": "At work.",
        "paused": "Paused.",
        "done": "Done.",
        "cancelled": "Cancelled. What had come by then is stored.",
    }[state]


def clock_time(at: float) -> str:
    """Return a moment as the reader's clock has it, with the day where it is another."""
    when, today = datetime.fromtimestamp(at).astimezone(), datetime.now().astimezone().date()
    return f"{when:%H:%M}" if when.date() == today else f"{when:%H:%M on %Y-%m-%d}"


def log_rows(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the requests that were made, the newest first."""
    return db.execute(_LOGGED).fetchall()
