"""A library, a stub world and an import between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stub_sources import FakeTime, World, served

from lopside.lens.importing import jobs
from lopside.lens.importing.planning import Options
from lopside.lens.importing.running import run
from lopside.lens.sources.asking import Asker
from lopside.lens.sources.pacing import Clock
from lopside.lens.store.database import Library

BOTH = Options(citations=True)


@contextmanager
def asker_of(library: Library, world: World, **more: Any) -> Iterator[tuple[Asker, FakeTime]]:
    """Give what asks a stub world, and its time."""
    passing = FakeTime()
    with served(world) as address:
        asker = Asker(library, Clock(passing.now, passing.sleep), stubs={"arxiv": address, "s2": address}, **more)
        try:
            yield asker, passing
        finally:
            asker.close()


def begun(library: Library, text: str, options: Options = BOTH) -> int:
    """Plan a job and agree to it."""
    with library.writing() as db:
        pk = jobs.plan(db, text, options)
        job = jobs.get(db, pk)
        assert job is not None
        jobs.begin(db, job, options)
    return pk


def imported(library: Library, world: World, text: str, options: Options = BOTH) -> tuple[int, str | None]:
    """Run an import to where it goes, and return its key and state."""
    pk = begun(library, text, options)
    with asker_of(library, world) as (asker, _):
        return pk, run(library, asker, pk)


def items(library: Library, pk: int) -> list[sqlite3.Row]:
    with library.reading() as db:
        return jobs.of(db, pk)


DATES = {"changed_at", "fetched_at", "created_at", "at", "snapshot", "undone_at", "ms", "next_at", "not_before"}
PAPERS = (
    "paper",
    "paper_id",
    "person",
    "authorship",
    "category",
    "citation",
    "record",
    "note",
    "tag",
    "term",
    "question",
)


def dump(path: Path, tables: tuple[str, ...] = PAPERS, without: set[str] = DATES) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of tables, sorted, without what differs from run to run."""
    db = sqlite3.connect(path)
    found = {}
    for table in tables:
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] not in without]
        rows = db.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
        found[table] = sorted(rows, key=repr)
    found["fts"] = sorted(
        db.execute("SELECT rowid, title, authors, abstract, notes FROM paper_fts").fetchall(), key=repr
    )
    db.close()
    return found
