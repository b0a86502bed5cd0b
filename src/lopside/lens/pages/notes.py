"""Notes: written, changed, and all of them in one list."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lopside.lens.rendering import form, library, page
from lopside.lens.store import notes, papers
from lopside.lens.store.search import LONGEST
from lopside.lens.text.anchors import anchor


def show(request: Request) -> Response:
    """Answer with all notes, or those in which certain words are."""
    asked = _asked(request)
    with library(request).reading() as db:
        return page(request, "notes.html", here="notes", notes=notes.all_notes(db, asked), wanted=asked)


def as_json(request: Request) -> Response:
    """Answer with the same as JSON."""
    with library(request).reading() as db:
        found = notes.all_notes(db, _asked(request))
    kept = ("slug", "title", "anchor", "body", "version", "created_at", "changed_at")
    return JSONResponse([{name: row[name] for name in kept} for row in found])


def _asked(request: Request) -> str:
    return request.query_params.get("q", "")[:LONGEST].strip()


async def write(request: Request) -> Response:
    """Keep a new note."""
    sent = await form(request)
    body, about = _body(sent), str(sent.get("anchor", ""))
    if about and anchor(about) is None:
        raise HTTPException(400, "What the note is about is not understood. Go back, copy what you wrote, reload.")
    slug = request.path_params["slug"]

    def keep() -> int:
        with library(request).writing() as db:
            paper = papers.paper(db, slug)
            if paper is None:
                raise HTTPException(404)
            return notes.add(db, paper.pk, body, about)

    return RedirectResponse(f"/p/{slug}#note-{await run_in_threadpool(keep)}", 303)


async def change(request: Request) -> Response:
    """Change a note or take it away; the second of two windows is told, and loses nothing."""
    sent = await form(request)
    slug, pk = request.path_params["slug"], request.path_params["pk"]
    body = None if sent.get("do") == "delete" else _body(sent)
    version = str(sent.get("version", ""))
    if not (version.isascii() and version.isdecimal()) or len(version) > 9:
        raise HTTPException(400, "The form is not whole. Go back, reload and try again.")

    def keep() -> dict[str, object] | None:
        with library(request).writing() as db:
            other = notes.change(db, pk, int(version), body)
            return None if other is None else dict(other)

    try:
        other = await run_in_threadpool(keep)
    except LookupError:
        raise HTTPException(404, "That note is not there any more.") from None
    if other is not None:
        return page(
            request,
            "conflict.html",
            409,
            what="This note",
            action=f"/p/{slug}/notes/{pk}",
            back=f"/p/{slug}#note-{pk}",
            guard=("version", other["version"]),
            other=other["body"],
            when=other["changed_at"],
            body=body or "",
            longest=notes.LONGEST,
        )
    return RedirectResponse(f"/p/{slug}#notes", 303)


def _body(sent: FormData) -> str:
    body = str(sent.get("body", "")).replace("\r\n", "\n").strip()
    if not body:
        raise HTTPException(400, "The note is empty, so there is nothing to keep. Go back and write something.")
    if len(body) > notes.LONGEST:
        raise HTTPException(
            413, f"The note has {len(body)} letters; {notes.LONGEST} are kept. Go back: nothing is lost. Cut it in two."
        )
    return body
