"""What is done with papers that were ticked in a list: exported, or tagged."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lopside.lens.formats.kinds import KINDS
from lopside.lens.pages.own import named
from lopside.lens.rendering import address, form, library
from lopside.lens.store import own, papers

MOST = 150
"""Papers at once."""


def _slugs(given: list[str]) -> list[str]:
    slugs = list(dict.fromkeys(given))[:MOST]
    if not slugs:
        raise HTTPException(400, "No paper is ticked. Go back and tick those you mean.")
    return slugs


def export(request: Request) -> Response:
    """Answer with a file of the papers."""
    kind = KINDS.get(ending := request.query_params.get("as", ""))
    if kind is None:
        raise HTTPException(400, f"A file ends with {', '.join(KINDS)}. Choose one of these.")
    slugs = _slugs(request.query_params.getlist("p"))
    with library(request).reading() as db:
        found = [paper for slug in slugs if (paper := papers.paper(db, slug)) is not None]
        if not found:
            raise HTTPException(404, "None of these papers is in the library.")
        made = kind.of(db, found)
    name = found[0].slug if len(found) == 1 else f"papers-{len(found)}"
    headers = {"content-disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(made, media_type=kind.media, headers=headers)


async def tag(request: Request) -> Response:
    """Tag the papers."""
    sent = await form(request)
    slugs = _slugs([slug for slug in sent.getlist("p") if isinstance(slug, str)])
    name = named(str(sent.get("tag", "")))

    def write() -> None:
        with library(request).writing() as db:
            found = [paper.pk for slug in slugs if (paper := papers.paper(db, slug)) is not None]
            own.tag(db, found, name)

    await run_in_threadpool(write)
    return RedirectResponse(address("/", q=f'tag:"{name}"'), 303)
