"""The page of an author."""

from __future__ import annotations

from sqlite3 import Connection
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lopside.lens.rendering import library, page
from lopside.lens.store.lists import by_person, coauthors


def _found(db: Connection, slug: str) -> dict[str, Any]:
    row = db.execute("SELECT pk, name FROM person WHERE slug = ?", (slug,)).fetchone()
    rows = by_person(db, row["pk"]) if row is not None else []
    if row is None or not rows:
        raise HTTPException(404, "No paper of the library has an author of this name.")
    with_whom = [dict(other) for other in coauthors(db, row["pk"])]
    return {"slug": slug, "name": row["name"], "papers": [dict(one) for one in rows], "coauthors": with_whom}


def show(request: Request) -> Response:
    """Answer with an author's papers, by year, and with whom they were written."""
    with library(request).reading() as db:
        found = _found(db, request.path_params["slug"])
    return page(request, "author.html", here="library", person=found)


def as_json(request: Request) -> Response:
    """Answer with the same as JSON."""
    with library(request).reading() as db:
        return JSONResponse(_found(db, request.path_params["slug"]))
