"""BibTeX as the reader's own programs write it."""

from __future__ import annotations

import logging
import re
from typing import Any

from bibtexparser import model
from bibtexparser.entrypoint import parse_string

from lopside.lens.sources.identifiers import identifiers
from lopside.lens.text.names import repaired
from lopside.lens.text.tex import plain

logging.getLogger("bibtexparser").addHandler(logging.NullHandler())  # what it cannot read, we say on the page


def entries(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]], list[tuple[int, str, str]]]:
    """Return the entries of a file with their lines, the text between them by lines, and what is broken.

    >>> found, _, _ = entries("@article{a, author={Du, Simon S. and Ye, Tian}, title={{Low} rank}, year=2021}")
    >>> found[0][1]["authors"], found[0][1]["title"], found[0][1]["year"]
    (['Simon S. Du', 'Tian Ye'], 'Low rank', 2021)
    """
    found: list[tuple[int, dict[str, Any]]] = []
    between: list[tuple[int, str]] = []
    broken: list[tuple[int, str, str]] = []
    for block in parse_string(text).blocks:
        line = (block.start_line or 0) + 1
        if isinstance(block, model.DuplicateBlockKeyBlock):  # two entries under one key are two entries
            block = parse_string(block.raw or "").blocks[0]
        if isinstance(block, model.Entry):
            found.append((line, _facts(block)))
        elif isinstance(block, model.ImplicitComment):
            between += [(line + count, part) for count, part in enumerate((block.raw or "").split("\n"))]
        elif isinstance(block, model.ParsingFailedBlock):
            said = " ".join(str(getattr(block.error, "abort_reason", block.error)).split())[:200]
            broken.append((line, (block.raw or "").strip()[:200], f"an entry that cannot be read: {said or 'unclear'}"))
    return found, between, broken


def _facts(entry: model.Entry) -> dict[str, Any]:
    fields = {field.key.lower(): str(field.value)[:20_000] for field in entry.fields}
    ids: dict[str, str] = {}
    eprint = fields.get("eprint", "")
    if fields.get("archiveprefix", fields.get("eprinttype", "arxiv")).strip().lower() == "arxiv":
        _add(ids, eprint)
    for name in ("doi", "url", "journal", "note"):
        _add(ids, fields.get(name, ""))
    facts: dict[str, Any] = {"ids": ids, "authors": people(fields.get("author", ""))}
    title = " ".join(plain(fields.get("title", "")).split()) if "$" not in fields.get("title", "") else None
    facts["title"] = (title if title is not None else " ".join(_unbraced(fields["title"]).split()))[:1000]
    facts["year"] = year(fields.get("year") or fields.get("date") or "")
    venue = next((fields[name] for name in ("journal", "booktitle", "publisher") if fields.get(name)), "")
    facts["venue"] = " ".join(plain(venue).split())[:500] or None
    facts["abstract"] = fields.get("abstract", "").strip() or None
    return facts


def _unbraced(title: str) -> str:
    """Take the braces away outside formulas."""
    parts = title.split("$")
    return "$".join(part if at % 2 else plain(part) for at, part in enumerate(parts))


def _add(ids: dict[str, str], text: str) -> None:
    for scheme, value in identifiers(text):
        ids.setdefault(scheme, value)


def people(text: str) -> list[str]:
    """Return the names in a list joined by "and", given names first."""
    names, depth, begin = [], 0, 0
    for found in re.finditer(r"[{}]|(?<=\s)and(?=\s)", text):
        if found[0] != "and":
            depth = max(depth + (1 if found[0] == "{" else -1), 0)
        elif depth == 0:
            names.append(text[begin : found.start()])
            begin = found.end()
    names.append(text[begin:])
    return [name for name in map(given_first, names[:500]) if name and name.lower() != "others"]


def given_first(name: str) -> str:
    r"""Return a name as it is printed.

    >>> given_first(r"Jovanovi{\'c}, Mihailo R.")
    'Mihailo R. Jovanović'
    """
    parts = [part.strip() for part in repaired(name).split(",")]
    if len(parts) == 2:
        return f"{parts[1]} {parts[0]}".strip()[:200]
    if len(parts) == 3:  # von Last, Jr, First
        return f"{parts[2]} {parts[0]} {parts[1]}".strip()[:200]
    return " ".join(parts).strip()[:200]


def year(text: str) -> int | None:
    """Return the year in a field, or None."""
    found = re.search(r"(?<!\d)(1[5-9]\d\d|20\d\d|21\d\d)(?!\d)", text[:200])
    return int(found[1]) if found else None
