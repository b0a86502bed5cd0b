"""`lopside lens`: the reading room, in the browser on this machine."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lopside.cli.talk import Exit, Refusal, say

lens = typer.Typer(name="lens", rich_markup_mode=None)

_NEEDED = ("arxiv", "bibtexparser", "jinja2", "multipart", "platformdirs", "rispy", "semanticscholar")
_NEEDED += ("starlette", "uvicorn")

LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library",
        help="File of the library; the reading room, import and restore make it where there is none. Default: "
        "library.db in LOPSIDE_HOME, or in the platform's folder for data.",
    ),
]


def place(library: Path | None) -> Path:
    """Return where the library lies, once all that the reading room needs is there."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise Refusal(
            f"got a Python without {', '.join(missing)}; the reading room needs them. Try pip install 'lopside[lens]'",
            Exit.INPUT,
        )
    from lopside.lens.serving import home

    return home() / "library.db" if library is None else library


def present(library: Path | None) -> Path:
    """Return where the library lies, if it is there: for what only looks at it, and must not make one."""
    path = place(library)
    from lopside.lens.store.database import there

    if not there(path):
        raise Refusal(f"got {path}, where no library is; expected one. Try lopside lens, which makes it", Exit.INPUT)
    return path


@lens.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8642,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the browser.")] = False,
    library: LibraryOption = None,
) -> None:
    """Open the reading room: papers, their networks and terms, and their algorithms running beside their theorems.

    It runs on this machine alone, and asks nothing of the network unless an import is started in it. Ctrl-C ends it;
    whatever was written is kept.
    """
    context.obj = library
    if context.invoked_subcommand is not None:
        return
    path = place(library)
    from lopside.lens.serving import serve

    def ready(address: str) -> None:
        say(f"Lens is at {address} with the library {path}. Ctrl-C ends it.")
        if not no_browser:
            webbrowser.open(address)

    serve(path, port, ready)
