"""`lopside plan`: what a factorization of a file, or of a matrix that is not there yet, needs of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from lopside.cli.talk import Refusal, print_pairs, usage
from lopside.io import json_text, read_matrix
from lopside.planning import plan as planned
from lopside.threads import thread_count


def plan(
    matrix: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="Matrix, as for `lopside factor`; or give --shape.")
    ] = None,
    shape: Annotated[str | None, typer.Option(help="Of a matrix that is not there yet, such as 1000000x10000.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64, with --shape.")] = "float64",
    rank: Annotated[
        int | None, typer.Option("--rank", "-r", min=1, help="Columns d of X and Y; else give --relative-error.")
    ] = None,
    relative_error: Annotated[float | None, typer.Option(help="Instead of --rank, as for `lopside factor`.")] = None,
    center: Annotated[bool, typer.Option("--center", help="Subtract from each column its mean.")] = False,
    memory_limit: Annotated[float | None, typer.Option(help="Gigabytes that the work may take at most.")] = None,
    key: Annotated[str | None, typer.Option(help="Which array of an .npz with several.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="Measure the time of a pass on some of the matrix.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Say what a factorization needs: peak memory, bytes read, passes and time.

    Files are read as `lopside factor` reads them: of a large .npy only as much as the time of a pass takes.
    """
    if (matrix is None) == (shape is None):
        raise Refusal("got neither INPUT nor --shape, or both; expected one of them. Try --shape 1000000x10000")
    if rank is None and relative_error is None:
        raise Refusal("got neither --rank nor --relative-error; expected how much to keep. Try --rank 10")
    with usage():
        thread_count()
    given: Any = None if shape is None else _sides(shape)
    if matrix is not None:  # large files are left where they are, as they are by `factor`
        given = read_matrix(matrix, key).A
    with usage():
        found = planned(
            given,
            rank,
            relative_error=relative_error,
            memory_limit=None if memory_limit is None else 1e9 * memory_limit,
            center=center,
            dtype=dtype,
            calibrate=calibrate,
        )
    if as_json:
        print(json_text(found.as_dict()))
    else:
        print_pairs(found.pairs())


def _sides(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"(\d+)\s*[x×,]\s*(\d+)", text.strip())
    if sides is None:
        raise Refusal(f"got --shape {text}; expected rows and columns. Try --shape 1000000x10000")
    return int(sides[1]), int(sides[2])
