"""The space of texts: papers and terms as points of a space of few dimensions."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lopside.lens.space import runs
from lopside.lens.space.arrays import Floats, Ints, Sparse
from lopside.lens.space.factors import SEED, TOL, factors
from lopside.lens.space.holdout import best_rank, hit_rates
from lopside.lens.space.matrix import corpus_hash, folded_query, term_matrix, texts
from lopside.lens.space.places import places
from lopside.lens.space.runs import Made, Run
from lopside.lens.space.topics import Topics, topics, usual_number
from lopside.threads import one_blas_thread

RANK = 64
"""Columns of the factors that are kept; every smaller rank is their beginning."""

LEAST_RANK = 2

DRAWN = 300
"""Papers on the map."""


def hashed(db: sqlite3.Connection) -> str:
    """Return the SHA-256 of what the space of texts is computed from."""
    return corpus_hash(texts(db))


def matrix(db: sqlite3.Connection) -> Sparse:
    """Return the matrix that is factored."""
    return term_matrix(texts(db)).A


def compute(db: sqlite3.Connection) -> Made:
    """Compute the space of the texts as they are."""
    weighed = term_matrix(texts(db))
    with one_blas_thread:
        found = factors(weighed.A, RANK)
        rates = hit_rates(weighed.A, found.X.shape[1])
        rank = max(1, min(best_rank(rates), found.X.shape[1]))
        count = usual_number(len(weighed.papers))
        grouped = topics(found.X, found.Y, weighed.spelled, count)
        drawn = _drawn(db, weighed.papers, found.X)
        where = places(found.X[drawn, :rank].astype(np.float64))
    usable = int(np.sum(np.array(found.metrics["sigma"]) > 1e-6 * max(found.metrics["sigma"], default=0.0)))
    metrics = found.metrics | {
        "rank": rank,
        "usable": usable,
        "rates": rates.tolist(),
        "least": weighed.least,
        "titles_only": weighed.titles_only,
        "told": int(np.count_nonzero(np.diff(weighed.A.indptr))),
    }
    kept = {
        "papers": weighed.papers,
        "X": found.X,
        "Y": found.Y,
        "df": weighed.df,
        "keys": weighed.keys,
        "spelled": weighed.spelled,
        "topic": grouped.of,
        "topics": grouped.terms,
        "drawn": drawn,
        "places": where.astype(np.float32),
    }
    params = {"rank": RANK, "tol": TOL, "topics": count, "drawn": DRAWN}
    return Made("text", params, weighed.corpus, SEED, found.certificate, metrics, kept)


def _drawn(db: sqlite3.Connection, papers: Ints, X: Floats) -> Ints:
    """Return the rows of the papers that are drawn: those with most citations, of those that have terms."""
    degree = dict.fromkeys(papers.tolist(), 0)
    ends = "SELECT citing FROM citation UNION ALL SELECT cited FROM citation"
    for pk, count in db.execute(f"SELECT citing AS pk, count(*) FROM ({ends}) GROUP BY pk"):
        degree[pk] = count
    told = np.linalg.norm(X, axis=1) > 1e-6
    rows = sorted(np.flatnonzero(told), key=lambda row: (-degree[int(papers[row])], row))
    return np.array(sorted(rows[:DRAWN]), np.int64)


@dataclass(frozen=True, eq=False)
class TextSpace:
    """The space of texts as it is stored.

    Attributes
    ----------
    run : Run
    papers : ndarray of int
        Key of each row of X.
    X, Y : ndarray
        Of papers and of terms, X falling in its columns, Y orthonormal; each column lies together in memory.
    df : ndarray of int
    keys, spelled : list of str
    topics : Topics
        As many as there usually are.
    drawn : ndarray of int
        Rows that are on the map.
    places : ndarray, shape (drawn, 2)
    """

    run: Run
    papers: Ints
    X: Floats
    Y: Floats
    df: Ints
    keys: list[str]
    spelled: list[str]
    topics: Topics
    drawn: Ints
    places: Floats
    row: dict[int, int] = field(repr=False)
    column: dict[str, int] = field(repr=False)
    _grouped: dict[int, Topics] = field(default_factory=dict, repr=False)
    _placed: dict[int, Floats] = field(default_factory=dict, repr=False)
    _sizes: dict[int, Floats] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, run: Run, parts: dict[str, Any]) -> TextSpace:
        """Put together what was stored."""
        return cls(
            run,
            parts["papers"],
            np.asfortranarray(parts["X"]),
            np.asfortranarray(parts["Y"]),
            parts["df"],
            parts["keys"],
            parts["spelled"],
            Topics(parts["topic"], parts["topics"]),
            parts["drawn"],
            parts["places"],
            {pk: row for row, pk in enumerate(parts["papers"].tolist())},
            {key: column for column, key in enumerate(parts["keys"])},
        )

    @property
    def most(self) -> int:
        """The largest rank that says something."""
        return self.run.metrics["usable"]

    def rank(self, asked: int | None) -> int:
        """Return a rank that there is: the one asked for, or the one that predicts best."""
        return max(1, min(asked or self.run.metrics["rank"], self.most))

    def grouped(self, count: int) -> Topics:
        """Return the papers in so many topics."""
        if count == self.run.params["topics"]:
            return self.topics
        if count not in self._grouped:
            with one_blas_thread:
                self._grouped[count] = topics(self.X, self.Y, self.spelled, count)
        return self._grouped[count]

    def placed(self, k: int) -> Floats:
        """Return the places of the papers that are drawn, by their neighbours at a rank."""
        if k == self.run.metrics["rank"]:
            return self.places
        if k not in self._placed:
            with one_blas_thread:
                self._placed[k] = places(self.X[self.drawn, :k].astype(np.float64))
        return self._placed[k]

    def near_query(self, asked: str, most: int, rank: int | None = None) -> list[tuple[int, float]]:
        """Return the papers nearest to a query folded into the space, as (key, cosine)."""
        columns, weights = folded_query(asked, self.column, self.df, len(self.papers))
        k = self.rank(rank)
        if not len(columns) or k > self.X.shape[1]:
            return []
        query = (weights @ self.Y[columns, :k]).astype(np.float32)
        scores = self.cosines(query, k)
        order = np.argsort(-scores, kind="stable")[:most]
        return [(int(self.papers[row]), float(scores[row])) for row in order if scores[row] > 0]

    def cosines(self, x: Floats, k: int) -> Floats:
        """Return the cosine between a point and every paper in the first k dimensions; 0 where one is at the origin."""
        if k not in self._sizes:
            self._sizes[k] = np.linalg.norm(self.X[:, :k], axis=1)
        sizes = self._sizes[k] * np.linalg.norm(x)
        return np.divide(self.X[:, :k] @ x, sizes, out=np.zeros_like(sizes), where=sizes > 1e-6)


_lock = threading.Lock()
_held: dict[tuple[str, int, str], Any] = {}
_MOST_HELD = 4


def text_space(db: sqlite3.Connection) -> TextSpace | None:
    """Return the stored space of texts, kept in memory between requests; None if there is none yet."""
    return held(db, "text", TextSpace.of)


def held(db: sqlite3.Connection, kind: str, build: Any) -> Any:
    """Return what a run of a kind is, built from its parts when first asked for; None if there is no such run."""
    found = db.execute("SELECT pk, made_at FROM run WHERE kind = ?", (kind,)).fetchone()
    if found is None:
        return None
    file = db.execute("PRAGMA database_list").fetchone()["file"]
    mark = (file, found["pk"], found["made_at"])
    with _lock:
        if mark not in _held:
            run = runs.numbered(db, found["pk"])
            assert run is not None
            while len(_held) >= _MOST_HELD:
                del _held[next(iter(_held))]
            _held[mark] = build(run, runs.parts(db, found["pk"]))
        return _held[mark]
