"""Topics: the factors turned so that each paper stands near one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lopside.lens.space.arrays import Floats, Ints
from lopside.lens.text.terms import same_words

FEWEST, MOST = 6, 20

_TRIED = 60
"""Leading terms among which a name is looked for."""


class Topics(NamedTuple):
    """Groups of papers.

    Attributes
    ----------
    of : ndarray of int
        The topic of each paper; −1 for papers without terms.
    terms : list of list of str
        Three leading terms of each topic that lead no other; the largest topic first.
    """

    of: Ints
    terms: list[list[str]]

    @property
    def names(self) -> list[str]:
        """What topics are called."""
        return [" · ".join(terms) or f"topic {place + 1}" for place, terms in enumerate(self.terms)]


def usual_number(papers: int) -> int:
    """Return how many topics are looked for among so many papers: √(papers/2), from 6 to 20."""
    return int(np.clip(round(np.sqrt(papers / 2)), FEWEST, MOST))


def topics(X: Floats, Y: Floats, spelled: Sequence[str], count: int) -> Topics:
    """Find topics in factors by varimax [Kai58]; those that no paper is nearest to fall away.

    Parameters
    ----------
    X, Y : ndarray
        Factors of papers × terms, of which the leading `count` columns are used.
    spelled : sequence of str
        The terms.
    count : int
    """
    X, Y = X[:, :count].astype(np.float64), Y[:, :count].astype(np.float64)
    size = np.linalg.norm(X, axis=1)
    told = size > 1e-6
    if not told.any():
        return Topics(np.full(len(X), -1), [])
    unit = X[told] / size[told, None]
    turned = unit @ varimax(unit)
    turned *= np.where((turned**3).sum(axis=0) < 0, -1.0, 1.0)
    nearest = np.argmax(turned, axis=1)
    found, members = np.unique(nearest, return_counts=True)
    order = found[np.argsort(-members, kind="stable")]
    place = np.full(X.shape[1], -1)
    place[order] = np.arange(len(order))
    of = np.full(len(X), -1)
    of[told] = place[nearest]
    centres = np.stack([X[of == topic].mean(axis=0) for topic in range(len(order))])
    return Topics(of, _leading((Y @ centres.T).T, spelled))


def varimax(L: Floats, rounds: int = 200) -> Floats:
    """Return the rotation R for which the squares of L R vary most within columns."""
    R, before = np.eye(L.shape[1]), 0.0
    for _ in range(rounds):
        turned = L @ R
        U, s, Vt = np.linalg.svd(L.T @ (turned**3 - turned * np.mean(turned**2, axis=0)))
        R = U @ Vt
        if s.sum() <= before * (1.0 + 1e-9):
            break
        before = s.sum()
    return R


def _leading(scores: Floats, spelled: Sequence[str]) -> list[list[str]]:
    """Return three terms for each topic, each of which is weightier there than in any other topic."""
    first = np.argmax(scores, axis=0)
    found = []
    for topic, row in enumerate(scores):
        others = np.delete(scores, topic, axis=0).max(axis=0, initial=0.0)
        order = np.argsort(others - row, kind="stable")[:_TRIED]
        chosen: list[str] = []
        for term in order:
            word = spelled[int(term)]
            fits = len(chosen) < 3 and first[term] == topic and row[term] > 0
            if fits and not any(same_words(word.lower(), other.lower()) for other in chosen):
                chosen.append(word)
        found.append(chosen)
    return found
