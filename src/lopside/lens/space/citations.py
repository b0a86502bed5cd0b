"""The space of citations: papers that cite the same, and are cited by the same, stand near each other."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from lopside.lens.space.arrays import Floats, Ints, Sparse
from lopside.lens.space.factors import SEED, TOL, factors
from lopside.lens.space.runs import Made, Run
from lopside.lens.space.text import RANK, held
from lopside.threads import one_blas_thread

LISTS = 30
"""Papers whose references must be known before anything is said from citations."""

_LIST = 2
"""References that make a list."""


class Citations(NamedTuple):
    """Who cites whom.

    Attributes
    ----------
    papers : ndarray of int
        Keys of the papers with a citation, sorted by slug.
    years : ndarray of float
        NaN where unknown.
    citing, cited : ndarray of int
        Places among the papers.
    lists : int
        Papers of which at least two references are stored.
    corpus : str
        SHA-256 of slugs, years and citations.
    """

    papers: Ints
    years: Floats
    citing: Ints
    cited: Ints
    lists: int
    corpus: str

    @property
    def refusal(self) -> str | None:
        """Why nothing can be said from them, if that is so."""
        if self.lists >= LISTS:
            return None
        return f"Needs reference lists of at least {LISTS} papers; stored: {self.lists}. Import references."


def citations(db: sqlite3.Connection) -> Citations:
    """Return all citations."""
    papers = db.execute(
        "SELECT pk, slug, year FROM paper WHERE pk IN (SELECT citing FROM citation UNION SELECT cited FROM citation) "
        "ORDER BY slug"
    ).fetchall()
    place = {row["pk"]: at for at, row in enumerate(papers)}
    edges = sorted((place[row[0]], place[row[1]]) for row in db.execute("SELECT citing, cited FROM citation"))
    facts = json.dumps([[[row["slug"], row["year"]] for row in papers], edges])
    ends = np.array(edges, np.int64).reshape(-1, 2)
    return Citations(
        np.array([row["pk"] for row in papers], np.int64),
        np.array([np.nan if row["year"] is None else row["year"] for row in papers], np.float64),
        ends[:, 0],
        ends[:, 1],
        int(np.count_nonzero(np.bincount(ends[:, 0]) >= _LIST)) if len(ends) else 0,
        hashlib.sha256(facts.encode()).hexdigest(),
    )


def hashed(db: sqlite3.Connection) -> str:
    """Return the SHA-256 of what the space of citations is computed from."""
    return citations(db).corpus


def matrix(db: sqlite3.Connection) -> Sparse:
    """Return the matrix that is factored."""
    return scaled(citations(db))


def compute(db: sqlite3.Connection) -> Made:
    """Compute the space of the citations as they are; with too few, only why not."""
    known = citations(db)
    params: dict[str, Any] = {"rank": RANK, "tol": TOL}
    counts: dict[str, Any] = {"lists": known.lists, "edges": len(known.citing), "refused": known.refusal}
    if known.refusal is not None:
        return Made("citations", params, known.corpus, SEED, {}, counts, {})
    with one_blas_thread:
        found = factors(scaled(known), RANK)
    kept = {"papers": known.papers, "X": found.X, "Y": found.Y}
    return Made("citations", params, known.corpus, SEED, found.certificate, found.metrics | counts, kept)


def scaled(known: Citations) -> Sparse:
    """Return the matrix citing × cited with entries 1/√(references of the one · citations of the other)."""
    from scipy.sparse import csr_array

    n = len(known.papers)
    out, into = np.bincount(known.citing, minlength=n), np.bincount(known.cited, minlength=n)
    values = 1.0 / np.sqrt(out[known.citing] * into[known.cited])
    return csr_array((values, (known.citing, known.cited)), shape=(n, n))


@dataclass(frozen=True, eq=False)
class CitationSpace:
    """The space of citations as it is stored: X of what papers cite, Y scaled alike of what cites them."""

    run: Run
    papers: Ints
    X: Floats
    Y: Floats
    row: dict[int, int] = field(repr=False)

    @classmethod
    def of(cls, run: Run, parts: dict[str, Any]) -> CitationSpace | None:
        """Put together what was stored; None where there was too little to compute anything."""
        if run.metrics["refused"] is not None:
            return None
        X, Y, papers = parts["X"], parts["Y"], parts["papers"]
        row = {pk: row for row, pk in enumerate(papers.tolist())}
        return cls(run, papers, X, Y * np.linalg.norm(X, axis=0), row)

    def cosines(self, pk: int, k: int) -> Floats:
        """Return the cosine between a paper and every other: of what they cite and of what cites them, together."""
        X, Y, row = self.X[:, :k], self.Y[:, :k], self.row[pk]
        sizes = np.sqrt(np.square(X).sum(axis=1) + np.square(Y).sum(axis=1))
        sizes = sizes * sizes[row]
        return np.divide(X @ X[row] + Y @ Y[row], sizes, out=np.zeros_like(sizes), where=sizes > 1e-9)


def citation_space(db: sqlite3.Connection) -> CitationSpace | None:
    """Return the stored space of citations; None if there is none."""
    return held(db, "citations", CitationSpace.of)
