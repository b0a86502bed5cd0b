"""What Lens is, what leaves the machine, and what the pages are made with."""

from __future__ import annotations

import json
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from lopside import __version__
from lopside.lens.rendering import library, page


def show(request: Request) -> Response:
    """Answer with versions, licences and sources."""
    with library(request).reading() as db:
        count = db.execute("SELECT count(*) FROM record WHERE part = 'paper'").fetchone()[0]
    vendored = json.loads(files("lopside.lens").joinpath("static/vendor/lock.json").read_text("utf-8"))
    return page(
        request,
        "about.html",
        here="about",
        version=__version__,
        path=library(request).path,
        count=count,
        parts=vendored["packages"],
    )
