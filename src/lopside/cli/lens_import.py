"""`lopside lens import`: papers into the library, from arXiv and Semantic Scholar."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lopside.cli.lens import LibraryOption, place
from lopside.cli.talk import Exit, Refusal, say

if TYPE_CHECKING:
    from lopside.lens.importing.planning import Options
    from lopside.lens.sources.asking import Asker
    from lopside.lens.store.database import Library


def import_papers(
    context: typer.Context,
    papers: Annotated[
        list[str] | None,
        typer.Argument(help="arXiv numbers or addresses, DOIs, Semantic Scholar ids, or titles in quotes."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="BibTeX, RIS, or lines of the above.", dir_okay=False)] = None,
    references: Annotated[bool, typer.Option(help="Ask for what the papers cite.")] = True,
    citations: Annotated[bool, typer.Option(help="Ask for what cites the papers.")] = False,
    most: Annotated[int, typer.Option(help="References, and citations, of each paper.", min=1, max=2000)] = 200,
    yes: Annotated[bool, typer.Option("--yes", help="Go online without asking.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what was interrupted or paused.")] = False,
    library: LibraryOption = None,
) -> None:
    """Import papers: says what will be asked of whom, and asks once you agree."""
    path = place(library or context.obj)
    from lopside.lens.importing import jobs
    from lopside.lens.importing.planning import Options
    from lopside.lens.sources.asking import Asker
    from lopside.lens.sources.keys import Keys
    from lopside.lens.store.database import Library
    from lopside.lens.store.seed import fill

    store = Library(path, fill)
    try:
        if resume:
            with store.reading() as db:
                pending = jobs.unfinished(db)
            if not pending:
                say("Nothing is left to do.")
        else:
            text = "\n".join([*(papers or ()), *([_text(file)] if file else ())])
            options = Options(True, references, citations, most)
            pending = [_planned(store, text, options, yes)]
        asker = Asker(store, keys=Keys(path.parent))
        for pk in pending:
            _follow(store, asker, pk)
        asker.close()
    finally:
        store.close()


def _text(file: Path) -> str:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise Refusal(
            f"cannot read {file} ({error}); expected BibTeX, RIS or lines of identifiers", Exit.INPUT
        ) from error
    if len(body) > 5_000_000:
        raise Refusal(f"got {file} of {len(body):,} bytes; expected 5,000,000 at most. Try it in parts", Exit.INPUT)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _planned(library: Library, text: str, options: Options, yes: bool) -> int:
    """Say what will be asked, and return the key of the job once the reader agrees."""
    from lopside.lens.importing import jobs, planning
    from lopside.lens.sources.references import understood

    found = understood(text)
    for line, given, why in found.lost:
        say(f"Line {line}: {given + ': ' if given else ''}{why}")
    if not found.wanted:
        raise Refusal("got nothing to import; expected arXiv numbers, DOIs, titles, BibTeX or RIS", Exit.INPUT)
    with library.reading() as db:
        for row in planning.table(db, found.wanted):
            say(f"{row.read_as}: {'stored as ' + row.slug if row.slug else 'not stored yet'}")
    costs = planning.costs(planning.items(found.wanted, options))
    said = "; ".join(f"{one.name} {one.requests}, about {one.seconds} s, {one.host}" for one in costs)
    say(f"Requests at most: {said or 'none'}")
    if costs and not yes:
        if not sys.stdin.isatty():
            raise Refusal("nobody is here to agree to these requests. Try --yes")
        if not typer.confirm("Go online for this import?", err=True):
            raise typer.Exit
    with library.writing() as db:
        pk = jobs.plan(db, text, options)
        job = jobs.get(db, pk)
        assert job is not None
        jobs.begin(db, job, options)
    return pk


def _follow(library: Library, asker: Asker, pk: int) -> None:
    """Run a job to where it goes now, and say how it stands."""
    from lopside.lens.importing import jobs
    from lopside.lens.importing.progress import of_job, told
    from lopside.lens.importing.running import alone, run

    said_to_wait = False
    while True:
        with alone(library.path) as ours:
            if ours:
                with library.writing() as db:
                    if jobs.state(db, pk) == "paused":
                        jobs.set_state(db, pk, "ready")
                run(library, asker, pk)
                break
        if not said_to_wait:
            say("Another import is at work; this one begins after it.")
            said_to_wait = True
        time.sleep(1.0)
    with library.reading() as db:
        job = jobs.get(db, pk)
        assert job is not None
        progress = of_job(db, job)
    for trouble in progress["troubles"]:
        say(f"{trouble['step']}: {trouble['said']}")
    say(f"{told(job, interrupted=job['state'] == 'waiting')} {progress['made']} new, {progress['changed']} changed.")
    if job["state"] == "waiting":
        say("Then try: lopside lens import --resume")
