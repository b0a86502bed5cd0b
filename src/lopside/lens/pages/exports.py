"""A paper, the table of its citations, the graph and the whole library as files."""

from __future__ import annotations

import json

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lopside.errors import FileError
from lopside.lens.formats import table
from lopside.lens.formats.graphml import graphml
from lopside.lens.formats.kinds import KINDS
from lopside.lens.formats.record import record
from lopside.lens.rendering import form, library, page
from lopside.lens.space.refreshing import refresh_behind
from lopside.lens.store import papers, whole
from lopside.lens.table import Wanted

ENDINGS = ("bib", "ris", "csl.json", "csv", "json")
"""Of the addresses of a paper; the longer one first where one ends with the other."""

_COLUMNS = ("title", "authors", "year", "relation", "slug", "arxiv")


def paper(request: Request) -> Response:
    """Answer with a paper in the form that the address ends with; as CSV, the table of its citations."""
    ending = next(ending for ending in ENDINGS if request.url.path.endswith(f".{ending}"))
    with library(request).reading() as db:
        found = papers.paper(db, request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        if ending == "csv":
            rows = Wanted.read(request.query_params).rows(papers.connected(db, found.pk))
            made = table.rows(_COLUMNS, map(dict, rows))
        elif ending == "json":
            made = json.dumps(record(db, found), ensure_ascii=False, indent=1)
        else:
            made = KINDS[ending].of(db, [found])
    return _file(made, KINDS[ending].media, f"{found.slug}.{ending}", shown=ending != "csv")


def graph(request: Request) -> Response:
    """Answer with all citations as GraphML."""
    with library(request).reading() as db:
        return _file(graphml(db), "application/xml", "library.graphml")


def everything(request: Request) -> Response:
    """Answer with the whole library as JSON."""
    with library(request).reading() as db:
        return _file(whole.write(db), "application/json", "library.json")


def _file(text: str, media: str, name: str, *, shown: bool = False) -> Response:
    headers = {"content-disposition": f'{"inline" if shown else "attachment"}; filename="{name}"'}
    return Response(text, media_type=media, headers=headers)


async def restore(request: Request) -> Response:
    """Put a library that was exported in place of this one."""
    sent = await form(request)
    given = sent.get("file")
    data = await given.read(whole.LARGEST + 1) if isinstance(given, UploadFile) else b""
    await sent.close()
    if not data:
        raise HTTPException(400, "No file was chosen. Go back and choose one that Lens exported.")
    replace = sent.get("replace") == "yes"

    def write() -> int:
        with library(request).writing() as db:
            return whole.read(db, data, replace=replace)

    try:
        _ = await run_in_threadpool(write)
    except FileError as error:
        return page(request, "said.html", 400, title="The library was left as it is", said=f"{error}.")
    return RedirectResponse("/", 303, background=BackgroundTask(refresh_behind, library(request)))
