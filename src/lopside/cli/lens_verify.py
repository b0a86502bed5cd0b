"""`lopside lens verify`: a stored run, computed again."""

from __future__ import annotations

from typing import Annotated

import typer

from lopside.cli.lens import LibraryOption, present
from lopside.cli.talk import Exit, Refusal, print_table
from lopside.io import json_text


def verify(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The number of a run as a page gives it; or latest, of texts.")
    ],
    library: LibraryOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Compute again what the pages show of texts, citations and missing links, and compare.

    Exit codes: 0 the same, 4 something differs, 3 there is no such run or no library.
    """
    path = present(library or context.obj)
    from lopside.lens.space import runs
    from lopside.lens.space.verifying import verify
    from lopside.lens.store.database import Library

    store = Library(path)
    try:
        with store.reading() as db:
            stored = runs.numbers(db)
            found = runs.current(db, "text") if run == "latest" else runs.numbered(db, _number(run))
            if found is None:
                listed = ", ".join(f"{number} ({kind})" for number, kind in stored) or "none"
                advice = "latest" if stored and run != "latest" else "the map of the reading room, which computes one"
                raise Refusal(f"got {run}; expected the number of a stored run: {listed}. Try {advice}", Exit.INPUT)
            verdict = verify(db, found)
    finally:
        store.close()
    if as_json:
        rows = [row._asdict() for row in verdict.rows]
        facts = {"run": found.pk, "kind": found.kind, "unchanged": verdict.unchanged, "same": verdict.same}
        print(json_text(facts | {"comparisons": rows}))
    else:
        marks = {True: "same", False: "DIFFERS", None: ""}
        rows = [(row.what, row.stored, row.found, marks[row.same]) for row in verdict.rows]
        print_table(f"Run {found.pk} ({found.kind}), {found.made_at[:19]}", ("", "stored", "now", ""), rows)
        print(_said(verdict.same, unchanged=verdict.unchanged))
    if not verdict.same:
        raise typer.Exit(Exit.TOLERANCE)


def _number(run: str) -> int:
    return int(run) if run.isdecimal() and len(run) < 10 else 0


def _said(same: bool, *, unchanged: bool) -> str:
    if not unchanged:
        return "The papers have changed since, so that only what follows from the stored factors was computed again."
    return "The run is what its papers give." if same else "The run is not what its papers give."
