"""Key terms of a text: each once, under one spelling, weighed by how much it tells this paper from the others."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
        for phrase in _phrases(words_of(text)):
            key = " ".join(map(word_key, phrase))
            weight[key] += times
            count[key] += 1
            spelled[key][" ".join(phrase)] += 1
    return Counted(weight, count, spelled)


def _phrases(prose: str) -> Iterable[tuple[str, ...]]:
    for clause in BREAK.split(prose):
        words = TOKEN.findall(clause)
        keys = [word_key(word) for word in words]
        for i in range(len(words)):
            for size in range(1, min(_LONGEST, len(words) - i) + 1):
                inside = keys[i : i + size]
                if _says_something(inside):
                    yield tuple(words[i : i + size])


def _says_something(keys: Sequence[str]) -> bool:
    if any(key in STOP or len(key) < 2 or key.isdecimal() for key in keys):
        return False
    return keys[0] not in HOLLOW and keys[-1] not in HOLLOW and (len(keys) > 1 or len(keys[0]) > 2)


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
    scored = sorted(((_score(key, tf, df.get(key, 1), papers), key) for key, tf in paper.weight.items()), reverse=True)
    kept: list[tuple[float, str]] = []
    for score, key in scored:
        if len(kept) >= most:
            break
        if not any(_within(key, other) or _within(other, key) or _alike(key, other) for _, other in kept):
            kept.append((score, key))
    size = math.sqrt(math.fsum(score * score for score, _ in kept)) or 1.0
    return [
        Term(key, _spelling(paper.spelled[key]), paper.times[key], df.get(key, 1), score / size) for score, key in kept
    ]


def _score(key: str, tf: int, df: int, papers: int) -> float:
    words = key.count(" ") + 1
    return (1.0 + math.log(tf)) * (1.0 + math.log((1 + papers) / (1 + df))) * (1.0 + _LENGTH * (words - 1))


def _within(part: str, whole: str) -> bool:
    return f" {part} " in f" {whole} " or f"-{part} " in f"{whole} " or f" {part}-" in f" {whole}"


def _alike(one: str, other: str) -> bool:
    """Say whether two phrases overlap in all words but one, as windows on the same longer phrase do."""
    a, b = one.split(), other.split()
    return len(a) > 1 and len(b) > 1 and len(set(a) & set(b)) >= min(len(a), len(b)) - (len(a) == len(b) == _LONGEST)


def _spelling(spellings: Counter[str]) -> str:
    """Return the most frequent spelling; of several, one in small letters."""
    return min(spellings, key=lambda text: (-spellings[text], sum(map(str.isupper, text)), text))
