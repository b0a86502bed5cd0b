"""The papers that every library begins with: the two that this all started from, and those around them."""

from __future__ import annotations

import json
import sqlite3
from importlib.resources import files

from lopside.lens.store import papers

SOURCE = "built in"


def fill(db: sqlite3.Connection) -> None:
    """Put the built-in papers into an empty library."""
    corpus = json.loads(files("lopside.lens").joinpath("corpus.json").read_text("utf-8"))
    keys = {}
    for entry in corpus["papers"]:
        ids = {"arxiv": entry["arxiv"]} if "arxiv" in entry else {}
        keys[entry["slug"]] = papers.put(db, entry | {"ids": ids}, source=", ".join(entry["source"]))
    for entry in corpus["papers"]:
        for cited in entry.get("cites", ()):
            papers.cite(db, keys[entry["slug"]], keys[cited], source=SOURCE)
    for one, other in corpus["questions"]:
        pair = sorted((keys[one], keys[other]))
        why = "Same authors in the same order and the same year, under two titles."
        db.execute("INSERT INTO question (one, other, why) VALUES (?, ?, ?)", (*pair, why))
    papers.weigh_terms(db)
