"""`lopside reproduce`: the figures of the papers, with the tables behind them and a report of claims."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from lopside.cli.talk import Refusal, print_table, say, usage
from lopside.io import json_text, no_empty_folder, require_writable
from lopside.threads import thread_count


def reproduce(
    name: Annotated[str, typer.Argument(help="A figure of `lopside catalog`, or all.")],
    out: Annotated[Path, typer.Option(help="Folder for tables, pictures and claims.")] = Path("out/figures"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Redraw the figures of the papers.

    Each with the table behind it, and a report of what the papers claim against what was measured.
    """
    from lopside.reproduce import FIGURES  # here, because it loads matplotlib
    from lopside.reproduce import reproduce as redo

    if name not in (*FIGURES, "all"):
        raise Refusal(f'got the figure "{name}"; expected one of {", ".join(FIGURES)}, or all')
    with no_empty_folder(out):
        with usage():
            thread_count()
            require_writable(out / "claims.md")
        written = redo(name, out, progress=say)
    with open(out / "claims.csv", encoding="utf-8", newline="") as file:
        claims: list[dict[str, Any]] = [row | {"holds": row["holds"] == "true"} for row in csv.DictReader(file)]
    if as_json:
        print(json_text({"name": name, "outputs": [str(path) for path in written], "claims": claims}))
        return
    failed = [(row["claim"], row["source"], row["measured"]) for row in claims if not row["holds"]]
    if failed:
        print_table("claims that do not hold", ("claim", "source", "measured"), failed)
    if claims:
        print(f"{len(claims) - len(failed)} of {len(claims)} claims hold")
    print(f"pictures, tables and claims.md are in {out}")
