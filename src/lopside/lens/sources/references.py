"""What the reader gave, understood line by line: identifiers, titles, BibTeX, RIS."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from lopside.lens.sources.bibtex import entries as of_bibtex
from lopside.lens.sources.identifiers import LONGEST, Identifier, identifiers
from lopside.lens.sources.ris import records as of_ris
from lopside.lens.text.names import folded

MOST = 200
"""Papers of an import."""

_ENTRY = re.compile(r"^[ \t]{0,40}@[A-Za-z]{1,40}[ \t]{0,9}[{(]", re.MULTILINE)
_BLOCK = re.compile(r"@[A-Za-z]{1,40}[ \t]{0,9}[{(]")
_RECORD = re.compile(r"^\ufeff?TY  ?-", re.MULTILINE)
_TITLE = range(8, 400)
"""Letters of a title."""


File = tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]], list[tuple[int, str, str]]]
"""Entries with their lines, the text around them by lines, and what is broken: line, text, why."""


class Wanted(NamedTuple):
    """A paper that the reader asked for.

    Attributes
    ----------
    line : int
        Where it stands, from 1.
    given : str
        What was written there, or the title in the file.
    identifier : Identifier or None
        None where only a title is known.
    facts : dict
        What a file says of it: title, authors, year, venue, abstract, ids; empty for a line.
    source : str
        "BibTeX", "RIS", or "" for a line.
    """

    line: int
    given: str
    identifier: Identifier | None
    facts: dict[str, Any]
    source: str


class Understood(NamedTuple):
    """What came of a text.

    Attributes
    ----------
    wanted : list of Wanted
        Each paper once.
    lost : list of (line, text, why)
    """

    wanted: list[Wanted]
    lost: list[tuple[int, str, str]]


def understood(text: str) -> Understood:
    r"""Read a text of lines, BibTeX or RIS; whatever is not understood is returned with its line.

    >>> found = understood("arXiv:2106.14289v2\nLow-rank matrix completion by alternating minimization\n?")
    >>> [(one.line, one.identifier and one.identifier.value) for one in found.wanted], found.lost[0][0]
    ([(1, '2106.14289'), (2, None)], 3)
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    lost: list[tuple[int, str, str]] = []
    if _ENTRY.search(text):
        too_many = len(_BLOCK.findall(text)) > 10 * MOST
        wanted, lines, lost = ([], [], [_far_too_many()]) if too_many else _of_file(of_bibtex(text), "BibTeX")
    elif _RECORD.search(text):
        too_many = len(_RECORD.findall(text)) > 10 * MOST
        wanted, lines, lost = ([], [], [_far_too_many()]) if too_many else _of_file(of_ris(text), "RIS")
    else:
        wanted, lines = [], list(enumerate(text.split("\n"), 1))
    for number, line in lines:
        here, why = _of_line(number, line)
        wanted += here
        if why:
            lost.append((number, line.strip()[:200], why))
        if len(wanted) + len(lost) > 10 * MOST:
            lost.append((number, "", f"here reading ended: an import takes {MOST} papers"))
            break
    once = list({_key(one): one for one in reversed(wanted)}.values())[::-1]
    for one in once[MOST:]:
        lost.append((one.line, one.given[:200], f"more than {MOST} papers; import it next"))
    return Understood(sorted(once[:MOST], key=lambda one: one.line), sorted(lost))


def _far_too_many() -> tuple[int, str, str]:
    return (1, "", f"the file has more than {10 * MOST} entries, and an import takes {MOST}; cut it into parts")


def _of_file(found: File, source: str) -> tuple[list[Wanted], list[tuple[int, str]], list[tuple[int, str, str]]]:
    """Return what a file's entries want, the lines outside of them, and what is lost."""
    entries, lines, lost = found
    wanted = []
    for line, facts in entries:
        if not facts.get("title") and not facts["ids"]:
            lost.append((line, source, "an entry with neither a title nor an identifier"))
            continue
        first = next(iter(facts["ids"].items()), None)
        given = facts.get("title") or ":".join(first or ())
        wanted.append(Wanted(line, given, Identifier(*first) if first else None, facts, source))
    return wanted, lines, lost


def _of_line(number: int, line: str) -> tuple[list[Wanted], str]:
    line = line.strip().strip("\ufeff")
    if not line:
        return [], ""
    if len(line) > LONGEST:
        return [], f"a line of more than {LONGEST} letters"
    found = identifiers(line)
    if found:
        return [Wanted(number, line, identifier, {}, "") for identifier in found], ""
    if "://" in line or line.lower().startswith("www."):
        return [], "an address without an arXiv number, DOI or Semantic Scholar id in it; addresses are not fetched"
    if len(line) in _TITLE and len(re.findall(r"[^\W\d_]{2,}", line)) >= 2:
        return [Wanted(number, line, None, {}, "")], ""
    return [], "neither an identifier nor a title of two words or more"


def _key(one: Wanted) -> tuple[str, str]:
    return (one.identifier.scheme, one.identifier.value) if one.identifier else ("title", folded(one.given))
