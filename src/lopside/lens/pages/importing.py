"""Imports: what is wanted, what it will ask, the reader's consent, and how it goes."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lopside.lens.importing import jobs, planning
from lopside.lens.importing.planning import MOST, Options
from lopside.lens.importing.progress import log_rows, of_job, told
from lopside.lens.rendering import form, library, page
from lopside.lens.sources.references import understood

LARGEST = 5_000_000
"""Bytes of what is imported from."""

_NEXT = {
    "pause": ("ready", "running", "waiting"),
    "cancel": (*jobs.OPEN,),
    "go": jobs.OPEN,
    "retry": ("done", "paused"),
}
"""In which states a button does something."""


def show(request: Request) -> Response:
    """Answer with an empty form, or one filled with what the address names, and the imports so far."""
    text = request.query_params.get("text", "")[:10_000]
    return _form(request, text, Options(citations=bool(text)), [])


def _form(
    request: Request, text: str, options: Options, lost: list[tuple[int, str, str]], status: int = 200
) -> Response:
    with library(request).reading() as db:
        values = {"jobs": jobs.recent(db), "log": log_rows(db)}
    return page(
        request, "import.html", status, here="import", text=text, options=options, most=MOST, lost=lost, **values
    )


def as_json(request: Request) -> Response:
    """Answer with the imports so far and the requests that were made."""
    with library(request).reading() as db:
        listed = [
            {name: row[name] for name in ("pk", "state", "said", "steps", "done", "created_at")}
            for row in jobs.recent(db)
        ]
        return JSONResponse({"imports": listed, "requests": [dict(row) for row in log_rows(db)]})


async def plan(request: Request) -> Response:
    """Keep what is wanted and lead to its plan; nothing is asked of anybody."""
    sent = await form(request)
    try:
        options, text = _options(sent), await _text(sent)
    finally:
        await sent.close()
    found = await run_in_threadpool(understood, text)
    if not found.wanted:
        lost = found.lost or [(1, "", "nothing was given; expected identifiers, titles, BibTeX or RIS")]
        return await run_in_threadpool(_form, request, text, options, lost, 422)

    def keep() -> int:
        with library(request).writing() as db:
            return jobs.plan(db, text, options)

    return RedirectResponse(f"/import/{await run_in_threadpool(keep)}", 303)


async def _text(sent: FormData) -> str:
    file = sent.get("file")
    text = str(sent.get("text", ""))
    if isinstance(file, UploadFile) and file.filename:
        body = await file.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise HTTPException(413, f"The file has more than {LARGEST:,} bytes. Go back and cut it into parts.")
        try:
            text = f"{text.strip()}\n{body.decode('utf-8-sig')}".strip()
        except UnicodeDecodeError:
            text = f"{text.strip()}\n{body.decode('latin-1')}".strip()
    return text


def _options(sent: FormData) -> Options:
    most = str(sent.get("most", ""))
    return Options(
        records="records" in sent,
        references="references" in sent,
        citations="citations" in sent,
        most=min(int(most), MOST) if re.fullmatch(r"[1-9]\d{0,5}", most) else Options().most,
    )


def job(request: Request) -> Response:
    """Answer with the plan of an import, or how it goes."""
    with library(request).reading() as db:
        row = _row(request, db)
        if row["state"] == "planned":
            return page(request, "plan.html", here="import", job=row, most=MOST, **_planned(db, row))
        progress = of_job(db, row)
    interrupted = _interrupted(request, row)
    values = {"told": told(row, interrupted), "interrupted": interrupted, "progress": progress}
    return page(request, "job.html", here="import", job=row, **values)


def job_as_json(request: Request) -> Response:
    """Answer with the plan of an import, or how it goes."""
    with library(request).reading() as db:
        row = _row(request, db)
        if row["state"] == "planned":
            planned = _planned(db, row)
            options = planned["options"]._asdict()
            rows, costs = ([one._asdict() for one in planned[name]] for name in ("rows", "costs"))
            lost = [{"line": line, "given": given, "why": why} for line, given, why in planned["lost"]]
            return JSONResponse({"state": "planned", "options": options, "rows": rows, "costs": costs, "lost": lost})
        progress = of_job(db, row)
    interrupted = _interrupted(request, row)
    kept = {name: row[name] for name in ("pk", "state", "merged", "asked", "not_before", "created_at", "changed_at")}
    return JSONResponse(kept | {"told": told(row, interrupted), "interrupted": interrupted, **progress})


def _planned(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    found, options = understood(row["text"]), planning.options_of(row["options"])
    costs = planning.costs(planning.items(found.wanted, options))
    return {"rows": planning.table(db, found.wanted), "costs": costs, "options": options, "lost": found.lost}


async def change(request: Request) -> Response:
    """Begin, pause, continue or cancel an import, or try again what failed."""
    do = str((await form(request)).get("do", ""))

    def work() -> str:
        with library(request).writing() as db:
            row = _row(request, db)
            if row["state"] == "planned" and do == "go":
                jobs.begin(db, row, planning.options_of(row["options"]))
            elif row["state"] in _NEXT.get(do, ()):
                if do == "retry":
                    jobs.retry(db, row["pk"])
                jobs.set_state(db, row["pk"], {"pause": "paused", "cancel": "cancelled"}.get(do, "ready"))
            else:
                return f"/import/{row['pk']}"  # a second click, or another window was first
            pk = row["pk"]
        if do != "pause":
            request.app.state.runner.go(pk)
        return f"/import/{pk}"

    return RedirectResponse(await run_in_threadpool(work), 303)


def _row(request: Request, db: sqlite3.Connection) -> sqlite3.Row:
    row = jobs.get(db, request.path_params["pk"]) if request.path_params["pk"] < 2**63 else None
    if row is None:
        raise HTTPException(404, "There is no such import; a plan is forgotten after a day.")
    return row


def _interrupted(request: Request, row: sqlite3.Row) -> bool:
    """Say whether an import has more to do, and neither this program nor another is at it."""
    runner = request.app.state.runner
    return row["state"] in ("ready", "running", "waiting") and not runner.has(row["pk"]) and not runner.elsewhere()
