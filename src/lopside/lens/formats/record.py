"""A paper as JSON: all that its page tells."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from lopside.lens.store import papers
from lopside.lens.store.papers import Paper
from lopside.lens.text.summary import in_short


def record(db: sqlite3.Connection, paper: Paper) -> dict[str, Any]:
    """Return a paper with its terms and whom it cites."""
    terms = [dict(term) for term in papers.terms(db, paper.pk)]
    sentence = in_short(paper.text, [term["key"] for term in terms])
    rows = papers.connected(db, paper.pk)
    return {
        "slug": paper.slug,
        "title": paper.title,
        "authors": [name for _, name in paper.authors],
        "year": paper.year,
        "published": paper.published,
        "updated": paper.updated,
        "venue": paper.venue,
        "ids": paper.ids,
        "categories": paper.categories,
        "tags": paper.tags,
        "reading": paper.reading,
        "licence": paper.licence,
        "abstract": paper.abstract,
        "summary": paper.digest,
        "own_summary": paper.own_summary,
        "in_short": paper.text[sentence.start : sentence.stop] if sentence else None,
        "key_terms": terms,
        "citations": [row["slug"] for row in rows if row["relation"] == "cites this"],
        "references": [row["slug"] for row in rows if row["relation"] == "cited here"],
        "records": [{"part": part, "source": source, "fetched_at": at} for part, source, at in paper.records],
    }


def records(db: sqlite3.Connection, found: Sequence[Paper]) -> str:
    """Return papers as a list of JSON, in their order."""
    return json.dumps([record(db, paper) for paper in found], ensure_ascii=False, indent=1)
