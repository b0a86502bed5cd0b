"""Words as they are counted: one form for all spellings of a word, and those that say nothing."""

from __future__ import annotations

import re
from functools import lru_cache

TOKEN = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*")
"""A word or a number; hyphens stay, so that rank-1 is one word."""

BREAK = re.compile(r"[^\w\s'’-]|_|\s['’-]|['’-]\s")
"""Where a clause ends, and a formula stands."""

STOP = frozenset(
    "a about above after all also although always among an and another any are as at be became because been before being "
    "below between both but by can cannot could did do does doing down due during each either else even ever every few for "
    "from further had has have having he her here his how however i if in into is it its itself just least less like many "
    "may me might more most much must my near nearly neither never no nor not now of off often on once one only onto or "
    "other others our out over own per quite rather same several she should since so some still such than that the their "
    "them themselves then there these they this those though three through throughout thus to together too toward towards "
    "two under until up upon us use used using very via was we well were what when where whether which while who whose why "
    "will with within without would yet you your".split()
)
"""Words that no phrase begins or ends with."""

HOLLOW = frozenset(
    "able achieve achieved adding additional address advantage aim algorithm allow analysis analyze applied apply approach "
    "arise artificial aspect assume assumption attain author available background base based basic become behave behavior "
    "believe benefit better broad broader called canonical capture case certain challenge class clear common commonly "
    "compare compared complete complex complexity conceptually concept conclude condition consider considered considering "
    "consist constant constraint construct contain contribution corresponding current deal demonstrate depend derive "
    "describe design despite detail determine develop developed difference different difficult difficulty direct discuss "
    "easy effect effective effectively efficient efficiently empirical empirically enable end enough ensure especially "
    "establish example existing exist experiment experimental explain explore extend extending extension fact fast feature "
    "find finding finite first fixed focus follow following form formal framework full fully fundamental furthermore gap "
    "general generally give given goal good great guarantee guaranteed help high highly hold idea illustrate implementation "
    "implication important importantly impose improve improved include increase indeed individual insight instance "
    "interesting introduce investigate involve issue iteration key kind know known lack large last later lead let level "
    "light literature little long look low magnitude main major make manner map match mean measure merely method mild "
    "modern modification modify moreover motivate multiple name natural naturally necessary need new newly next note novel "
    "number numerical observation observe observed obtain obtained occur open order original outperform overcome paper "
    "particular particularly perform performance phenomenon play point popular possible potential practical practice "
    "precise precisely present presented previous previously prior problem procedure proof propose proposed prototype "
    "prove proven proving provide provided provably purpose quantity question range reach real reason recent recently "
    "regarding relate related relevant remain remains represent require required requirement respect respectively result "
    "resulting reveal rigorous role scheme second section see seem sense set setting show showed shown shows significant "
    "significantly similar simple simply simplify simplifying simultaneously single situation size slow small solution "
    "solve solving special specific specifically standard starting state step strong structure study studied studying "
    "success successfully suffice sufficient sufficiently suggest suitable support take technique term test "
    "theoretical theoretically theory thereby therefore third time today tool total traditional true try type typical "
    "typically ubiquitous understand understanding unfortunately unknown usage useful usual usually value variety various "
    "verify view way whole wide widely work world year yield".split()
)
"""Words that say nothing in a paper about its subject; a phrase is more than one of them."""

_VARIANTS = ((re.compile(r"parametri([sz])"), r"parameteri\1"), (re.compile(r"^hyper-parameter"), "hyperparameter"))
_JOINED = re.compile(r"^(non|over|under|pre|re|semi|sub|super|multi|un|co|anti|quasi)-(?=[^\W\d_]{4})")
_IZED = re.compile(
    r"(factor|general|regular|normal|minim|maxim|optim|parameter|initial|random|linear|local|quant|symmetr|stabil|penal|"
    r"emphas|character|formal|diagonal|organ|real|special|summar|util|vector|polar|discret|orthogonal|vectori|ideal|global)"
    r"i?is(?=(?:e|ed|er|ers|es|ing|ation|ations)$)"
)
_KEPT = frozenset({"analysis", "bias", "basis", "lens", "series", "species", "means", "various", "less", "loss", "chaos"})


@lru_cache(maxsize=1 << 16)
def word_key(word: str) -> str:
    """Return the form that stands for all spellings of a word.

    >>> [word_key(word) for word in ("Non-convex", "over-parametrized", "factorisations", "matrices", "analyses", "loss")]
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
    for plural, single in (("matrices", "matrix"), ("vertices", "vertex"), ("indices", "index"), ("analyses", "analysis")):
        if key.endswith(plural):
            return key.removesuffix(plural) + single
    if key.endswith("ies") and len(key) > 5:
        return key[:-3] + "y"
    if key.endswith(("sses", "ches", "shes", "xes", "zes")):
        return key[:-2]
    return key[:-1] if key.endswith("s") else key
