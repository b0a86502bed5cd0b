"""How the command line speaks: results to standard output, everything else to standard error, and exit codes."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any, TextIO

from lopside.errors import Error


class Exit(IntEnum):
    """What the process returns."""

    DONE = 0
    USAGE = 2
    INPUT = 3
    TOLERANCE = 4
    DIVERGED = 5
    INTERRUPTED = 130
    PIPE = 141


class Refusal(Exception):
    """One sentence for people, and the exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def usage() -> Iterator[None]:
    """Blame the options, not the input, for the errors of a block."""
    try:
        yield
    except Error as error:
        raise Refusal(str(error)) from error


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show the library's warnings as sentences on standard error."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        say(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def say(sentence: str, *, quiet: bool = False) -> None:
    """Write a line to standard error, if there is one that takes it."""
    if quiet or sys.stderr is None:
        return
    try:
        print(sentence, file=sys.stderr)
    except OSError:
        discard(sys.stderr)


class Closed(io.TextIOBase):
    """Standard output where the process was started without one."""

    def write(self, _text: str) -> int:
        """Refuse."""
        raise OSError(errno.EBADF, "it is closed")


def prepare_streams() -> None:
    """Make sure that what cannot be written is noticed, and that signs a console lacks are shown as their codes."""
    if sys.stdout is None:
        sys.stdout = Closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # in JSON that is an escape


def discard(stream: TextIO) -> None:
    """Send what a broken stream still holds nowhere: Python would complain about it when it ends."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def unwritten(error: OSError) -> Exit:
    """Say why the result could not be written to standard output; nothing if its reader had seen enough."""
    discard(sys.stdout)
    if error.errno == errno.EPIPE:
        return Exit.PIPE
    say(
        f"Error: cannot write to standard output: {error.strerror or error}; expected a place that takes the result. "
        "Try another one"
    )
    return Exit.USAGE


def console(*, stderr: bool = False) -> Any:
    """Return a rich console; one that is no terminal is wide enough for paths and never coloured."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=160, color_system=None)


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Print names and values in two columns; long values are folded to the width of a terminal."""
    indent = 2 + max(map(len, pairs))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    for name, value in pairs.items():
        lines = textwrap.wrap(value, max(30, width - indent - 1), break_long_words=False, break_on_hyphens=False)
        print(f"{name:<{indent}}" + f"\n{'':<{indent}}".join(lines))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with a header."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)
