"""The web application: which address is answered by whom."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from lopside.errors import FileError
from lopside.lens.importing.running import Runner
from lopside.lens.pages import (
    about,
    compare,
    exports,
    importing,
    lab,
    library,
    merges,
    notes,
    own,
    paper,
    people,
    selected,
    terms,
)
from lopside.lens.pages import map as topic_map
from lopside.lens.rendering import environment, page
from lopside.lens.security import Guard
from lopside.lens.sources.asking import Asker
from lopside.lens.sources.keys import Keys
from lopside.lens.static_files import StaticFiles
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill

_log = logging.getLogger("lopside.lens")


def create(path: Path, *, port: int, asker: Callable[[Library], Asker] | None = None) -> Starlette:
    """Return the application on a library.

    Parameters
    ----------
    path : Path
        Of the library; made, with the built-in papers, if it is not there.
    port : int
        That it will be served on: it answers to 127.0.0.1, localhost and [::1] there, and to nobody else.
    asker : callable, optional
        Given the library, returns what sends an import's requests; default: to the sources themselves.

    Raises
    ------
    FileError
        If the library cannot be used.
    """
    store = Library(path, fill)
    names = frozenset(f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]"))
    static = StaticFiles()
    app = Starlette(
        routes=[
            Route("/", library.show),
            Route("/library.json", library.as_json),
            Route("/p/arxiv/{value:path}", paper.by_identifier),
            Route("/p/doi/{value:path}", paper.by_identifier),
            *(Route(f"/p/{{slug}}.{kind}", exports.paper, name=kind) for kind in exports.ENDINGS),
            Route("/p/{slug}", paper.show),
            Route("/p/{slug}/notes", notes.write, methods=["POST"]),
            Route("/p/{slug}/notes/{pk:int}", notes.change, methods=["POST"]),
            Route("/p/{slug}/tags", own.tag, methods=["POST"]),
            Route("/p/{slug}/reading", own.reading, methods=["POST"]),
            Route("/p/{slug}/summary", own.summary, methods=["POST"]),
            Route("/p/{slug}/lab", lab.of_paper),
            Route("/p/{slug}/related.json", paper.related),
            Route("/map", topic_map.show),
            Route("/map.json", topic_map.as_json),
            Route("/lab", lab.first),
            Route("/lab/{recipe}.json", lab.as_json),
            Route("/lab/{recipe}.svg", lab.as_picture),
            Route("/lab/{recipe}", lab.show),
            Route("/lab/{recipe}", lab.run, methods=["POST"]),
            Route("/notes", notes.show),
            Route("/notes.json", notes.as_json),
            Route("/compare", compare.show),
            Route("/compare.json", compare.as_json),
            Route("/author/{slug}.json", people.as_json),
            Route("/author/{slug}", people.show),
            Route("/term/{key}.json", terms.as_json),
            Route("/term/{key}", terms.show),
            Route("/selected", selected.export),
            Route("/selected/tag", selected.tag, methods=["POST"]),
            Route("/export.json", exports.everything),
            Route("/graph.graphml", exports.graph),
            Route("/restore", exports.restore, methods=["POST"]),
            Route("/import", importing.show),
            Route("/import", importing.plan, methods=["POST"]),
            Route("/import.json", importing.as_json),
            Route("/import/{pk:int}.json", importing.job_as_json),
            Route("/import/{pk:int}", importing.job),
            Route("/import/{pk:int}", importing.change, methods=["POST"]),
            Route("/merges", merges.show),
            Route("/merges.json", merges.as_json),
            Route("/merges/{pk:int}", merges.undo, methods=["POST"]),
            Route("/questions", merges.answer, methods=["POST"]),
            Route("/about", about.show),
            Route("/about.json", about.as_json),
            Route("/healthz", lambda _: PlainTextResponse("ok")),
            Mount("/static", static),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)],
        exception_handlers={HTTPException: _refused, FileError: _unusable, Exception: _broken},
    )
    app.state.store, app.state.token, app.state.bench = store, secrets.token_urlsafe(24), lab.Bench()
    app.state.runner = Runner(store, asker(store) if asker else Asker(store, keys=Keys(path.parent)))
    app.state.pages = environment(static, app.state.token)
    # Around all of it: Starlette answers faults outside of the middleware that it is given.
    app.middleware_stack = Guard(app.build_middleware_stack(), hosts=names)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = "Not here" if error.status_code == 404 else "That cannot be done"
    said = error.detail if error.detail != "Not Found" else "There is no page at this address."
    return _said(request, error.status_code, title, said)


async def _unusable(request: Request, error: Exception) -> Response:
    return _said(request, 503, "The library cannot be used now", f"{error}.")


async def _broken(request: Request, error: Exception) -> Response:
    _log.error("%s %s", request.method, request.url.path, exc_info=error)
    said = "The fault is in Lens, not with you. Nothing that was stored before is lost. The terminal says more."
    return _said(request, 500, "That went wrong", said)


def _said(request: Request, status: int, title: str, said: str) -> Response:
    """Answer with a sentence, and with what the reader wrote, so that it is not lost."""
    return page(request, "said.html", status, title=title, said=said, wrote=getattr(request.state, "wrote", ()))
