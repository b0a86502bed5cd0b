"""Citations that are perhaps missing, by matrix completion; and how often that is right."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lopside.lens.space import citations as cites
from lopside.lens.space import runs, text
from lopside.lens.space.arrays import Floats, Ints, Sparse
from lopside.lens.space.citations import Citations, citations
from lopside.lens.space.factors import SEED
from lopside.lens.space.runs import Made
from lopside.threads import one_blas_thread

HIDDEN = 0.1
"""Share of the citations that are hidden to see whether they are found again."""

NEAR = 20
"""Guesses among which a hidden citation is looked for."""

EDGES = 3
"""Citations that both papers of a guess have."""

GUESSES = 5
"""Kept for each citing paper."""

PARAMS = {"rank": 24, "ridge": 1.0, "unknown": 20, "unknown_weight": 0.05, "steps": 15}
"""Of the completion: for each citation `unknown` pairs that are none, with a small weight."""

_LOOKED_FOR = 1000
"""Hidden citations that are looked for."""

_ROWS = 200
"""Papers that are scored against all at once."""


def hashed(db: sqlite3.Connection) -> str:
    """Return the SHA-256 of what links are computed from: citations, and texts to compare with."""
    return hashlib.sha256((cites.hashed(db) + text.hashed(db)).encode()).hexdigest()


def compute(db: sqlite3.Connection) -> Made:
    """Complete the matrix of citations as they are, and measure it; with too few, say only why not."""
    known = citations(db)
    facts: dict[str, Any] = {"lists": known.lists, "edges": len(known.citing), "refused": known.refusal}
    params: dict[str, Any] = {**PARAMS, "hidden": HIDDEN, "near": NEAR}
    if known.refusal is not None:
        return Made("links", params, hashed(db), SEED, {}, facts, {})
    with one_blas_thread:
        rates = _hit_rates(known, _texts(db, known))
        best, mine, popular = _best_other(rates), rates["completion"], rates["popularity"]
        beats = all(mine[measure] > popular[measure] for measure in ("recall", "mrr"))
        facts |= {"rates": rates, "best_other": best, "shown": beats}
        guesses = _guesses(known) if beats else []
    return Made("links", params, hashed(db), SEED, {}, facts, {"guesses": guesses})


def _best_other(rates: dict[str, dict[str, float]]) -> str:
    return max((name for name in rates if name != "completion"), key=lambda name: rates[name]["mrr"])


def _texts(db: sqlite3.Connection, known: Citations) -> Floats | None:
    """Return the papers' points in the space of texts, of length 1."""
    space = text.text_space(db)
    if space is None:
        return None
    X = space.X[:, : space.rank(None)].astype(np.float64)
    X = np.vstack([X, np.zeros(X.shape[1])])[[space.row.get(pk, -1) for pk in known.papers.tolist()]]
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)


class Fit(NamedTuple):
    """Scores of pairs: X Yᵀ."""

    X: Floats
    Y: Floats


