"""The sentence of an abstract that says most: where it stands, never rewritten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lopside.lens.text.tex import Piece, pieces
from lopside.lens.text.words import TOKEN, word_key

_END = re.compile(r"[.!?][\"”’')\]]*\s+(?=[\"“‘(\[]?[A-Z0-9])")
_SHORT = re.compile(r"(?:\b(?:e\.g|i\.e|cf|et al|resp|vs|Fig|Eq|Thm|Sec|Prop|Dr|St|w\.r\.t|a\.k\.a)|\b[A-Z])\.$")
_FORMULA = "\u2060"
"""Stands for a formula while sentences are looked for; no text has it, for it is taken out of the prose."""

_CLAIMS = (
    (re.compile(r"\b(first|only) (\w+ )?(proof|result|algorithm|guarantee|polynomial|analysis)", re.IGNORECASE), 3.0),
    (re.compile(r"\bwe (show|prove|establish|provide|demonstrate|find|give)\b", re.IGNORECASE), 2.0),
    (re.compile(r"\b(this|our) (paper|work|result)s? (proves?|shows?|presents?|establish)", re.IGNORECASE), 2.0),
    (
        re.compile(r"\b(converges?|convergence|suffices?|guarantees?|achieves?|optimal|polynomial)\b", re.IGNORECASE),
        0.7,
    ),
)
"""What a claim is made with, and how much that weighs."""

_PLAIN_LENGTH = 45
"""Words beyond which a sentence weighs less."""


class Sentence(NamedTuple):
    """A sentence as it stands: `text[start:stop]`."""

    start: int
    stop: int
    words: str


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of a text in which formulas are single words."""
    shown, origin = _flattened(pieces(text))
    found, begin = [], 0
    ends = [end.end() for end in _END.finditer(shown) if not _SHORT.search(shown[: end.start() + 1][-12:])]
    for end in [*ends, len(shown)]:
        if words := shown[begin:end].strip():
            first = begin + len(shown[begin:end]) - len(shown[begin:end].lstrip())
            found.append(Sentence(origin[first], origin[first + len(words) - 1] + 1, words))
        begin = end
    return found


def _flattened(parts: Sequence[Piece]) -> tuple[str, list[int]]:
    """Return the sources with each formula as one character, and where each character comes from.

    The last character of a formula is where it ends, so that a sentence that ends with one has it whole.
    """
    shown, origin, at = [], [], 0
    for part in parts:
        if part.kind == "prose":
            shown.append(part.source.replace(_FORMULA, " "))
            origin += range(at, at + len(part.source))
        else:
            shown.append(_FORMULA * 2)
            origin += [at, at + len(part.source) - 1]
        at += len(part.source)
    return "".join(shown), origin


def in_short(text: str, terms: Sequence[str]) -> Sentence | None:
    """Return the sentence that claims most about a paper's terms; None for an empty text.

    Parameters
    ----------
    text : str
        An abstract.
    terms : sequence of str
        Keys of its key terms, the weightiest first.
    """
    scored = [(_score(sentence, terms), -place, sentence) for place, sentence in enumerate(sentences(text))]
    return max(scored)[2] if scored else None


def _score(sentence: Sentence, terms: Sequence[str]) -> float:
    words = TOKEN.findall(sentence.words)
    keys = f" {' '.join(map(word_key, words))} "
    covered = sum(1.0 / (place + 2) for place, term in enumerate(terms) if f" {term} " in keys)
    claims = sum(weight for cue, weight in _CLAIMS if cue.search(sentence.words))
    length = len(words) + sentence.words.count(_FORMULA) // 2
    return 2.0 * covered + claims - max(0, length - _PLAIN_LENGTH) / 15.0 - (2.0 if length < 6 else 0.0)
