"""RIS: one tag a line, so a value is one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rispy

from lopside.lens.store.papers import Paper
from lopside.lens.text.names import family
from lopside.lens.text.tex import plain


class _Writer(rispy.RisWriter):
    def set_header(self, count: int) -> str:
        """Return nothing: the numbers that rispy puts before each record are no part of the format."""
        return ""


def ris(papers: Sequence[Paper]) -> str:
    """Return papers as a file of RIS, in their order."""
    return _Writer().formats([_record(paper) for paper in papers]).replace("\n", "\r\n")


def _record(paper: Paper) -> dict[str, Any]:
    given = {
        "type_of_reference": "JOUR" if paper.venue else "UNPB",
        "id": paper.slug,
        "title": _line(plain(paper.title)),
        "authors": [_line(reversed_name(name)) for _, name in paper.authors],
        "year": str(paper.year or ""),
        "journal_name": _line(paper.venue or ""),
        "doi": _line(paper.ids.get("doi", "")),
        "abstract": _line(paper.abstract or ""),
        "keywords": [_line(tag) for tag in paper.tags],
        "urls": [f"https://arxiv.org/abs/{_line(paper.ids['arxiv'])}"] if "arxiv" in paper.ids else [],
    }
    return {name: value for name, value in given.items() if value}


def reversed_name(name: str) -> str:
    """Return a name with the family name first.

    >>> reversed_name("Laurens van der Maaten")
    'van der Maaten, Laurens'
    """
    last = family(name)
    first = name.removesuffix(last).strip()
    return f"{last}, {first}" if first else last


def _line(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())
