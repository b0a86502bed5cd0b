"""What a benchmark returns: tables of plain values, shown as text or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LEAST_PEERS = 3
"""A table that compares with fewer is reported as not reached."""


class Column(NamedTuple):
    """A column: the key of its values, its header, and how a value is written (as for `format`)."""

    key: str
    header: str
    form: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of values by the keys of the columns; a value that is absent or None is shown as –.

    Attributes
    ----------
    name, title : str
    columns : sequence of Column
    rows : list of dict
    peers : sequence of str, optional
        What was measured beside lopside; None for a table that compares with nothing.
    remarks : sequence of str
        Sentences below the table.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: list[dict[str, Any]] = field(default_factory=list)
    peers: Sequence[str] | None = None
    remarks: Sequence[str] = ()

    @property
    def reached(self) -> bool:
        """Whether enough peers were measured."""
        return self.peers is None or len(self.peers) >= LEAST_PEERS

    def text(self) -> str:
        """Return the table as lines of even width."""
        cells = [[_cell(row.get(column.key), column.form) for column in self.columns] for row in self.rows]
        grid = [[column.header for column in self.columns], *cells]
        widths = [max(map(len, entries)) for entries in zip(*grid, strict=True)]
        left = [all(isinstance(row.get(column.key), str) for row in self.rows) for column in self.columns]
        lines = [
            "  ".join(
                cell.ljust(width) if start else cell.rjust(width)
                for cell, width, start in zip(line, widths, left, strict=True)
            ).rstrip()
            for line in grid
        ]
        return "\n".join([self.title, *lines, *self._closing()])

    def _closing(self) -> list[str]:
        peers = [] if self.peers is None else [f"peers: {', '.join(self.peers) or 'none'}"]
        if not self.reached:
            peers.append(f"Not reached: {len(self.peers or ())} peers measured, expected at least {LEAST_PEERS}")
        return [*self.remarks, *peers]

    def record(self) -> dict[str, Any]:
        """Return the table as plain data."""
        columns = {column.key: column.header for column in self.columns}
        peers = None if self.peers is None else list(self.peers)
        known = {"title": self.title, "columns": columns, "rows": self.rows, "remarks": list(self.remarks)}
        return known | {"peers": peers, "reached": self.reached}


def _cell(value: Any, form: str) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else format(value, form)


def record(machine: Mapping[str, Any], tables: Sequence[Table]) -> dict[str, Any]:
    """Return machine and tables as one JSON-able object."""
    return {"machine": dict(machine), "tables": {table.name: table.record() for table in tables}}
