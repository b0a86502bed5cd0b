"""Tables of papers as CSV that a spreadsheet does not run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_RUN = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula."""


def cell(value: object) -> str:
    """Return a cell that is read as text.

    >>> cell("=1+1"), cell("low-rank"), cell(None)
    ("'=1+1", 'low-rank', '')
    """
    text = "" if value is None else str(value).replace("\0", "")
    return f"'{text}" if text.startswith(_RUN) else text


def rows(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> str:
    """Return a table as CSV with a heading."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([cell(row[column]) for column in columns] for row in found)
    return out.getvalue()
