"""Papers that became one, with the way back; and questions about those that may be one."""

from __future__ import annotations

from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lopside.lens.importing import merging
from lopside.lens.rendering import form, library, page
from lopside.lens.space.refreshing import refresh_behind
from lopside.lens.store import papers

_QUESTIONS = """
SELECT question.*, a.slug AS one_slug, b.slug AS other_slug FROM question
JOIN paper AS a ON a.pk = one JOIN paper AS b ON b.pk = other WHERE answer IS NULL ORDER BY one, other
"""
_MERGES = """
SELECT merge_log.pk, gone_slug, gone_title, who, why, at, undone_at, slug, title FROM merge_log
JOIN paper ON paper.pk = kept ORDER BY merge_log.pk DESC LIMIT 200
"""


def show(request: Request) -> Response:
    """Answer with the questions, both papers side by side, and the merges."""
    return page(request, "merges.html", here="import", **_all(request))


def as_json(request: Request) -> Response:
    """Answer with the questions and the merges."""
    found = _all(request)
    questions = [{"one": a.slug, "other": b.slug, "why": row["why"]} for row, a, b in found["questions"]]
    return JSONResponse({"questions": questions, "merges": [dict(row) for row in found["merges"]]})


def _all(request: Request) -> dict[str, Any]:
    with library(request).reading() as db:
        rows = db.execute(_QUESTIONS).fetchall()
        pairs = [(row, papers.paper(db, row["one_slug"]), papers.paper(db, row["other_slug"])) for row in rows]
        return {"questions": [pair for pair in pairs if pair[1] and pair[2]], "merges": db.execute(_MERGES).fetchall()}


async def answer(request: Request) -> Response:
    """Keep what the reader says of two papers."""
    sent = await form(request)
    said = str(sent.get("answer", ""))
    if said not in ("same", "different"):
        raise HTTPException(400, "The form is not whole. Go back, reload and try again.")

    def work() -> None:
        with library(request).writing() as db:
            query = _QUESTIONS.replace("WHERE answer", "WHERE a.slug = ? AND b.slug = ? AND answer")
            row = db.execute(query, (str(sent.get("one")), str(sent.get("other")))).fetchone()
            if row is None:
                raise HTTPException(404, "That question is not open any more.")
            pair = (row["one"], row["other"])
            if said == "same":
                merging.merge(db, *pair, who="reader", why=row["why"])
                papers.weigh_terms(db)
            else:
                db.execute("UPDATE question SET answer = 'different' WHERE one = ? AND other = ?", pair)

    await run_in_threadpool(work)
    return RedirectResponse("/merges", 303, background=BackgroundTask(refresh_behind, library(request)))


async def undo(request: Request) -> Response:
    """Make two papers of one again."""
    await form(request)

    def work() -> str | None:
        with library(request).writing() as db:
            why_not = merging.undo(db, request.path_params["pk"])
            if why_not is None:
                papers.weigh_terms(db)
            return why_not

    why_not = await run_in_threadpool(work)
    if why_not is not None:
        raise HTTPException(409, why_not)
    return RedirectResponse("/merges", 303, background=BackgroundTask(refresh_behind, library(request)))
