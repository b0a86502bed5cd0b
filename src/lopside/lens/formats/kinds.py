"""Which forms there are, by the ending of a file or an address."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lopside.lens.formats import table
from lopside.lens.formats.bibtex import bibtex
from lopside.lens.formats.csl import csl
from lopside.lens.formats.record import records
from lopside.lens.formats.ris import ris
from lopside.lens.store.papers import Paper


class Kind(NamedTuple):
    """A form in which papers leave.

    Attributes
    ----------
    of : callable
        (db, papers) ↦ text.
    media : str
    said : str
        Its name.
    """

    of: Callable[[sqlite3.Connection, Sequence[Paper]], str]
    media: str
    said: str


_COLUMNS = ("slug", "title", "authors", "year", "venue", "arxiv", "doi", "categories", "tags", "reading")


def _csv(_: sqlite3.Connection, papers: Sequence[Paper]) -> str:
    def row(paper: Paper) -> dict[str, Any]:
        ids = {scheme: paper.ids.get(scheme) for scheme in ("arxiv", "doi")}
        joined = {
            "authors": "; ".join(name for _, name in paper.authors),
            "categories": " ".join(paper.categories),
            "tags": "; ".join(paper.tags),
        }
        own = {name: getattr(paper, name) for name in ("slug", "title", "year", "venue", "reading")}
        return own | ids | joined

    return table.rows(_COLUMNS, map(row, papers))


KINDS = {
    "bib": Kind(lambda _, papers: bibtex(papers), "application/x-bibtex; charset=utf-8", "BibTeX"),
    "ris": Kind(lambda _, papers: ris(papers), "application/x-research-info-systems; charset=utf-8", "RIS"),
    "csl.json": Kind(lambda _, papers: csl(papers), "application/vnd.citationstyles.csl+json", "CSL-JSON"),
    "csv": Kind(_csv, "text/csv; charset=utf-8", "CSV"),
    "json": Kind(records, "application/json", "JSON"),
}
"""The longer ending first where one ends with the other."""
