"""RIS, record by record, so that a broken one does not take the others with it."""

from __future__ import annotations

import re
from typing import Any

import rispy

from lopside.lens.sources.bibtex import given_first, year
from lopside.lens.sources.identifiers import identifiers

_END = re.compile(r"^ER  ?-.*$", re.MULTILINE)
_START = re.compile(r"^\ufeff?TY  ?-", re.MULTILINE)


def records(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]], list[tuple[int, str, str]]]:
    """Return the records of a file with their lines, the text before them by lines, and what is broken."""
    found: list[tuple[int, dict[str, Any]]] = []
    between: list[tuple[int, str]] = []
    broken: list[tuple[int, str, str]] = []
    line, begin = 1, 0
    ends = [match.end() for match in _END.finditer(text)]
    for end in [*ends, len(text)]:
        part = text[begin:end]
        start = _START.search(part)
        before = part[: start.start()] if start else part
        lines = before.split("\n")
        between += [(line + at, row) for at, row in enumerate(lines) if row.strip() and not row.startswith("ER")]
        if start:
            at = line + before.count("\n")
            try:
                entry = rispy.loads(_closed(part[start.start() :]))[0]
            except Exception as error:  # the parser names no errors of its own
                said = " ".join(str(error).split())[:120]
                broken.append((at, part[start.start() :].split("\n")[0], f"a record that cannot be read ({said})"))
            else:
                found.append((at, _facts(entry)))
        line += part.count("\n")
        begin = end
    return found, between, broken


def _closed(record: str) -> str:
    """Return a record whose lines all have two blanks after the tag, and whose end is there."""
    record = re.sub(r"^([A-Z][A-Z0-9]) {1,2}- ?", r"\1  - ", record.lstrip("\ufeff"), flags=re.MULTILINE)
    return record if _END.search(record) else record + "\nER  - \n"


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    def said(*names: str) -> str:
        value = next((entry[name] for name in names if entry.get(name)), "")
        return " ".join(str(value).split())

    ids: dict[str, str] = {}
    for text in (
        said("doi"),
        *map(str, entry.get("urls", ())),
        said("accession_number"),
        *map(str, entry.get("notes", ())),
    ):
        for scheme, value in identifiers(text):
            ids.setdefault(scheme, value)
    return {
        "ids": ids,
        "title": said("title", "primary_title")[:1000],
        "authors": [
            name for name in map(given_first, (entry.get("authors") or entry.get("first_authors") or [])[:500]) if name
        ],
        "year": year(said("year", "publication_year", "date")),
        "venue": said("secondary_title", "journal_name", "alternate_title3", "publisher")[:500] or None,
        "abstract": said("abstract", "notes_abstract")[:20_000] or None,
    }
