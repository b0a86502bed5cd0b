"""The command `lopside`: parsing and printing only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from lopside import __version__
from lopside.cli.bench import bench
from lopside.cli.catalog import catalog
from lopside.cli.certify import certify
from lopside.cli.complete import complete
from lopside.cli.demo import demo
from lopside.cli.factor import factor
from lopside.cli.lens import lens
from lopside.cli.lens_doctor import doctor
from lopside.cli.lens_files import export, restore
from lopside.cli.lens_import import import_papers
from lopside.cli.lens_verify import verify
from lopside.cli.plan import plan
from lopside.cli.reproduce import reproduce
from lopside.cli.talk import Exit, Refusal, plain_warnings, prepare_streams, say, unwritten
from lopside.errors import Error

app = typer.Typer(
    name="lopside",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help is loaded in a fraction of the time
    epilog=(
        "Exit codes: 0 done, 2 wrong usage, 3 unusable input, 4 a tolerance was asked for and not reached, "
        "5 diverged, 130 interrupted, 141 the reader of the output went away. "
        "With --json, standard output holds one JSON object and nothing else; "
        "after exit codes 2 and 3 it is empty and the reason is one sentence on standard error."
    ),
)
for command in (factor, complete, plan, certify, reproduce, catalog, demo, bench):
    app.command()(command)
for command in (doctor, export, restore):
    lens.command()(command)
lens.command("import")(import_papers)
lens.command()(verify)
app.add_typer(lens)


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
    try:
        prepare_streams()
        code = answer(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("Interrupted")
        return Exit.INTERRUPTED
    except OSError as error:
        if error.filename is not None:
            raise  # not about standard output
        return unwritten(error)
    return code


def answer(arguments: Sequence[str] | None) -> int:
    """Run the command line and turn what it raises into sentences and exit codes."""
    try:
        with plain_warnings():
            app(arguments, prog_name="lopside")
    except SystemExit as end:
        if end.code == Exit.INTERRUPTED:  # Ctrl-C where there was nothing to save
            say("Interrupted")
        # 1 is what typer and rich make of a closed pipe; nothing else here returns it.
        return Exit.PIPE if end.code == 1 else int(end.code or 0)
    except Refusal as refusal:
        say(str(refusal) if refusal.code is Exit.INTERRUPTED else f"Error: {refusal}")
        return refusal.code
    except Error as error:
        say(f"Error: {error}")
        return Exit.INPUT
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        say(f"Error: the memory did not suffice{reason}; expected room for it all. Try a smaller task, or float32")
        return Exit.INPUT
    return Exit.DONE
