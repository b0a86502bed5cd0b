"""Papers side by side: what they share, what each has alone, and how they cite each other."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from lopside.lens.store import papers
from lopside.lens.store.papers import Paper

MOST = 4
"""Papers that are compared."""


class Addend(NamedTuple):
    """What a term adds to the similarity of two papers."""

    text: str
    key: str
    share: float


class Step(NamedTuple):
    """A citation on a path: to which paper, and whether that is cited by the one before it."""

    slug: str
    title: str
    cited: bool


@dataclass(frozen=True)
class Pair:
    """Two of the papers.

    Attributes
    ----------
    one, other : int
        Their places.
    cites : list of (int, int)
        Who cites whom: places of the citing and of the cited paper.
    similarity : float
        Cosine of the weights of their key terms.
    addends : list of Addend
        They add up to it, the largest first.
    path : list of Step or None
        The shortest way from one to the other over citations in either direction; None if there is none.
    references, citers : int
        Papers that both cite, and that cite both.
    """

    one: int
    other: int
    cites: list[tuple[int, int]]
    similarity: float
    addends: list[Addend]
    path: list[Step] | None
    references: int
    citers: int


class Other(NamedTuple):
    """A paper beside them, and which of them it is tied to, by their places."""

    slug: str
    title: str
    year: int | None
    places: tuple[int, ...]


class SharedTerm(NamedTuple):
    """A key term of two papers or more, with its weight in each; None where it is no key term."""

    key: str
    text: str
    weights: list[float | None]


@dataclass(frozen=True)
class Comparison:
    """Two to four papers side by side.

    Attributes
    ----------
    papers : list of Paper
    shared : list of SharedTerm
        The heaviest first.
    own : list of list of (key, text)
        Of each, the key terms that no other has.
    pairs : list of Pair
    references, citers : list of Other
        Papers that two or more of them cite, and that cite two or more of them.
    counts : list of (places, references, citers)
        How many papers exactly these cite, and cite exactly these.
    """

    papers: list[Paper]
    shared: list[SharedTerm]
    own: list[list[tuple[str, str]]]
    pairs: list[Pair]
    references: list[Other]
    citers: list[Other]
    counts: list[tuple[tuple[int, ...], int, int]]


def compared(db: sqlite3.Connection, found: list[Paper]) -> Comparison:
    """Compare papers."""
    weights: list[dict[str, float]] = []
    spelled: dict[str, str] = {}
    for paper in found:
        rows = papers.terms(db, paper.pk)
        weights.append({row["key"]: row["score"] for row in rows})
        spelled |= {row["key"]: row["text"] for row in rows if row["key"] not in spelled}
    times = Counter(key for one in weights for key in one)
    common = sorted((key for key in times if times[key] > 1), key=lambda key: -sum(one.get(key, 0) for one in weights))
    ties = [_tied(db, found, mine, theirs) for mine, theirs in (("citing", "cited"), ("cited", "citing"))]
    exact = [Counter(other.places for other in side) for side in ties]
    return Comparison(
        found,
        [SharedTerm(key, spelled[key], [one.get(key) for one in weights]) for key in common],
        [[(key, spelled[key]) for key in one if times[key] == 1] for one in weights],
        [_pair(db, found, (one, other), weights, spelled, ties) for one, other in combinations(range(len(found)), 2)],
        [other for other in ties[0] if len(other.places) > 1],
        [other for other in ties[1] if len(other.places) > 1],
        [
            (places, exact[0][places], exact[1][places])
            for size in range(1, len(found) + 1)
            for places in combinations(range(len(found)), size)
        ],
    )


def _tied(db: sqlite3.Connection, found: list[Paper], mine: str, theirs: str) -> list[Other]:
    """Return the papers on the other end of the citations whose one end is one of these."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, paper in enumerate(found):
        for (pk,) in db.execute(f"SELECT {theirs} FROM citation WHERE {mine} = ?", (paper.pk,)):
            places[pk].append(place)
    statement = "SELECT slug, title, year FROM paper WHERE pk = ?"
    others = [Other(**dict(db.execute(statement, (pk,)).fetchone()), places=tuple(on)) for pk, on in places.items()]
    return sorted(others, key=lambda other: (-len(other.places), -(other.year or 0), other.title))


def _pair(
    db: sqlite3.Connection,
    found: list[Paper],
    places: tuple[int, int],
    weights: list[dict[str, float]],
    spelled: dict[str, str],
    ties: list[list[Other]],
) -> Pair:
    one, other = places
    a, b = weights[one], weights[other]
    addends = [Addend(spelled[key], key, a[key] * b[key]) for key in a if key in b]
    addends.sort(key=lambda addend: -addend.share)
    edges = papers.edges_among(db, [found[one].pk, found[other].pk])
    at = {found[one].pk: one, found[other].pk: other}
    both = [sum(one in tied.places and other in tied.places for tied in side) for side in ties]
    return Pair(
        one,
        other,
        [(at[citing], at[cited]) for citing, cited in edges],
        sum(addend.share for addend in addends),
        addends,
        _path(db, found[one].pk, found[other].pk),
        *both,
    )


def _path(db: sqlite3.Connection, start: int, end: int) -> list[Step] | None:
    neighbours: dict[int, list[int]] = defaultdict(list)
    edges = {(citing, cited) for citing, cited in db.execute("SELECT citing, cited FROM citation ORDER BY 1, 2")}
    for citing, cited in sorted(edges):
        neighbours[citing].append(cited)
        neighbours[cited].append(citing)
    before: dict[int, int] = {start: start}
    waiting = deque([start])
    while waiting and end not in before:
        at = waiting.popleft()
        for near in neighbours[at]:
            if near not in before:
                before[near] = at
                waiting.append(near)
    if end not in before:
        return None
    steps, at = [], end
    while at != start:
        row = db.execute("SELECT slug, title FROM paper WHERE pk = ?", (at,)).fetchone()
        steps.append(Step(row["slug"], row["title"], (before[at], at) in edges))
        at = before[at]
    return steps[::-1]
