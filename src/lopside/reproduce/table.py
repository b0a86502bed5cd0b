"""Tables behind the figures: columns by name, and facts that travel with them, in one CSV that pandas reads too."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np

from lopside.errors import FileError
from lopside.io import whole_file

Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes
    ----------
    columns : mapping of str to sequence
        All of one length. A column holds text, integers, or floats with NaN where nothing was measured.
    facts : mapping of str to str
        Versions, seeds, parameters: one line each, without line breaks.
    """

    columns: Mapping[str, Sequence[Any]]
    facts: Mapping[str, str]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Cell]], facts: Mapping[str, str]) -> Self:
        """Make a table from rows that all have the same names."""
        rows = list(rows)
        return cls({name: [row[name] for row in rows] for name in (rows[0] if rows else ())}, facts)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dictionaries."""
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def where(self, **wanted: Cell) -> Self:
        """Return the rows whose named columns have exactly these values.

        >>> Table({"d": [6, 10], "steps": [80, 70]}, {}).where(d=10).columns["steps"]
        [70]
        """
        kept = range(len(next(iter(self.columns.values()), ())))
        for name, value in wanted.items():
            column = self.columns[name]
            kept = [i for i in kept if column[i] == value]
        return type(self)({name: [column[i] for i in kept] for name, column in self.columns.items()}, self.facts)

    def distinct(self, name: str) -> list[Any]:
        """Return the values of a column in the order of their first appearance.

        >>> Table({"start": ["random", "proposed", "random"]}, {}).distinct("start")
        ['random', 'proposed']
        """
        return list(dict.fromkeys(self.columns[name]))

    def write(self, path: str | PathLike[str]) -> Path:
        """Write `# name: fact` lines, a header and the rows; the file appears whole or not at all.

        Floats keep all their digits; NaN becomes an empty cell.

        Raises
        ------
        FileError
            If the path cannot be written.
        """
        text = io.StringIO(newline="")
        text.writelines(f"# {name}: {fact}\n" for name, fact in self.facts.items())
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for row in zip(*self.columns.values(), strict=True):
            writer.writerow([_text(value) for value in row])
        with whole_file(path) as file:
            file.write(text.getvalue().encode())
        return Path(path)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        FileError
            If the file is missing or no such table.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"cannot read {path}: {error}; expected a table that `reproduce` wrote") from error
        comments = [line[2:].partition(": ") for line in lines if line.startswith("# ")]
        header, *rows = list(csv.reader(line for line in lines if not line.startswith("# "))) or [[]]
        if not header or any(len(row) != len(header) for row in rows):
            raise FileError(
                f"got {path} with no header or rows of unequal length; expected a table that `reproduce` wrote"
            )
        cells = zip(*rows, strict=True) if rows else ([] for _ in header)
        columns = {name: _column(values) for name, values in zip(header, cells, strict=True)}
        return cls(columns, {name: fact for name, _, fact in comments})


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    return "" if math.isnan(value) else repr(value)


def _column(cells: Iterable[str]) -> list[Any]:
    cells = list(cells)
    try:
        return [int(cell) for cell in cells]
    except ValueError:
        pass
    try:
        return [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        return cells
