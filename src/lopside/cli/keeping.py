"""The options of commands whose runs are kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lopside.cli.talk import Refusal

File = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the run in this file, and go on from it if it is there."),
]
Every = Annotated[
    float | None,
    typer.Option(min=0, metavar="SECONDS", help="Time between two writes of it at least; default 30, or more."),
]


def kept_in(checkpoint: Path | None, every: float | None, out: Path | None) -> dict[str, Any]:
    """Return where and how often a run is kept, as `Run` and `factorize` take it.

    Raises
    ------
    Refusal
        For a time without a file, and one file for the run and its result.
    """
    if checkpoint is None and every is not None:
        raise Refusal("got --checkpoint-every without --checkpoint; expected both. Try --checkpoint run.ckpt")
    if checkpoint is not None and out is not None and checkpoint.resolve() == out.resolve():
        raise Refusal(f"got {out} for --checkpoint and for --out; expected two files. Try --checkpoint run.ckpt")
    return {"checkpoint": checkpoint, "every": every}


def going_on(checkpoint: Path | None) -> str:
    """Return how an interrupted run can go on, to be added to a sentence."""
    return "" if checkpoint is None or not checkpoint.exists() else f". The same command goes on from {checkpoint}"
