"""Tags, reading state and own summary of a paper: each a form of its own."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lopside.lens.rendering import form, library, page
from lopside.lens.store import own, papers

_Made = TypeVar("_Made")


async def tag(request: Request) -> Response:
    """Tag a paper, or with `remove` take a tag off it."""
    sent = await form(request)
    remove = str(sent.get("remove", ""))
    name = named(str(sent.get("tag", ""))) if not remove else ""
    await _of_paper(request, lambda db, paper: own.untag(db, paper, remove) if remove else own.tag(db, [paper], name))
    return _back(request, "own")


def named(text: str) -> str:
    """Return a tag that a form sent; HTTPException if it is none."""
    name = own.tag_of(text)
    if name is None:
        raise HTTPException(400, f"A tag has 1 to {own.LONGEST_TAG} letters. Go back and write one.")
    return name


async def reading(request: Request) -> Response:
    """Keep how far a paper is read."""
    state = str((await form(request)).get("reading", ""))
    if state not in own.STATES:
        raise HTTPException(400, f"A paper is {', '.join(own.STATES[:-1])} or {own.STATES[-1]}. Go back and choose.")
    await _of_paper(request, lambda db, paper: own.read_as(db, paper, state))
    return _back(request, "own")


async def summary(request: Request) -> Response:
    """Keep the reader's own summary; the second of two windows is told, and loses nothing."""
    sent = await form(request)
    text = str(sent.get("body", "")).replace("\r\n", "\n").strip()
    if len(text) > own.LONGEST_SUMMARY:
        raise HTTPException(
            413, f"The summary has {len(text)} letters; {own.LONGEST_SUMMARY} are kept. Go back: nothing is lost."
        )
    mark = str(sent.get("mark", ""))
    other = await _of_paper(request, lambda db, paper: own.summarize(db, paper, mark, text))
    if other is None:
        return _back(request, "short")
    slug = request.path_params["slug"]
    return page(
        request,
        "conflict.html",
        409,
        what="Your summary",
        action=f"/p/{slug}/summary",
        back=f"/p/{slug}#short",
        guard=("mark", own.mark_of(other)),
        other=other,
        when=None,
        body=text,
        longest=own.LONGEST_SUMMARY,
    )


async def _of_paper(request: Request, act: Callable[[Connection, int], _Made]) -> _Made:
    def write() -> _Made:
        with library(request).writing() as db:
            paper = papers.paper(db, request.path_params["slug"])
            if paper is None:
                raise HTTPException(404)
            return act(db, paper.pk)

    return await run_in_threadpool(write)


def _back(request: Request, place: str) -> Response:
    return RedirectResponse(f"/p/{request.path_params['slug']}#{place}", 303)
