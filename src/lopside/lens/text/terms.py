"""Key terms of a text: each once, under one spelling, weighed by how much it tells this paper from the others."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lopside.lens.text.tex import words_of
from lopside.lens.text.words import BREAK, HOLLOW, STOP, TOKEN, word_key

_LONGEST = 3
"""Words of a phrase."""

_TITLE = 2
"""Times that the title counts."""

_LENGTH = 0.35
"""By what share a further word makes a phrase weigh more."""


class Term(NamedTuple):
    """A key term of one paper.

    Attributes
    ----------
    key : str
        One form for all spellings.
    text : str
        The spelling that is most frequent in the paper.
    times : int
        How often it stands there, the title counted once.
    df : int
        In how many papers.
    score : float
        In (0, 1]; over all terms of the paper, the squares add up to 1.
    """

    key: str
    text: str
    times: int
    df: int
    score: float


class Counted(NamedTuple):
    """Phrases of one paper.

    Attributes
    ----------
    weight : Counter
        Key to how often, the title's twice.
    times : Counter
        Key to how often.
    spelled : mapping of Counter
        Key to its spellings.
    """

    weight: Counter[str]
    times: Counter[str]
    spelled: Mapping[str, Counter[str]]


def counted(title: str, body: str) -> Counted:
    """Return the phrases of up to three words in a title and a text; formulas are no words.

    No phrase crosses the end of a clause, a formula or a word such as "the", and none begins or ends with a word that
    says nothing.
    """
    weight: Counter[str] = Counter()
    count: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for text, times in ((title, _TITLE), (body, 1)):
        for key, phrase in _phrases(words_of(text)):
            weight[key] += times
            count[key] += 1
            spelled[key][phrase] += 1
    return Counted(weight, count, spelled)


def _phrases(prose: str) -> Iterable[tuple[str, str]]:
    """Yield the phrases that say something: as they are compared, and as they are written."""
    for clause in BREAK.split(prose):
        words = TOKEN.findall(clause)
        keys = [word_key(word) for word in words]
        empty = [key in STOP or len(key) < 2 or key.isdecimal() for key in keys]
        for i in range(len(words)):
            if keys[i] in HOLLOW:
                continue
            for j in range(i, min(i + _LONGEST, len(words))):
                if empty[j]:
                    break
                if keys[j] not in HOLLOW and (j > i or len(keys[j]) > 2):
                    yield " ".join(keys[i : j + 1]), " ".join(words[i : j + 1])


def key_terms(paper: Counted, df: Mapping[str, int], papers: int, most: int = 10) -> list[Term]:
    """Return the terms that tell a paper from the others, the weightiest first.

    (1 + log tf)·(1 + log((1 + N)/(1 + df)))·(1 + 0.35·(words − 1)). A term that is part of a longer one which is listed
    goes into that; so each word is there where it says most.

    Parameters
    ----------
    paper : Counted
    df : mapping
        Key to the number of papers in which it is, this one included.
    papers : int
        N.
    most : int
        Terms that are wanted.
    """
    scored = sorted(
        ((weight_of(key, tf, df.get(key, 1), papers), key) for key, tf in paper.weight.items()), reverse=True
    )
    kept: list[tuple[float, str]] = []
    for score, key in scored:
        if len(kept) >= most:
            break
        if not any(same_words(key, other) for _, other in kept):
            kept.append((score, key))
    size = math.sqrt(math.fsum(score * score for score, _ in kept)) or 1.0
    return [
        Term(key, _spelling(paper.spelled[key]), paper.times[key], df.get(key, 1), score / size) for score, key in kept
    ]


def weight_of(key: str, tf: int, df: int, papers: int) -> float:
    """Return how much a term that is `tf` times in a paper, and in `df` of all papers, tells of it."""
    words = key.count(" ") + 1
    return (1.0 + math.log(tf)) * (1.0 + math.log((1 + papers) / (1 + df))) * (1.0 + _LENGTH * (words - 1))


def same_words(one: str, other: str) -> bool:
    """Say whether one of two terms is part of the other, or both are windows on the same longer phrase."""
    return _within(one, other) or _within(other, one) or _alike(one, other)


def _within(part: str, whole: str) -> bool:
    return f" {part} " in f" {whole} " or f"-{part} " in f"{whole} " or f" {part}-" in f" {whole}"


def _alike(one: str, other: str) -> bool:
    """Say whether two phrases overlap in all words but one, as windows on the same longer phrase do."""
    a, b = one.split(), other.split()
    return len(a) > 1 and len(b) > 1 and len(set(a) & set(b)) >= min(len(a), len(b)) - (len(a) == len(b) == _LONGEST)


def _spelling(spellings: Counter[str]) -> str:
    """Return the most frequent spelling; of several, one in small letters."""
    return min(spellings, key=lambda text: (-spellings[text], sum(map(str.isupper, text)), text))
