"""Words as they are counted: one form for all spellings of a word, and those that say nothing."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

TOKEN = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*")
"""A word or a number; hyphens stay, so that rank-1 is one word."""

BREAK = re.compile(r"[^\w\s'’-]|_|\s['’-]|['’-]\s")
"""Where a clause ends, and a formula stands."""


def _listed(name: str) -> frozenset[str]:
    return frozenset(files("lopside.lens.text").joinpath(name).read_text("utf-8").split())


STOP = _listed("stop.txt")
"""Words that no phrase begins or ends with."""

HOLLOW = _listed("hollow.txt")
"""Words that say nothing in a paper about its subject; a phrase is more than one of them."""

_VARIANTS = ((re.compile(r"parametri([sz])"), r"parameteri\1"), (re.compile(r"^hyper-parameter"), "hyperparameter"))
_JOINED = re.compile(r"^(non|over|under|pre|re|semi|sub|super|multi|un|co|anti|quasi)-(?=[^\W\d_]{4})")
_IZED = re.compile(
    r"(factor|general|regular|normal|minim|maxim|optim|parameter|initial|random|linear|local|quant|symmetr|stabil|penal|"
    r"emphas|character|formal|diagonal|organ|real|special|summar|util|vector|polar|discret|orthogonal|vectori|ideal|global)"
    r"i?is(?=(?:e|ed|er|ers|es|ing|ation|ations)$)"
)
_KEPT = frozenset(
    {"analysis", "bias", "basis", "lens", "series", "species", "means", "various", "less", "loss", "chaos"}
)


@lru_cache(maxsize=1 << 16)
def word_key(word: str) -> str:
    """Return the form that stands for all spellings of a word.

    >>> [
    ...     word_key(word)
    ...     for word in ("Non-convex", "over-parametrized", "factorisations", "matrices", "analyses", "loss")
    ... ]
    ['nonconvex', 'overparameterized', 'factorization', 'matrix', 'analysis', 'loss']
    """
    key = word.lower().replace("’", "'").removesuffix("'s")
    key = _JOINED.sub(r"\1", key)
    for pattern, shown in _VARIANTS:
        key = pattern.sub(shown, key)
    return _singular(_IZED.sub(r"\1iz", key))


def _singular(key: str) -> str:
    if len(key) < 4 or key in _KEPT or key.endswith(("ss", "us", "is")):
        return key
    for plural, single in (
        ("matrices", "matrix"),
        ("vertices", "vertex"),
        ("indices", "index"),
        ("analyses", "analysis"),
    ):
        if key.endswith(plural):
            return key.removesuffix(plural) + single
    if key.endswith("ies") and len(key) > 5:
        return key[:-3] + "y"
    if key.endswith(("sses", "ches", "shes", "xes", "zzes")):
        return key[:-2]
    return key[:-1] if key.endswith("s") else key
