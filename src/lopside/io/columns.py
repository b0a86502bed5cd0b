"""Which columns of a table hold the rows, columns, values and weights of observed entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lopside.errors import FileError, counted

_TYPED = re.compile(r":(?:token|float)(?:_seq)?$")
"""RecBole's atomic files name a column and its type: user_id:token."""


class Choice(NamedTuple):
    """What was asked for: the name of a column, its number counted from 1, or None for the first one left."""

    row: str | int | None = None
    column: str | int | None = None
    value: str | int | None = None
    weight: str | int | None = None

    @property
    def named(self) -> bool:
        """Whether a name is among it, which needs a header."""
        return any(isinstance(column, str) for column in self)


class Picked(NamedTuple):
    """Where the columns are, counted from 0, and what was done to find them.

    Attributes
    ----------
    columns : tuple of int
        Rows, columns, values; weights as the fourth where they were asked for.
    notes : tuple of str
        Which columns were taken, where that was not said.
    """

    columns: tuple[int, ...]
    notes: tuple[str, ...]


def picked(choice: Choice, names: Sequence[str] | None, width: int, file: str) -> Picked:
    """Find the chosen columns in a table.

    Where nothing is chosen, the rows, columns and values are the first three columns not chosen otherwise; a column
    whose name is empty, as pandas writes its index, is passed over.

    Parameters
    ----------
    choice : Choice
    names : sequence of str, length width, or None
        None where the table has no header.
    width : int
        Columns of the table.
    file : str
        What messages call the table.

    Raises
    ------
    FileError
        If a column is not there, or stands for two things, or there are fewer than three.
    """
    plain = None if names is None else [_TYPED.sub("", name) for name in names]
    chosen = [None if column is None else place_of(column, plain, width, file) for column in choice]
    free = [place for place in range(width) if place not in chosen and (plain is None or plain[place])]
    asked = chosen if choice.weight is not None else chosen[:3]
    found = tuple(free.pop(0) if place is None and free else place for place in asked)
    taken = tuple(place for place in found if place is not None)
    if len(taken) < len(asked):
        raise FileError(
            f"got {counted(width, 'column')} in {file} ({_listing(plain, width)}); "
            "expected three at least: rows, columns and values"
        )
    if len(set(taken)) < len(taken):
        raise FileError(
            f"got one column of {file} for two things ({', '.join(_title(plain, place) for place in taken)}); "
            "expected different ones for rows, columns, values and weights"
        )
    return Picked(taken, (_told(file, plain, width, taken),) if None in chosen[:3] else ())


def place_of(column: str | int, names: Sequence[str] | None, width: int, file: str) -> int:
    """Return where a column is, counted from 0; parameters as for `picked`.

    Raises
    ------
    FileError
        If it is not there.
    """
    if isinstance(column, str):
        places = [place for place, name in enumerate(names or ()) if name == _TYPED.sub("", column)]
        if len(places) == 1:
            return places[0]
        found = counted(len(places), "column") if places else "no column"
        raise FileError(f"got {found} {column!r} in {file}, which has {_listing(names, width)}; expected one")
    if not 1 <= column <= width:
        raise FileError(
            f"got column number {column} for {file}, which has {_listing(names, width)}; expected 1 to {width}"
        )
    return column - 1


def _told(file: str, names: list[str] | None, width: int, taken: tuple[int, ...]) -> str:
    roles = zip(("rows", "columns", "values"), taken, strict=False)
    said = ", ".join(f"the {role} are {_title(names, place)}" for role, place in roles)
    rest = [_title(names, place) for place in range(width) if place not in taken]
    return f"in {file} {said}" + (f"; left out: {', '.join(rest)}" if rest else "")


def _title(names: list[str] | None, place: int) -> str:
    name = names[place] if names else ""
    return f"column {place + 1}" + (f" ({name if len(name) <= 40 else name[:40] + '…'})" if name else "")


def _listing(names: Sequence[str] | None, width: int) -> str:
    if not names:
        return f"{width} without names"
    listed = ", ".join(map(repr, names))
    return listed if len(listed) <= 200 else listed[:200] + "…"
