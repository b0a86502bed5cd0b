"""`lopside bench`: how fast this machine is, with lopside and with what else is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from lopside.cli.talk import Refusal, say, usage
from lopside.io import json_text
from lopside.threads import thread_count

NAMES = (
    "sweep",
    "small",
    "factorize",
    "outofcore",
    "completion",
    "imputation",
    "estimators",
    "streaming",
    "recovery",
    "plan",
    "checkpoint",
    "cluster",
    "scaling",
)
_BY_NAME_ONLY = NAMES[3:]


def bench(
    name: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(NAMES)}; default: {', '.join(NAMES[:3])}."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small matrices and few rounds: minutes, not hours.")] = False,
    gigabytes: Annotated[
        float | None, typer.Option(min=0.0, help="outofcore: size of the file; 30 (with --quick 1) or what fits.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="outofcore: where to make it; default: the system's temporary folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Measure this machine.

    One pass over a matrix against the products of other libraries, steps on small matrices, whole fits against every
    other truncated decomposition that is installed, and passes over a file.
    """
    if name is not None and name not in NAMES:
        raise Refusal(f'got the benchmark "{name}"; expected one of {", ".join(NAMES)}, or none for the first three')
    if name != "outofcore" and (gigabytes is not None or folder is not None):
        raise Refusal(
            "got --gigabytes or --folder without outofcore; expected them with it. Try lopside bench outofcore"
        )
    with usage():
        thread_count()
    if folder is not None and not folder.is_dir():
        raise Refusal(f"got --folder {folder}; expected a folder that exists")
    from lopside.bench.machine import describe, machine  # here, because they load SciPy
    from lopside.bench.tables import record

    known, shown = machine(), []
    if not as_json:
        print(describe(known), flush=True)
    chosen = [name] if name else [known_name for known_name in NAMES if known_name not in _BY_NAME_ONLY]
    for each in chosen:
        for table in _tables(each, gigabytes, folder)(quick=quick, say=say):
            shown.append(table)
            if not as_json:
                print(f"\n{table.text()}", flush=True)
    if as_json:
        print(json_text(record(known, shown)))


def _tables(name: str, gigabytes: float | None, folder: Path | None) -> Callable[..., Iterator[Any]]:
    made = import_module(f"lopside.bench.{name}").tables
    if name == "outofcore":
        return lambda **options: made(**options, gigabytes=gigabytes, folder=folder)
    return made
