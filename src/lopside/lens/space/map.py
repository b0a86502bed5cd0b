"""The map of the library: papers at their places, in their topics."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from lopside.lens.space.arrays import Floats
from lopside.lens.space.places import APART
from lopside.lens.space.text import TextSpace
from lopside.lens.space.topics import FEWEST, MOST

LEAST = 12
"""Papers with terms, below which nothing is drawn."""

_SMALL, _LARGE = 0.2, 0.42
"""Radius of a paper without citations and of the one with most, in least distances."""

LETTER = 0.25
"""Width of a letter of a name, in least distances."""

_NAMED = 3
"""Papers of a topic whose name is on the map."""


class Point(NamedTuple):
    """A paper on the map.

    Attributes
    ----------
    pk : int
    slug, title, authors, reading : str
    year : int or None
    degree, topic : int
        Citations that are stored; place of its topic, −1 for none.
    x, y, size : float or None
        None where it is in the list alone.
    """

    pk: int
    slug: str
    title: str
    authors: str
    reading: str
    year: int | None
    degree: int
    topic: int
    x: float | None
    y: float | None
    size: float


class Group(NamedTuple):
    """A topic on the map: its name, its papers, and where the name stands."""

    place: int
    name: str
    points: list[Point]
    x: float | None = None
    y: float | None = None

    @property
    def label(self) -> str:
        """Its first term, which stands on the map."""
        return self.name.split(" · ")[0]


class Map(NamedTuple):
    """What is drawn.

    Attributes
    ----------
    groups : list of Group
        The largest first; papers without terms as a last one of place −1.
    box : (float, float, float, float)
        Left, top, width and height.
    unit : float
        Least distance between two papers.
    rank, topics : int
        Of the places, and topics asked for.
    drawn, told : int
        Papers on the map, and papers that have terms.
    """

    groups: list[Group]
    box: tuple[float, float, float, float]
    unit: float
    rank: int
    topics: int
    drawn: int
    told: int

    @property
    def points(self) -> list[Point]:
        """The papers that are drawn, the smallest last, so that it covers nothing."""
        found = [point for group in self.groups for point in group.points if point.x is not None]
        return sorted(found, key=lambda point: (-point.size, point.slug))


def library_map(db: sqlite3.Connection, space: TextSpace, rank: int | None = None, topics: int | None = None) -> Map:
    """Return the map at a rank, in a number of topics; the usual ones by default."""
    k = space.rank(rank)
    usual: int = space.run.params["topics"]
    wanted = usual if topics is None else max(FEWEST, min(topics, MOST))
    grouped, where = space.grouped(wanted), space.placed(k)
    place = dict(zip(space.drawn.tolist(), where.tolist(), strict=True))
    rows = db.execute(_PAPERS).fetchall()
    most = max((row["degree"] for row in rows), default=0) or 1
    members: dict[int, list[Point]] = defaultdict(list)
    for row in rows:
        at = space.row.get(row["pk"])
        topic = -1 if at is None else int(grouped.of[at])
        x, y = place.get(at, (None, None)) if at is not None else (None, None)
        size = APART * (_SMALL + (_LARGE - _SMALL) * float(np.sqrt(row["degree"] / most)))
        facts = (row["pk"], row["slug"], row["title"], row["authors"] or "", row["reading"], row["year"])
        members[topic].append(Point(*facts, row["degree"], topic, x, y, size))
    names = dict(enumerate(grouped.names)) | {-1: "without terms that another paper has"}
    order = sorted(members, key=lambda topic: (topic < 0, topic))
    groups = [Group(topic, names[topic], members[topic]) for topic in order]
    told = sum(len(group.points) for group in groups if group.place >= 0)
    return Map(_with_names(groups), _box(where), APART, k, wanted, len(where), told)


_PAPERS = """
SELECT pk, slug, title, year, reading,
  (SELECT group_concat(printed, ' · ')
   FROM (SELECT printed FROM authorship WHERE paper = pk ORDER BY place)) AS authors,
  (SELECT count(*) FROM citation WHERE citing = pk) + (SELECT count(*) FROM citation WHERE cited = pk) AS degree
FROM paper ORDER BY degree DESC, title
"""


def _with_names(groups: list[Group]) -> list[Group]:
    """Put each name over or under a paper of its topic: where it covers least, and then where most of them stand."""
    places = np.array([(point.x, point.y) for group in groups for point in group.points if point.x is not None])
    taken: list[tuple[float, float, float]] = []
    found: list[Group] = []
    for group in groups:
        at = np.array([(point.x, point.y) for point in group.points if point.x is not None]).reshape(-1, 2)
        wide = 0.5 * LETTER * APART * len(group.label)
        if group.place < 0 or len(at) < _NAMED:
            found.append(group)
            continue
        far = np.sort(np.linalg.norm(at[:, None] - at[None], axis=2), axis=1)[:, 1:6].mean(axis=1)
        tried = []
        for (x, y), thin in zip(at.tolist(), far.tolist(), strict=True):
            for down in (y - 0.8 * APART, y + 0.8 * APART):
                off = np.abs(places - (x, down))
                covered = np.count_nonzero((off[:, 0] < wide + 0.3 * APART) & (off[:, 1] < 0.55 * APART))
                meets = sum(abs(x - a) < wide + other and abs(down - b) < 0.8 * APART for a, b, other in taken)
                tried.append((covered + 3 * meets, thin, x, down))
        _, _, x, y = min(tried)
        taken.append((x, y, wide))
        found.append(group._replace(x=x, y=y))
    return found


def _box(where: Floats) -> tuple[float, float, float, float]:
    if not len(where):
        return 0.0, 0.0, 1.0, 1.0
    (left, top), (right, bottom) = where.min(axis=0) - 1.2 * APART, where.max(axis=0) + 1.2 * APART
    return float(left), float(top), float(right - left), float(bottom - top)