def complete(n: int, citing: Ints, cited: Ints, seed: int = SEED) -> Fit:
    """Fit citations as ones, and a sample of all other pairs as zeros of small weight."""
    import lopside as lo

    rng = np.random.default_rng((seed, 1))
    wanted = min(PARAMS["unknown"] * len(citing), n * n // 2)
    other = np.unique(rng.integers(n * n, size=int(wanted)))
    other = other[(other // n != other % n) & ~np.isin(other, citing * n + cited)]
    rows, columns = np.concatenate([citing, other // n]), np.concatenate([cited, other % n])
    values = np.concatenate([np.ones(len(citing)), np.zeros(len(other))])
    weights = np.where(values > 0, 1.0, PARAMS["unknown_weight"])
    problem = lo.Completion(rows, columns, values, shape=(n, n), weights=weights, ridge=PARAMS["ridge"])
    rank = min(int(PARAMS["rank"]), n)
    found = lo.solve(problem, rank=rank, stop=lo.Stop(max_steps=int(PARAMS["steps"])), rng=seed)
    X, Y = np.zeros((n, rank)), np.zeros((n, rank))
    X[: len(found.X)], Y[: len(found.Y)] = found.X, found.Y
    return Fit(X, Y)


def _hit_rates(known: Citations, texts: Floats | None) -> dict[str, dict[str, float]]:
    n, rng = len(known.papers), np.random.default_rng((SEED, 2))
    hidden = rng.permutation(len(known.citing))[: max(1, round(HIDDEN * len(known.citing)))]
    left = np.delete(np.arange(len(known.citing)), hidden)
    hidden = hidden[:_LOOKED_FOR]
    seen = known._replace(citing=known.citing[left], cited=known.cited[left])
    fit = complete(n, seen.citing, seen.cited)
    ways = _others(seen, texts) | {"completion": lambda rows: fit.X[rows] @ fit.Y.T}
    ranks: dict[str, list[Floats]] = {name: [] for name in ways}
    order = hidden[np.argsort(known.citing[hidden], kind="stable")]
    for begin in range(0, len(order), _ROWS):
        rows, targets = known.citing[order[begin : begin + _ROWS]], known.cited[order[begin : begin + _ROWS]]
        free = _allowed(known, rows) & ~_among(seen, rows)
        free[np.arange(len(rows)), targets] = True
        for name, scores in ways.items():
            ranks[name].append(_ranks(scores(rows), targets, free))
    found = {name: np.concatenate(parts) for name, parts in ranks.items()}
    return {
        name: {"recall": float(np.mean(rank <= NEAR)), "mrr": float(np.mean(1.0 / rank))}
        for name, rank in found.items()
    }


def _others(seen: Citations, texts: Floats | None) -> dict[str, Callable[[Ints], Floats]]:
    """Return what completion is compared with: the scores of all papers for those that cite."""
    n = len(seen.papers)
    both = _linked(seen)
    degree = both.sum(axis=1)
    rarity = np.where(degree > 1, 1.0 / np.log(np.maximum(degree, 2)), 0.0)
    weighed = (both * rarity[None, :]).tocsr()
    popular = np.bincount(seen.cited, minlength=n).astype(np.float64)
    ways: dict[str, Callable[[Ints], Floats]] = {
        "popularity": lambda rows: np.tile(popular, (len(rows), 1)),
        "common neighbours": lambda rows: (both[rows] @ both).toarray(),
        "Adamic–Adar": lambda rows: (weighed[rows] @ both).toarray(),
    }
    if texts is not None:
        ways["text"] = lambda rows: texts[rows] @ texts.T
    return ways


def _cited(known: Citations) -> Sparse:
    """Return the matrix citing × cited of ones."""
    from scipy.sparse import csr_array

    n = len(known.papers)
    return csr_array((np.ones(len(known.citing)), (known.citing, known.cited)), shape=(n, n))


def _linked(known: Citations) -> Sparse:
    """Return the matrix of ones where one of two papers cites the other."""
    A = _cited(known)
    return ((A + A.T) > 0).astype(np.float64).tocsr()


def _allowed(known: Citations, rows: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which papers each may cite: others, and none that is more than a year younger."""
    allowed = ~(known.years[None, :] > known.years[rows, None] + 1.0)
    allowed[np.arange(len(rows)), rows] = False
    return allowed


def _among(known: Citations, rows: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return _cited(known)[rows].toarray() > 0


def _ranks(scores: Floats, targets: Ints, free: np.ndarray[Any, np.dtype[np.bool_]]) -> Floats:
    """Return the rank of each target among what is free; of those that score the same, the middle."""
    own = scores[np.arange(len(targets)), targets][:, None]
    above = np.sum((scores > own) & free, axis=1)
    same = np.sum((scores == own) & free, axis=1)
    return above + 0.5 * (same + 1)


def _guesses(known: Citations) -> list[list[float]]:
    n = len(known.papers)
    fit = complete(n, known.citing, known.cited)
    both = _linked(known)
    enough = np.diff(both.indptr) >= EDGES
    found = []
    for begin in range(0, n, _ROWS):
        rows = np.arange(begin, min(begin + _ROWS, n))
        free = _allowed(known, rows) & (both[rows].toarray() == 0) & enough[None, :] & enough[rows, None]
        common = (both[rows] @ both).toarray()
        scores = np.where(free & (common > 0), fit.X[rows] @ fit.Y.T, -1.0)
        for place, row in enumerate(rows):
            lead = np.argsort(-scores[place], kind="stable")[:GUESSES]
            found += [
                [int(known.papers[row]), int(known.papers[at]), float(scores[place, at]), int(common[place, at])]
                for at in lead
                if scores[place, at] > 0
            ]
    return found


def keep_guesses(db: sqlite3.Connection, made: Made) -> None:
    """Store guesses where the pages look for them, with the run of links that is the newest."""
    (pk,) = db.execute("SELECT pk FROM run WHERE kind = 'links'").fetchone()
    db.executemany(
        "INSERT OR IGNORE INTO link_guess VALUES (?, ?, ?, ?, ?)",
        ((*guess, pk) for guess in made.parts.get("guesses", ())),
    )


class Guesses(NamedTuple):
    """What is perhaps missing at a paper.

    Attributes
    ----------
    rows : list of Row
        slug, title, year, authors, degree, relation, score, common; the likeliest first.
    run : runs.Run
        With the hit rates.
    """

    rows: list[sqlite3.Row]
    run: runs.Run


def guesses_of(db: sqlite3.Connection, pk: int, most: int = GUESSES) -> Guesses | None:
    """Return the citations of and to a paper that are perhaps missing; None as long as nothing is computed."""
    run = runs.current(db, "links")
    return None if run is None else Guesses(list(_rows(db, pk))[:most], run)


def _rows(db: sqlite3.Connection, pk: int) -> Iterator[sqlite3.Row]:
    yield from db.execute(
        "SELECT paper.pk, slug, title, year, relation, max(score) AS score, common, "
        "(SELECT count(*) FROM citation WHERE citing = paper.pk OR cited = paper.pk) AS degree, "
        "(SELECT group_concat(printed, ' · ') FROM "
        " (SELECT printed FROM authorship WHERE paper = paper.pk ORDER BY place)) AS authors FROM "
        "(SELECT cited AS pk, 'perhaps cited here' AS relation, score, common FROM link_guess WHERE citing = :pk "
        " UNION ALL SELECT citing, 'perhaps cites this', score, common FROM link_guess WHERE cited = :pk) "
        "JOIN paper USING (pk) GROUP BY pk ORDER BY score DESC, slug",
        {"pk": pk},
    )
