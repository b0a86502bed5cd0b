"""The network around a paper: who is in it, and where each stands; the same places every time."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lopside.lens.store.papers import Paper, edges_among

MOST = 150
"""Papers that are drawn; the table has them all."""

_COLUMN, _STEP = 34.0, 26.0
"""Distances between columns and between the papers in one."""

_TALL = 11
"""Papers in a column before another one is begun beside it."""

_YEAR = 54.0
"""Between the last column of a year and the first of the next."""


class Node(NamedTuple):
    """A paper in the network.

    Attributes
    ----------
    pk : int
    slug, title, authors : str
    year : int or None
    relation : "this paper", "cites this" or "cited here"; "perhaps" before it where that is a guess
    degree : int
        Citations from and to it that are stored.
    x, y : float
    """

    pk: int
    slug: str
    title: str
    authors: str
    year: int | None
    relation: str
    degree: int
    x: float
    y: float


class Edge(NamedTuple):
    """A citation between two papers of the network, by their places among the nodes; stored, or a guess."""

    citing: int
    cited: int
    stored: bool = True


class Network(NamedTuple):
    """The papers around one, and how they cite each other.

    Attributes
    ----------
    nodes : list of Node
        The paper itself first.
    edges : list of Edge
    box : (float, float, float, float)
        Left, top, width and height of all of it.
    years : list of (year or None, x)
        Where each year stands.
    left_out : int
        Papers that are in the table alone.
    """

    nodes: list[Node]
    edges: list[Edge]
    box: tuple[float, float, float, float]
    years: list[tuple[int | None, float]]
    left_out: int


def network(
    db: sqlite3.Connection, paper: Paper, rows: Sequence[sqlite3.Row], guesses: Sequence[sqlite3.Row] = ()
) -> Network:
    """Return the network around a paper, years from left to right; with what is perhaps missing in it.

    Parameters
    ----------
    db : Connection
    paper : Paper
    rows : sequence of Row
        Of `papers.connected`.
    guesses : sequence of Row, optional
    """
    known = {row["pk"]: row for row in rows}  # two that cite each other are in two rows
    kept = sorted(known.values(), key=lambda row: (-row["degree"], row["title"]))[: MOST - 1]
    guesses = [row for row in guesses if row["pk"] not in known]
    degree, left_out, kept = len(rows), len(known) - len(kept), [*kept, *guesses]
    around = {row["pk"]: row for row in kept}
    by_year: dict[int, list[int]] = defaultdict(list)
    for row in kept:
        by_year[row["year"] or 0].append(row["pk"])
    by_year.setdefault(paper.year or 0, [])
    places, years = _in_columns(dict(sorted(by_year.items())), {pk: row["relation"] for pk, row in around.items()})
    center = dict(years)[paper.year or 0]
    authors = " · ".join(name for _, name in paper.authors)
    nodes = [Node(paper.pk, paper.slug, paper.title, authors, paper.year, "this paper", degree, center, 0.0)]
    nodes += [
        Node(
            pk,
            row["slug"],
            row["title"],
            row["authors"] or "",
            row["year"],
            row["relation"],
            row["degree"],
            *places[pk],
        )
        for pk, row in sorted(around.items(), key=lambda item: (places[item[0]], item[0]))
    ]
    at = {node.pk: place for place, node in enumerate(nodes)}
    pairs = sorted(edges_among(db, at), key=lambda pair: paper.pk not in pair)
    edges = [Edge(at[citing], at[cited]) for citing, cited in pairs]
    edges += [_guessed(at[row["pk"]], row["relation"]) for row in guesses]
    left, right = min(node.x for node in nodes), max(node.x for node in nodes)
    top, bottom = min(node.y for node in nodes), max(node.y for node in nodes)
    box = (left - 50.0, top - 40.0, right - left + 100.0, bottom - top + 90.0)
    return Network(nodes, edges, box, [(year or None, x) for year, x in years], left_out)


def _guessed(place: int, relation: str) -> Edge:
    return Edge(place, 0, stored=False) if relation.endswith("cites this") else Edge(0, place, stored=False)


def _in_columns(
    by_year: dict[int, list[int]], relation: dict[int, str]
) -> tuple[dict[int, tuple[float, float]], list[tuple[int, float]]]:
    """Return the place of each paper, and where the middle of each year is.

    A year is as many columns as it takes; what cites the paper stands above its line, what it cites below.
    """
    places: dict[int, tuple[float, float]] = {}
    years, x = [], 0.0
    for year, keys in by_year.items():
        sides = [
            [pk for pk in keys if relation[pk].endswith("cites this")],
            [pk for pk in keys if relation[pk].endswith("cited here")],
        ]
        columns = max(1, *(math.ceil(len(side) / _TALL) for side in sides))
        for side, sign in zip(sides, (-1.0, 1.0), strict=True):
            for place, pk in enumerate(side):
                row, column = divmod(place, columns)
                shift = 0.5 * _STEP * (column % 2)
                places[pk] = (x + column * _COLUMN, sign * (_STEP * (row + 1.5) + shift))
        years.append((year, x + 0.5 * _COLUMN * (columns - 1)))
        x += _COLUMN * (columns - 1) + _YEAR
    return places, years
