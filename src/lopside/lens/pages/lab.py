"""The lab: a paper's algorithm, its settings in the address, its curves as they grow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from lopside.catalog import SOLVERS, STARTS, STEP_SIZES
from lopside.lens.lab.recipes import BY_PAPER, RECIPES, Recipe
from lopside.lens.lab.running import events
from lopside.lens.lab.saying import as_commands, as_python
from lopside.lens.lab.settings import NUMBERS, RANGES, SPECTRA, Settings
from lopside.lens.rendering import form, library, page
from lopside.lens.store import lab_runs

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
    "target": "done at relative error",
}


def show(request: Request) -> Response:
    """Answer with the lab of a recipe."""
    recipe = _recipe(request)
    settings, said = Settings.read(request.query_params, request.query_params.getlist("start"), recipe.settings)
    with library(request).reading() as db:
        made = lab_runs.kept(db, settings.key())
    return _page(request, recipe, settings, said, made)


def _page(
    request: Request, recipe: Recipe, settings: Settings, said: list[str], made: list[dict[str, Any]] | None
) -> Response:
    return page(
        request,
        "lab.html",
        here="lab",
        recipe=recipe,
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


_NOT_HERE = ("woodruff-yasuda", "gnmr")
"""What is about missing entries or measurements."""


def first(_: Request) -> Response:
    """Lead to the first recipe."""
    return RedirectResponse(f"/lab/{next(iter(RECIPES))}", 307)


def of_paper(request: Request) -> Response:
    """Lead to the lab of a paper's algorithm."""
    recipe = BY_PAPER.get(request.path_params["slug"])
    if recipe is None:
        raise HTTPException(404, "There is no recipe for this paper's algorithm yet.")
    return RedirectResponse(f"/lab/{recipe.name}", 307)


def _recipe(request: Request) -> Recipe:
    recipe = RECIPES.get(request.path_params["recipe"])
    if recipe is None:
        raise HTTPException(404)
    return recipe


class _Bench:
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


_bench = _Bench()


async def run(request: Request) -> Response:
    """Run: as a stream of lines of JSON for the page's script, or to its end for a form without scripts."""
    recipe = _recipe(request)
    sent = await form(request)
    given = QueryParams([(name, value) for name, value in sent.multi_items() if isinstance(value, str)])
    settings, said = Settings.read(given, given.getlist("start"), recipe.settings)
    if "stream" not in given:
        made = await run_in_threadpool(lambda: list(_events(request, recipe, settings)))
        return _page(request, recipe, settings, said, made)
    lines = (json.dumps(event, allow_nan=False) + "\n" for event in _events(request, recipe, settings))
    headers = {"cache-control": "no-store", "content-encoding": "identity"}  # gzip would hold the lines back
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


def _events(request: Request, recipe: Recipe, settings: Settings) -> Iterator[dict[str, Any]]:
    store, key = library(request), settings.key()
    with store.reading() as db:
        made = lab_runs.kept(db, key)
    if made is not None:
        yield from made
        return
    cancelled = _bench.take()
    made = []
    try:
        for event in events(settings, cancelled):
            made.append(event)
            yield event
    finally:
        whole = bool(made) and made[-1]["kind"] == "done" and not cancelled.is_set()
        cancelled.set()
        if whole:
            with store.writing() as db:
                lab_runs.keep(db, key, recipe.name, settings.query(), made)
