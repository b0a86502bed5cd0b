"""The command `lopside`: parsing and printing only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer

from lopside import __version__
from lopside.cli.catalog import catalog
from lopside.cli.certify import certify
from lopside.cli.demo import demo
from lopside.cli.factor import factor
from lopside.cli.reproduce import reproduce
from lopside.cli.talk import Exit, Refusal, plain_warnings, say
from lopside.errors import Error

app = typer.Typer(
    name="lopside",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help is loaded in a fraction of the time
    epilog=(
        "Exit codes: 0 done, 2 wrong usage, 3 unusable input, 4 a tolerance was asked for and not reached, "
        "5 diverged, 130 interrupted. With --json, standard output holds one JSON object and nothing else; "
        "after exit codes 2 and 3 it is empty and the reason is one sentence on standard error."
    ),
)
for command in (factor, certify, reproduce, catalog, demo):
    app.command()(command)


def show_version(asked: bool) -> None:
    """Print the version and stop, if that was asked for."""
    if asked:
        print(f"lopside {__version__}")
        raise typer.Exit


@app.callback()
def lopside(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=show_version)
    ] = False,
) -> None:
    """Low-rank factorization A ≈ X Yᵀ by gradient methods: fast, and certified."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a console that lacks a sign shows its code; in JSON that is an escape
            stream.reconfigure(errors="backslashreplace")
    try:
        with plain_warnings():
            app(arguments, prog_name="lopside")
    except SystemExit as end:
        if end.code == Exit.INTERRUPTED:  # Ctrl-C where there was nothing to save
            say("Interrupted")
        return int(end.code or 0)
    except Refusal as refusal:
        say(str(refusal) if refusal.code is Exit.INTERRUPTED else f"Error: {refusal}")
        return refusal.code
    except Error as error:
        say(f"Error: {error}")
        return Exit.INPUT
    except MemoryError:
        say("Error: got a matrix that does not fit in memory with its factors; try a part of it, or float32")
        return Exit.INPUT
    return Exit.DONE
