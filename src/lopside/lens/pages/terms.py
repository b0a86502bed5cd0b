"""The page of a term: which papers it leads, since when, and where it stands in them."""

from __future__ import annotations

from collections import Counter
from sqlite3 import Connection
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lopside.lens.rendering import library, page
from lopside.lens.store.lists import with_term
from lopside.lens.text.summary import sentences
from lopside.lens.text.words import TOKEN, word_key

_LEADS = 3
"""Key terms that a paper is led by."""


def _found(db: Connection, key: str) -> dict[str, Any]:
    rows = with_term(db, key)
    if not rows:
        raise HTTPException(404, "No paper of the library has this key term.")
    spelled = Counter(row["spelled"] for row in rows)
    years = Counter(row["year"] for row in rows if row["year"])
    (papers,) = db.execute("SELECT count(*) FROM paper").fetchone()
    return {
        "key": key,
        "text": min(spelled, key=lambda text: (-spelled[text], text)),
        "df": rows[0]["df"],
        "papers_in_all": papers,
        "years": sorted(years.items()),
        "papers": [
            {name: row[name] for name in ("slug", "title", "year", "authors", "count", "score")}
            | {"place": row["place"] + 1, "leads": row["place"] < _LEADS, "stands": _stands(row["text"], key)}
            for row in rows
        ],
    }


def _stands(text: str, key: str) -> str | None:
    """Return the first sentence in which a term stands; None if only the title has it."""
    for sentence in sentences(text):
        if f" {key} " in f" {' '.join(map(word_key, TOKEN.findall(sentence.words)))} ":
            return text[sentence.start : sentence.stop]
    return None


def show(request: Request) -> Response:
    """Answer with the papers of a term."""
    with library(request).reading() as db:
        found = _found(db, request.path_params["key"])
    return page(request, "term.html", here="library", term=found, most=max((n for _, n in found["years"]), default=1))


def as_json(request: Request) -> Response:
    """Answer with the same as JSON."""
    with library(request).reading() as db:
        return JSONResponse(_found(db, request.path_params["key"]))
