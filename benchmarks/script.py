"""What the scripts share: their command line, and where results go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lopside.bench.machine import describe, machine
from lopside.bench.tables import Table, record
from lopside.io import write_json

Options = argparse.Namespace


def parser(description: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="small matrices and few rounds: about a minute")
    made.add_argument("--json", type=Path, metavar="PATH", help="also write machine and tables to a file")
    return made


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def show(tables: Iterable[Table], options: Options) -> None:
    known: dict[str, Any] = machine()
    print(describe(known), flush=True)
    shown = []
    for table in tables:
        print(f"\n{table.text()}", flush=True)
        shown.append(table)
    if options.json:
        write_json(options.json, record(known, shown))


def main(description: str | None, tables: Callable[..., Iterable[Table]]) -> None:
    options = parser(description).parse_args()
    show(tables(quick=options.quick, say=say), options)
