"""`lopside catalog`: everything that has a name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lopside import catalog as names
from lopside.cli.talk import print_table
from lopside.io import json_text

_FORMS = {"over-sigma1": "0.9/sigma1"}
"""Members whose text form is not their name."""


def catalog(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """List everything that has a name.

    Solvers, starts, step sizes, figures, data and theorems, with the text form that options take.
    """
    from lopside.reproduce import FIGURES

    kinds: dict[str, Any] = {
        "solvers": names.SOLVERS,
        "starts": names.STARTS,
        "step sizes": names.STEP_SIZES,
        "figures": FIGURES,
        "data": names.DATA,
        "theorems": names.THEOREMS,
    }
    listed = {kind: [_entry(name, member) for name, member in members.items()] for kind, members in kinds.items()}
    if as_json:
        print(json_text(listed))
        return
    for kind, entries in listed.items():
        print_table(kind, ("text form", "what it is"), [(entry["text"], entry["summary"]) for entry in entries])


def _entry(name: str, member: Any) -> dict[str, str]:
    where = f"{member.__module__}.{member.__qualname__}"
    return {"text": _FORMS.get(name, name), "summary": names.summary(member), "python": where}
