"""`lopside lens doctor`: is the library whole, and if not, what can be rescued."""

from __future__ import annotations

from typing import Annotated

import typer

from lopside.cli.lens import LibraryOption, present
from lopside.cli.talk import print_table, say
from lopside.io import json_text


def doctor(
    context: typer.Context,
    library: LibraryOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Check the library; of a damaged one, keep a copy and rescue what can be read into a new library.

    The library itself is never written to, and no file is overwritten.
    """
    path = present(library or context.obj)
    from lopside.lens.store.doctor import examine

    found = examine(path)
    if as_json:
        told = found._asdict() | {"tables": [table._asdict() for table in found.tables]}
        print(json_text({name: str(value) if name in _PATHS and value else value for name, value in told.items()}))
        return
    if found.sound:
        say(f"{path} is whole.")
        return
    rows = [(table.name, str(table.read), str(table.kept), "yes" if table.whole else "no") for table in found.tables]
    print_table("Rescued", ("table", "rows read", "rows kept", "read to its end"), rows)
    say(f"{path} is damaged, and is left as it is:")
    for finding in found.findings:
        say(f"  {finding}")
    say(f"A copy of it is {found.copy}; what could be read is in {found.rescued}.")
    say(f"To see whether all is there: lopside lens --library {found.rescued}")


_PATHS = ("path", "copy", "rescued")
