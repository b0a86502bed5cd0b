"""Which of the stored papers are one: by rule, or by a question to the reader."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from typing import NamedTuple

from lopside.lens.importing.merging import merge, refused
from lopside.lens.text.names import family, folded

_WORDS, _OVERLAP, _YEARS = 8, 0.85, 2
_NUMERAL = re.compile(r"[ivx]+|.*\d.*")
"""A word that tells a second part from a first."""


class _Known(NamedTuple):
    pk: int
    words: tuple[str, ...]
    families: tuple[str, ...]
    year: int | None
    venue: str
    ids: dict[str, str]


def pair_up(db: sqlite3.Connection, since: int | None) -> tuple[int, int]:
    """Merge what is one paper by rule, ask about what may be, and return how many of each.

    Parameters
    ----------
    db : Connection
        Of `Library.writing`.
    since : int or None
        Pairs are looked at where one of the two has a key above this; None looks at all.
    """
    groups: dict[frozenset[str], list[_Known]] = defaultdict(list)
    for known in _all(db):
        if known.families:
            groups[frozenset(known.families)].append(known)
    merged = asked = 0
    for group in groups.values():
        group.sort(key=lambda known: known.pk)
        at = 0
        while at < len(group):
            one, again = group[at], False
            for other in group[at + 1 :]:
                if since is not None and other.pk <= since:
                    continue
                verdict = compared(one, other)
                if verdict == "same" and not refused(db, one.pk, other.pk):
                    kept = merge(db, one.pk, other.pk, who="rule", why="The same authors, and nearly the same title.")
                    group = sorted(
                        [known for known in group if known not in (one, other)] + [_joined(one, other, kept)],
                        key=lambda known: known.pk,
                    )
                    merged, again = merged + 1, True
                    break
                if verdict == "question":
                    asked += _ask(db, one.pk, other.pk)
            at = 0 if again else at + 1
    return merged, asked


def compared(one: _Known, other: _Known) -> str:
    """Return "same", "question" or "different" for two papers by the same people."""
    if one.year is not None and other.year is not None and abs(one.year - other.year) > _YEARS:
        return "different"
    arxiv = {known.ids["arxiv"] for known in (one, other) if "arxiv" in known.ids}
    if len(arxiv) == 2:
        return "different"
    a, b = set(one.words), set(other.words)
    parts = any(_NUMERAL.fullmatch(word) for word in a ^ b)
    long = min(len(one.words), len(other.words)) >= _WORDS
    alike = len(a & b) >= _OVERLAP * len(a | b) or (long and one.words[:_WORDS] == other.words[:_WORDS])
    if alike and not parts:
        return "same"
    dois = {known.ids["doi"] for known in (one, other) if "doi" in known.ids}
    apart = len(dois) == 2 or (one.venue and other.venue and one.venue != other.venue) or not arxiv
    unknown = one.year is None or other.year is None
    few = len(one.families) < 2
    if alike or not (apart or unknown or few or one.families != other.families):
        return "question"
    return "different"


def _ask(db: sqlite3.Connection, one: int, other: int) -> int:
    why = "Same authors in the same order and years close to each other, under two titles."
    pair = (min(one, other), max(one, other))
    return db.execute("INSERT OR IGNORE INTO question (one, other, why) VALUES (?, ?, ?)", (*pair, why)).rowcount


def _joined(one: _Known, other: _Known, kept: int) -> _Known:
    first, second = (one, other) if one.pk == kept else (other, one)
    return first._replace(ids={**second.ids, **first.ids}, year=first.year or second.year)


def _all(db: sqlite3.Connection) -> list[_Known]:
    names: dict[int, list[str]] = defaultdict(list)
    for pk, name in db.execute("SELECT paper, printed FROM authorship ORDER BY paper, place"):
        names[pk].append(folded(family(name)))
    ids: dict[int, dict[str, str]] = defaultdict(dict)
    for row in db.execute("SELECT paper, scheme, value FROM paper_id"):
        ids[row["paper"]][row["scheme"]] = row["value"]
    return [
        _Known(
            row["pk"],
            tuple(row["title_folded"].split()),
            tuple(names[row["pk"]]),
            row["year"],
            folded(row["venue"] or ""),
            ids[row["pk"]],
        )
        for row in db.execute("SELECT pk, title_folded, year, venue FROM paper ORDER BY pk")
    ]
