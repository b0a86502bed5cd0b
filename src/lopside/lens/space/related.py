"""Papers related to one, and why: parts that add up to the score."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

import numpy as np

from lopside.lens.space.arrays import Floats, Ints
from lopside.lens.space.citations import CitationSpace, citation_space
from lopside.lens.space.text import TextSpace, text_space

WAYS = ("text", "citations", "both")

_SHOWN = 4
"""Terms that a reason names."""

_LOOKED_AT = 1000
"""Terms among which those are looked for: the weightiest of the paper in the space."""


class Reason(NamedTuple):
    """A part of a score: a term, or "citations"."""

    name: str
    score: float


class Near(NamedTuple):
    """A related paper.

    Attributes
    ----------
    pk : int
    slug, title, authors : str
    year : int or None
    score : float
        Cosine.
    reasons : list of Reason
        The largest parts, and all others as the last; they add up to the score.
    shared : (int, int)
        References that both have, and papers that cite both.
    """

    pk: int
    slug: str
    title: str
    authors: str
    year: int | None
    score: float
    reasons: list[Reason]
    shared: tuple[int, int]

    @property
    def shown(self) -> list[Reason]:
        """The parts in hundredths, that add up to the score in hundredths."""
        parts = [Reason(reason.name, round(reason.score, 2)) for reason in self.reasons]
        *named, rest = parts or [Reason("", 0.0)]
        left = round(self.score, 2) - sum(reason.score for reason in named)
        return [*named, Reason(rest.name, round(left, 2))] if parts else []


class Related(NamedTuple):
    """Papers related to one.

    Attributes
    ----------
    papers : list of Near
    way : "text", "citations" or "both"
    ways : list of str
        What there is.
    rank, usual, most : int
        Used, best by prediction, and largest.
    weight : float
        Of citations, where both count.
    kept : float
        Share of the paper's terms, by squares, that the rank keeps.
    run : int
    """

    papers: list[Near]
    way: str
    ways: list[str]
    rank: int
    usual: int
    most: int
    weight: float
    kept: float
    run: int

    def as_data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        papers = [near._asdict() | {"reasons": [reason._asdict() for reason in near.reasons]} for near in self.papers]
        return self._asdict() | {"papers": papers}


def related_of(
    db: sqlite3.Connection,
    pk: int,
    k: int | None = None,
    *,
    way: str = "text",
    weight: float = 0.5,
    most: int = 8,
) -> Related | None:
    """Return the papers nearest to one.

    Parameters
    ----------
    db : Connection
    pk : int
    k : int, optional
        Rank; default, that which predicts hidden terms best.
    way : "text", "citations" or "both"
        What is not there is answered by text.
    weight : float
        Of the cosine by citations, the one by text having the rest.
    most : int

    Returns
    -------
    Related or None
        None as long as nothing is computed.
    """
    space = text_space(db)
    if space is None:
        return None
    cites = citation_space(db)
    by_cites = cites is not None and pk in cites.row and way != "text"
    way = way if by_cites else "text"
    weight = {"text": 0.0, "citations": 1.0, "both": weight}[way]
    rank = space.rank(k)
    row = space.row.get(pk)
    texts = np.zeros(len(space.papers)) if row is None else space.cosines(space.X[row, :rank], rank).astype(np.float64)
    scores = (1.0 - weight) * texts
    alike = np.zeros(len(texts))
    if by_cites and cites is not None:
        alike = _spread(cites, pk, space, rank)
        scores = scores + weight * alike
    if row is not None:
        scores[row] = -2.0
    order = [int(other) for other in np.argsort(-scores, kind="stable")[: most + 8] if scores[other] > 1e-9]
    facts_of = told(db, [int(space.papers[other]) for other in order])
    order = [other for other in order if int(space.papers[other]) in facts_of][:most]
    from_texts = (1.0 - weight) * texts[order]
    why = _reasons(space, row, order, rank, from_texts)
    found = []
    for other, reasons in zip(order, why, strict=True):
        key = int(space.papers[other])
        if by_cites:
            reasons = [Reason("citations", weight * float(alike[other])), *reasons]
        facts = facts_of[key]
        facts = (facts["slug"], facts["title"], facts["authors"] or "", facts["year"])
        found.append(Near(key, *facts, float(scores[other]), reasons, _shared(db, pk, key)))
    ways: list[str] = [*WAYS] if cites is not None and pk in cites.row else ["text"]
    kept = 0.0 if row is None else float(np.square(space.X[row, :rank].astype(np.float64)).sum())
    usual = space.rank(None)
    return Related(found, way, ways, rank, usual, space.most, weight, kept, space.run.pk)


def _spread(cites: CitationSpace, pk: int, space: TextSpace, rank: int) -> Floats:
    """Return the cosines by citations in the order of the texts' rows."""
    by_key = np.zeros(1 + max(int(cites.papers.max()), int(space.papers.max())))
    by_key[cites.papers] = cites.cosines(pk, rank)
    return by_key[space.papers]


def _reasons(space: TextSpace, row: int | None, others: list[int], k: int, wholes: Floats) -> list[list[Reason]]:
    """Split cosines, times a weight, into terms: Σ of â₁[t]·â₂[t]/(‖â₁‖‖â₂‖) over terms, â the projected rows."""
    if row is None or not wholes.any():
        return [[] for _ in others]
    mine, theirs = space.X[row, :k], space.X[others, :k]
    products = theirs @ mine
    shares = np.divide(wholes, products, out=np.zeros(len(others)), where=products != 0)
    projected = space.Y[:, :k] @ mine
    terms = _largest(np.abs(projected), _LOOKED_AT)
    addends = projected[terms, None] * (space.Y[terms, :k] @ theirs.T) * shares
    found = []
    for column, whole in zip(addends.T, wholes, strict=True):
        lead = _largest(column, _SHOWN)
        lead = lead[np.argsort(-column[lead], kind="stable")]
        named = [Reason(space.spelled[terms[at]], float(column[at])) for at in lead if column[at] > 0]
        found.append([*named, Reason("all other terms", float(whole) - sum(reason.score for reason in named))])
    return found


def _largest(values: Floats, most: int) -> Ints:
    return np.arange(len(values)) if len(values) <= most else np.argpartition(-values, most)[:most]


def told(db: sqlite3.Connection, keys: list[int]) -> dict[int, sqlite3.Row]:
    """Return pk, slug, title, year and authors of papers, by key; those that are gone are not there."""
    marks = ", ".join("?" * len(keys))
    rows = db.execute(
        "SELECT pk, slug, title, year, (SELECT group_concat(printed, ' · ') FROM "
        "(SELECT printed FROM authorship WHERE paper = pk ORDER BY place)) AS authors "
        f"FROM paper WHERE pk IN ({marks})",
        keys,
    )
    return {row["pk"]: row for row in rows}


def _shared(db: sqlite3.Connection, one: int, other: int) -> tuple[int, int]:
    ends = (one, other)
    references = (
        "SELECT count(*) FROM citation AS a JOIN citation AS b USING (cited) WHERE a.citing = ? AND b.citing = ?"
    )
    citers = "SELECT count(*) FROM citation AS a JOIN citation AS b USING (citing) WHERE a.cited = ? AND b.cited = ?"
    return db.execute(references, ends).fetchone()[0], db.execute(citers, ends).fetchone()[0]
