"""A library as large as a reader's may become, of papers that nobody wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lopside.lens.store import papers
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill

HUBS = 40
"""Papers with many citations, in both directions."""


def build(path: Path, count: int = 5_000, *, edges: int = 150, seed: int = 0) -> list[str]:
    """Make the library, the built-in papers among the others, and return the slugs of those with most citations."""
    rng = np.random.default_rng(seed)
    words = _words(rng, 4_000)
    weights = 1.0 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    drawn = rng.choice(len(words), size=(count, 130), p=weights)
    people = rng.integers(0, count // 2, size=(count, 3))
    years = rng.integers(1990, 2026, size=count)
    store = Library(path, fill)
    try:
        with store.writing() as db:
            keys = [
                papers.put(db, _facts(words, drawn[k], people[k], int(years[k]), k), source="nobody")
                for k in range(count)
            ]
            pairs = rng.integers(0, count, size=(10 * count, 2))
            hubs = rng.integers(0, count, size=(HUBS, edges))
            several = [(hub, int(other)) for hub, others in enumerate(hubs) for other in others]
            for k, (one, other) in enumerate([*map(tuple, pairs), *several, *((b, a) for a, b in several[::3])]):
                papers.cite(db, keys[one], keys[other], source=f"nobody {k % 3}")
            terms = rng.choice(len(words), size=(count, papers.TERMS), p=weights)
            db.executemany(
                "INSERT INTO term VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (pk, place, words[word], words[word], 1, 10, 1.0 / (place + 1))
                    for pk, row in zip(keys, terms, strict=True)
                    for place, word in enumerate(row)
                ),
            )
            return [slug for (slug,) in db.execute(f"SELECT slug FROM paper WHERE pk IN ({_marks(HUBS)})", keys[:HUBS])]
    finally:
        store.close()


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _words(rng: np.random.Generator, count: int) -> list[str]:
    letters = np.array(list("aeioulnrstmdcpbg"))
    made = {"".join(rng.choice(letters, size=size)) for size in rng.integers(4, 10, size=2 * count)}
    return ["gradient", "matrix", "convergence", *sorted(made)][:count]


def _facts(words: list[str], drawn: np.ndarray, people: np.ndarray, year: int, k: int) -> dict[str, object]:
    text = " ".join(words[word] for word in drawn)
    return {
        "title": " ".join(words[word] for word in drawn[:9]).capitalize(),
        "abstract": f"{text[:400]}. We show that $x_{{{k}}} \\leq \\frac{{1}}{{{k + 1}}}$ holds. {text[400:]}.",
        "authors": [f"Ada {words[person % len(words)].capitalize()} {person}" for person in people],
        "year": year,
        "published": f"{year}-03-0{k % 9 + 1}",
        "ids": {"arxiv": f"{year % 100:02d}03.{k:05d}"},
        "categories": ["math.OC", "cs.LG"][: k % 3],
        "licence": "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
    }
