"""The map of the library, and what it was computed with."""

from __future__ import annotations

from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lopside.lens.rendering import library, page, whole
from lopside.lens.space.map import LEAST, Map, library_map
from lopside.lens.space.refreshing import refresh_behind
from lopside.lens.space.text import LEAST_RANK, TextSpace, text_space
from lopside.lens.space.topics import FEWEST, MOST

SHAPES = (
    "M0-1A1 1 0 1 1 0 1A1 1 0 1 1 0-1Z",
    "M-.88-.88H.88V.88H-.88Z",
    "M0-1.15L1.1.85H-1.1Z",
    "M0-1.2L1.2 0L0 1.2L-1.2 0Z",
    "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
    "M0 1.15L-1.1-.85H1.1Z",
    "M-1 0L-.5-.95H.5L1 0L.5.95H-.5Z",
)
"""Of topics, one after the other, around 0 with a radius of about 1."""


def show(request: Request) -> Response:
    """Answer with the map."""
    with library(request).reading() as db:
        space = text_space(db)
        drawn = None if space is None else _drawn(request, db, space)
        count = db.execute("SELECT count(*) FROM paper").fetchone()[0]
    values: dict[str, Any] = {"here": "map", "map": drawn, "papers": count, "least": LEAST}
    if space is None or drawn is None:
        made = page(request, "map.html", space=None, **values)
        made.background = BackgroundTask(refresh_behind, library(request))
        made.headers["refresh"] = "4"
        return made
    return page(
        request,
        "map.html",
        space=space,
        run=space.run,
        metrics=space.run.metrics,
        shapes=SHAPES,
        ranks=(LEAST_RANK, space.most),
        counts=(FEWEST, MOST),
        sigma=_bars(space.run.metrics["sigma"]),
        rates=_curve(space.run.metrics["rates"]),
        **values,
    )


def as_json(request: Request) -> Response:
    """Answer with the same as data."""
    with library(request).reading() as db:
        space = text_space(db)
        if space is None:
            computing = BackgroundTask(refresh_behind, library(request))
            return JSONResponse({"computed": False}, 202, background=computing)
        drawn = _drawn(request, db, space)
    facts = {
        "computed": True,
        "run": space.run._asdict(),
        "rank": drawn.rank,
        "topics": [
            {
                "name": group.name,
                "papers": [
                    {"slug": point.slug, "degree": point.degree, "x": point.x, "y": point.y} for point in group.points
                ],
            }
            for group in drawn.groups
        ],
    }
    return JSONResponse(facts)


def _drawn(request: Request, db: Any, space: TextSpace) -> Map:
    given = request.query_params
    return library_map(db, space, whole(given.get("k")), whole(given.get("topics")))


def _bars(sigma: list[float]) -> list[tuple[float, float]]:
    """Return where a bar of each singular value ends, in percent, and how high it is."""
    top = max(sigma, default=1.0) or 1.0
    return [(100.0 * place / len(sigma), 100.0 * value / top) for place, value in enumerate(sigma)]


def _curve(rates: list[float]) -> dict[str, Any] | None:
    """Return the hold-out curve as points in a box of 100 × 100, and its ends."""
    if len(rates) < 2:
        return None
    low, high = min(rates), max(rates)
    spread = (high - low) or 1.0
    points = [(100.0 * place / (len(rates) - 1), 100.0 * (high - rate) / spread) for place, rate in enumerate(rates)]
    return {"points": points, "low": low, "high": high, "ranks": len(rates)}
