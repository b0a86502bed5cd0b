"""What Lens is, what leaves the machine, and what the pages are made with."""

from __future__ import annotations

import json
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lopside import __version__
from lopside.lens.rendering import library, page


def _parts() -> list[dict[str, str]]:
    vendored = json.loads(files("lopside.lens").joinpath("static/vendor/lock.json").read_text("utf-8"))
    return [{name: part[name] for name in ("name", "version", "licence")} for part in vendored["packages"]]


def show(request: Request) -> Response:
    """Answer with versions, licences and sources."""
    with library(request).reading() as db:
        count = db.execute("SELECT count(*) FROM record WHERE part = 'paper'").fetchone()[0]
    path = library(request).path
    return page(request, "about.html", here="about", version=__version__, path=path, count=count, parts=_parts())


def as_json(request: Request) -> Response:
    """Answer with the same as JSON."""
    return JSONResponse({"version": __version__, "library": str(library(request).path), "parts": _parts()})
