"""`lopside lens export` and `lopside lens restore`: the library as a file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lopside.cli.lens import LibraryOption, place, present
from lopside.cli.talk import say
from lopside.errors import FileError, InputError, counted


def export(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="Ends with .json (to be restored), .bib, .ris, .csl.json, .csv, .graphml.")
    ],
    library: LibraryOption = None,
) -> None:
    """Write the library to a file; as .json it can be restored from that."""
    source = present(library or context.obj)
    from lopside.lens.formats.graphml import graphml
    from lopside.lens.formats.kinds import KINDS
    from lopside.lens.store import papers, whole
    from lopside.lens.store.database import Library

    ending = next((name for name in (*KINDS, "graphml") if path.name.lower().endswith(f".{name}")), None)
    if ending is None:
        raise InputError(f"got {path.name}; expected a name that ends with .{', .'.join((*KINDS, 'graphml'))}")
    store = Library(source)
    with store.reading() as db:
        slugs = [slug for (slug,) in db.execute("SELECT slug FROM paper ORDER BY slug")]
        if ending == "json":
            text = whole.write(db)
        elif ending == "graphml":
            text = graphml(db)
        else:
            text = KINDS[ending].of(db, [paper for slug in slugs if (paper := papers.paper(db, slug)) is not None])
    store.close()
    try:
        path.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise FileError(f"cannot write {path} ({error}); expected a place to write. Try another PATH") from error
    say(f"{counted(len(slugs), 'paper')} to {path}")


def restore(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="What `lopside lens export` wrote as .json.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Even where notes, tags, summaries or imported papers would go.")
    ] = False,
    library: LibraryOption = None,
) -> None:
    """Put a library that was exported in place of what is in the library."""
    target = place(library or context.obj)
    from lopside.lens.store import whole
    from lopside.lens.store.database import Library
    from lopside.lens.store.seed import fill

    try:
        with path.open("rb") as file:
            data = file.read(whole.LARGEST + 1)
    except OSError as error:
        raise FileError(f"cannot read {path} ({error}); expected a library as JSON. Try another PATH") from error
    store = Library(target, fill)
    try:
        with store.writing() as db:
            count = whole.read(db, data, replace=replace)
    finally:
        store.close()
    say(f"{counted(count, 'paper')} from {path}")
