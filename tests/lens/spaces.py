"""Libraries whose contents are known: the built-in papers, and planted ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lopside.lens.store import papers
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill


def built_in(path: Path) -> Library:
    return Library(path, fill)


def of_papers(path: Path, facts: Iterable[dict[str, Any]]) -> Library:
    store = Library(path)
    with store.writing() as db:
        for one in facts:
            papers.put(db, {"authors": ["A. Nyone"], **one}, source="test")
    return store


def planted(path: Path, *, groups: int = 6, each: int = 60, seed: int = 3) -> Library:
    """Return a library of groups with words of their own, that cite within the group, some papers more than others."""
    rng = np.random.default_rng(seed)
    words = [
        [f"w{chr(97 + group)}{chr(97 + i // 26)}{chr(97 + i % 26)}o" for i in range(40)] for group in range(groups)
    ]
    store = Library(path)
    with store.writing() as db:
        keys: list[list[int]] = []
        for group in range(groups):
            keys.append([])
            for number in range(each):
                title = " the ".join(rng.choice(words[group], 5))
                facts = {
                    "title": title,
                    "slug": f"g{group}-p{number:03}",
                    "year": 1990 + number // 2,
                    "authors": ["B. Ody"],
                }
                keys[-1].append(papers.put(db, facts, source="test"))
        for members in keys:
            pull = rng.pareto(1.5, each) + 0.2
            for number in range(8, each):
                chance = pull[:number] / pull[:number].sum()
                for other in rng.choice(number, min(6, number), replace=False, p=chance):
                    papers.cite(db, members[number], members[int(other)], source="test")
    return store
