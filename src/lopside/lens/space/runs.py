"""Records of what was computed: from what, how, with what proof, and the numbers themselves."""

from __future__ import annotations

import io
import json
import sqlite3
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from lopside import __version__

Part = Any
"""An array of numbers, or what JSON can say."""


class Made(NamedTuple):
    """What came of a computation.

    Attributes
    ----------
    kind : "text", "citations" or "links"
    params : dict
        What was asked for.
    corpus : str
        SHA-256 of what it was computed from.
    seed : int
    certificate, metrics : dict
    parts : dict
        Name to array or plain data.
    """

    kind: str
    params: dict[str, Any]
    corpus: str
    seed: int
    certificate: dict[str, Any]
    metrics: dict[str, Any]
    parts: dict[str, Part]


class Run(NamedTuple):
    """A record, without its parts.

    Attributes
    ----------
    pk : int
        What `lopside lens verify` takes.
    kind, corpus, engine, made_at : str
    params, certificate, metrics : dict
    seed : int
    """

    pk: int
    kind: str
    params: dict[str, Any]
    corpus: str
    engine: str
    seed: int
    certificate: dict[str, Any]
    metrics: dict[str, Any]
    made_at: str


def keep(db: sqlite3.Connection, made: Made) -> int:
    """Store a run in place of the one of its kind before, and return its number."""
    db.execute("DELETE FROM run WHERE kind = ?", (made.kind,))
    facts = (json.dumps(value, allow_nan=False) for value in (made.params, made.certificate, made.metrics))
    params, certificate, metrics = facts
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    pk = db.execute(
        "INSERT INTO run (kind, params, corpus, engine, seed, certificate, metrics, made_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (made.kind, params, made.corpus, __version__, made.seed, certificate, metrics, at),
    ).lastrowid
    assert pk is not None
    db.executemany(
        "INSERT INTO run_part VALUES (?, ?, ?)", ((pk, name, _packed(part)) for name, part in made.parts.items())
    )
    return pk


def current(db: sqlite3.Connection, kind: str) -> Run | None:
    """Return the newest run of a kind, or None."""
    return _record(db.execute("SELECT * FROM run WHERE kind = ?", (kind,)).fetchone())


def numbered(db: sqlite3.Connection, pk: int) -> Run | None:
    """Return the run of a number, or None."""
    return _record(db.execute("SELECT * FROM run WHERE pk = ?", (pk,)).fetchone())


def numbers(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """Return the numbers and kinds of all runs."""
    return [(row["pk"], row["kind"]) for row in db.execute("SELECT pk, kind FROM run ORDER BY pk")]


def _record(row: sqlite3.Row | None) -> Run | None:
    if row is None:
        return None
    facts = {name: json.loads(row[name]) for name in ("params", "certificate", "metrics")}
    return Run(**dict(row) | facts)


def parts(db: sqlite3.Connection, pk: int) -> dict[str, Part]:
    """Return the numbers of a run.

    Raises
    ------
    ValueError
        If what is stored is no array and no JSON.
    """
    return {
        row["name"]: _unpacked(row["value"])
        for row in db.execute("SELECT name, value FROM run_part WHERE run = ?", (pk,))
    }


def _packed(part: Part) -> bytes:
    if not isinstance(part, np.ndarray):
        return json.dumps(part, ensure_ascii=False, allow_nan=False).encode()
    kind = "<f4" if part.dtype.kind == "f" else "<i8"
    made = io.BytesIO()
    np.save(made, part.astype(kind), allow_pickle=False)
    return made.getvalue()


def _unpacked(value: bytes) -> Part:
    if value.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(value), allow_pickle=False)
    return json.loads(value)
