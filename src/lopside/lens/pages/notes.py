"""Notes: written, changed, and all of them in one list."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lopside.lens.rendering import form, library, page
from lopside.lens.store import notes, papers


def show(request: Request) -> Response:
    """Answer with all notes."""
    with library(request).reading() as db:
        return page(request, "notes.html", here="notes", notes=notes.all_notes(db))


async def write(request: Request) -> Response:
    """Keep a new note."""
    body = _body(await form(request))
    slug = request.path_params["slug"]
    with library(request).writing() as db:
        paper = papers.paper(db, slug)
        if paper is None:
            raise HTTPException(404)
        pk = notes.add(db, paper.pk, body)
    return RedirectResponse(f"/p/{slug}#note-{pk}", 303)


async def change(request: Request) -> Response:
    """Change a note or take it away; the second of two windows is told, and loses nothing."""
    sent = await form(request)
    slug, pk = request.path_params["slug"], request.path_params["pk"]
    body = None if sent.get("do") == "delete" else _body(sent)
    version = str(sent.get("version", ""))
    if not version.isdecimal() or len(version) > 9:
        raise HTTPException(400, "The form is not whole. Go back, reload and try again.")
    try:
        with library(request).writing() as db:
            other = notes.change(db, pk, int(version), body)
    except LookupError:
        raise HTTPException(404, "That note is not there any more.") from None
    if other is not None:
        return page(request, "conflict.html", 409, slug=slug, other=other, body=body or "")
    return RedirectResponse(f"/p/{slug}#notes", 303)


def _body(sent: object) -> str:
    body = str(sent.get("body", "")).replace("\r\n", "\n").strip()  # type: ignore[attr-defined]
    if not body:
        raise HTTPException(400, "The note is empty, so there is nothing to keep. Go back and write something.")
    if len(body) > notes.LONGEST:
        raise HTTPException(
            413, f"The note has {len(body)} letters; {notes.LONGEST} are kept. Go back: nothing is lost. Cut it in two."
        )
    return body
