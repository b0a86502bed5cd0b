"""The lab: a paper's algorithm, its settings in the address, its curves as they grow."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from lopside.catalog import SOLVERS, STARTS, STEP_SIZES
from lopside.errors import FileError
from lopside.lens.lab.picture import picture
from lopside.lens.lab.recipes import BY_PAPER, RECIPES, Recipe
from lopside.lens.lab.running import events
from lopside.lens.lab.saying import as_commands, as_python
from lopside.lens.lab.settings import NUMBERS, RANGES, SPECTRA, Settings
from lopside.lens.rendering import form, library, page
from lopside.lens.store import lab_runs, papers
from lopside.lens.store.database import Library

_LABELS = {
    "m": "rows m",
    "n": "columns n",
    "r": "rank r",
    "d": "columns of the factors d",
    "kappa": "condition κ = σ₁/σᵣ",
    "noise": "noise, relative",
    "steps": "steps at most",
    "runs": "runs of each start",
    "seed": "seed",
    "target": "done at relative error (not squared)",
}

_NOT_HERE = ("woodruff-yasuda", "gnmr")
"""What is about missing entries or measurements."""


def show(request: Request) -> Response:
    """Answer with the lab of a recipe."""
    recipe = _recipe(request)
    settings, said = _asked(request.query_params, recipe)
    return _page(request, recipe, settings, said, _kept(request, settings))


def _page(
    request: Request, recipe: Recipe, settings: Settings, said: list[str], made: list[dict[str, Any]] | None
) -> Response:
    with library(request).reading() as db:
        paper = papers.paper(db, recipe.slug)
    return page(
        request,
        "lab.html",
        here="lab",
        recipe=recipe,
        title=None if paper is None else paper.title,
        recipes=RECIPES.values(),
        settings=settings,
        said=said,
        made=made,
        numbers=[(name, _LABELS[name], RANGES[name], getattr(settings, name)) for name in NUMBERS],
        spectra=SPECTRA,
        solvers=[name for name in SOLVERS if name not in _NOT_HERE],
        starts=[name for name in STARTS if name not in _NOT_HERE],
        steps=list(STEP_SIZES),
        python=as_python(settings),
        commands=as_commands(settings),
    )


def first(_: Request) -> Response:
    """Lead to the first recipe."""
    return RedirectResponse(f"/lab/{next(iter(RECIPES))}", 307)


def of_paper(request: Request) -> Response:
    """Lead to the lab of a paper's algorithm."""
    recipe = BY_PAPER.get(request.path_params["slug"])
    if recipe is None:
        raise HTTPException(404, "There is no recipe for this paper's algorithm yet.")
    return RedirectResponse(f"/lab/{recipe.name}", 307)


def as_json(request: Request) -> Response:
    """Answer with settings, the lines that repeat them, and what came of them if they were run."""
    recipe = _recipe(request)
    settings, said = _asked(request.query_params, recipe)
    return JSONResponse({"recipe": recipe.name, **_told(settings, said), "events": _kept(request, settings)})


def as_picture(request: Request) -> Response:
    """Answer with the curves of a run that was kept, or of the recipe as it comes."""
    recipe = _recipe(request)
    settings, _ = _asked(request.query_params, recipe)
    made = _kept(request, settings)
    if made is None and settings == recipe.settings:
        made = _as_it_comes(recipe)
    if made is None:
        raise HTTPException(404, "These settings were not run yet.")
    drawn = request.app.state.pages.get_template("curves.svg").render(picture=picture(made))
    return Response(drawn, media_type="image/svg+xml", headers={"cache-control": "no-cache"})


_warm: dict[str, list[dict[str, Any]]] = {}
_warming = threading.Lock()


def _as_it_comes(recipe: Recipe) -> list[dict[str, Any]]:
    with _warming:
        if recipe.name not in _warm:
            _warm[recipe.name] = list(events(recipe.settings, threading.Event()))
        return _warm[recipe.name]


def warm() -> None:
    """Run every recipe as it comes, so that what is compiled is there before anybody waits for it."""
    for recipe in RECIPES.values():
        _as_it_comes(recipe)


def _recipe(request: Request) -> Recipe:
    recipe = RECIPES.get(request.path_params["recipe"])
    if recipe is None:
        raise HTTPException(404)
    return recipe


def _asked(given: QueryParams, recipe: Recipe) -> tuple[Settings, list[str]]:
    return Settings.read(given, given.getlist("start"), recipe.settings)


def _told(settings: Settings, said: list[str]) -> dict[str, Any]:
    return {
        "query": settings.query(),
        "said": said,
        "python": as_python(settings),
        "commands": as_commands(settings),
    }


def _kept(request: Request, settings: Settings) -> list[dict[str, Any]] | None:
    with library(request).reading() as db:
        return lab_runs.kept(db, settings.key())


class Bench:
    """There is one: whoever starts a run ends the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: threading.Event | None = None

    def take(self) -> threading.Event:
        """Return what tells the new run that it is to end."""
        with self._lock:
            if self._running is not None:
                self._running.set()
            self._running = threading.Event()
            return self._running


async def run(request: Request) -> Response:
    """Run: as a stream of lines of JSON for the page's script, or to its end for a form without scripts."""
    recipe = _recipe(request)
    sent = await form(request)
    given = QueryParams([(name, value) for name, value in sent.multi_items() if isinstance(value, str)])
    settings, said = _asked(given, recipe)
    cancelled = request.app.state.bench.take()
    if "stream" not in given:
        made = await run_in_threadpool(lambda: list(_events(request, recipe, settings, cancelled)))
        return await run_in_threadpool(_page, request, recipe, settings, said, made)

    def lines() -> Iterator[str]:
        yield json.dumps({"kind": "settings", **_told(settings, said)}) + "\n"
        for event in _events(request, recipe, settings, cancelled):
            yield json.dumps(event, allow_nan=False) + "\n"

    headers = {"cache-control": "no-store", "content-encoding": "identity"}  # gzip would hold the lines back
    return StreamingResponse(
        _until_gone(request, lines(), cancelled), media_type="application/x-ndjson", headers=headers
    )


async def _until_gone(request: Request, lines: Iterator[str], cancelled: threading.Event) -> AsyncIterator[str]:
    """Pass lines on; when whoever reads them goes away, the run is told at once."""
    try:
        while (line := await run_in_threadpool(next, lines, None)) is not None:
            yield line
            if await request.is_disconnected():
                break
    finally:
        cancelled.set()


def _events(
    request: Request, recipe: Recipe, settings: Settings, cancelled: threading.Event
) -> Iterator[dict[str, Any]]:
    made = _kept(request, settings)
    if made is not None:
        yield from made
        return
    made = []
    for event in events(settings, cancelled):
        made.append(event)
        if event["kind"] == "done" and not cancelled.is_set():
            event["said"] += _keep(library(request), recipe, settings, made)
        yield event


def _keep(store: Library, recipe: Recipe, settings: Settings, made: list[dict[str, Any]]) -> str:
    """Keep a run that has come to its end, and say what was wrong if that cannot be."""
    try:
        with store.writing() as db:
            lab_runs.keep(db, settings.key(), recipe.name, settings.query(), made)
    except FileError as error:
        return f" It could not be kept: {error}."
    return ""
