"""Papers × terms: the matrix that everything about texts is computed from."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lopside.lens.space.arrays import Floats, Ints, Sparse
from lopside.lens.text.terms import Counted, counted, weight_of

MOST = 50_000
"""Terms at most; if there are more, those in few papers are left out."""


class TermMatrix(NamedTuple):
    """The weights of the terms in the papers.

    Attributes
    ----------
    A : csr_array (papers × terms)
        Each row of norm 1, or 0 where a paper has no term that another one has.
    papers : ndarray of int
        The key of each row's paper; sorted by slug.
    keys, spelled : list of str
        What the columns are called, in the form for comparing and in the one for reading.
    df : ndarray of int
        In how many papers each term is.
    least : int
        The fewest papers that a term is in.
    titles_only : int
        Papers of which only the title is known.
    corpus : str
        SHA-256 of the titles and texts.
    """

    A: Sparse
    papers: Ints
    keys: list[str]
    spelled: list[str]
    df: Ints
    least: int
    titles_only: int
    corpus: str


def texts(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return pk, slug, title and text of all papers, sorted by slug."""
    return db.execute(
        "SELECT pk, slug, title, coalesce(abstract, digest, '') AS text FROM paper ORDER BY slug"
    ).fetchall()


def corpus_hash(rows: Sequence[sqlite3.Row]) -> str:
    """Return the SHA-256 of what the papers say."""
    made = hashlib.sha256()
    for row in rows:
        made.update(json.dumps([row["slug"], row["title"], row["text"]]).encode())
    return made.hexdigest()


def term_matrix(rows: Sequence[sqlite3.Row]) -> TermMatrix:
    """Weigh the terms that are in at least two papers, as key terms are weighed."""
    numbers: dict[str, int] = {}
    spelled: list[str] = []
    found: list[tuple[Ints, Ints]] = []
    for row in rows:
        one = counted(row["title"], row["text"])
        at = [numbers.setdefault(key, len(numbers)) for key in one.weight]
        spelled += [""] * (len(numbers) - len(spelled))
        for number, key in zip(at, one.weight, strict=True):
            if not spelled[number].islower():
                spelled[number] = _readable(spelled[number], one, key)
        found.append((np.array(at, np.int64), np.fromiter(one.weight.values(), np.int64, len(at))))
    df = np.bincount(np.concatenate([np.zeros(0, np.int64), *(at for at, _ in found)]), minlength=len(numbers))
    least = 2
    while np.count_nonzero(df >= least) > MOST:
        least += 1
    names = list(numbers)
    kept = sorted((number for number in range(len(names)) if df[number] >= least), key=names.__getitem__)
    column = np.full(len(names), -1)
    column[kept] = np.arange(len(kept))
    return TermMatrix(
        _weighed(found, column, names, df),
        np.array([row["pk"] for row in rows], np.int64),
        [names[number] for number in kept],
        [spelled[number] for number in kept],
        df[kept].astype(np.int64),
        least,
        sum(not row["text"] for row in rows),
        corpus_hash(rows),
    )


def _readable(known: str, one: Counted, key: str) -> str:
    """Return the spelling with the fewest capitals: titles have them everywhere."""
    spellings = (*one.spelled[key], known) if known else one.spelled[key]
    return min(spellings, key=lambda text: (sum(map(str.isupper, text)), text))


def _weighed(found: Sequence[tuple[Ints, Ints]], column: Ints, names: list[str], df: Ints) -> Sparse:
    from scipy.sparse import csr_array

    starts, columns, values = [0], [], []
    for at, times in found:
        inside = column[at] >= 0
        weights = np.array(
            [
                weight_of(names[number], int(tf), int(df[number]), len(found))
                for number, tf in zip(at[inside], times[inside], strict=True)
            ]
        )
        columns.append(column[at[inside]])
        values.append(weights / (np.linalg.norm(weights) or 1.0))
        starts.append(starts[-1] + len(weights))
    shape = (len(found), int(np.count_nonzero(column >= 0)))
    nothing = np.zeros(0)
    A = csr_array(
        (np.concatenate([nothing, *values]), np.concatenate([nothing.astype(np.int64), *columns]), np.array(starts)),
        shape=shape,
    )
    A.sort_indices()
    return A


def folded_query(asked: str, keys: dict[str, int], df: Ints, papers: int) -> tuple[Ints, Floats]:
    """Return the columns of the terms in a query, and their weights, of norm 1."""
    one = counted("", asked)
    known = {keys[key]: weight_of(key, tf, int(df[keys[key]]), papers) for key, tf in one.weight.items() if key in keys}
    weights = np.array(list(known.values()), np.float64)
    return np.array(list(known), np.int64), weights / (np.linalg.norm(weights) or 1.0)
