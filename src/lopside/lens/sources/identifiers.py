"""Identifiers of papers in a line of text. An address is read, never fetched."""

from __future__ import annotations

import re
from typing import NamedTuple


class Identifier(NamedTuple):
    """What names a paper.

    Attributes
    ----------
    scheme : "arxiv", "doi", "s2" or "corpus"
        The last two are Semantic Scholar's.
    value : str
        In the one form that is stored: small letters, an arXiv number without its version.
    """

    scheme: str
    value: str


LONGEST = 2000
"""Letters of a line that are looked at."""

# Every repetition has an upper end, so that a line takes time in proportion to its length.
_ARXIV = re.compile(
    r"(?<![\w.-])(?:arxiv(?:\.org)?\s{0,3}[:/]\s{0,3}(?:abs/|pdf/|html/)?)?(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})(?:v\d{1,3})?"
    r"(?:\.pdf)?(?![\w-]|\.\d)",
    re.IGNORECASE,
)
_ARXIV_OLD = re.compile(
    r"(?<![\w.-])([a-z]{2,10}(?:-[a-z]{2,10})?)(?:\.[a-z]{2})?/(\d{2}(?:0[1-9]|1[0-2])\d{3})(?:v\d{1,3})?(?![\w-])",
    re.IGNORECASE,
)
_DOI = re.compile(r"(?<![\w.])10\.\d{4,9}/[^\s\"<>{}|\\^`]{1,200}")
_S2 = re.compile(r"(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])", re.IGNORECASE)
_CORPUS = re.compile(r"(?<!\w)corpus\s?id\s{0,3}:\s{0,3}(\d{1,12})(?!\w)", re.IGNORECASE)
_ARXIV_DOI = "10.48550/arxiv."
_ARCHIVES = re.compile(
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga|"
    "funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics|plasm-ph|"
    "q-alg|q-bio|quant-ph|solv-int|supr-con"
)
"""Of the numbers given out before April 2007."""


def identifiers(line: str) -> list[Identifier]:
    """Return the identifiers in a line, each once, in their order.

    >>> identifiers("https://arxiv.org/abs/2106.14289v2 and math.OC/0309136, doi.org/10.48550/arXiv.1503.02101.")
    [Identifier(scheme='arxiv', value='2106.14289'), Identifier(scheme='arxiv', value='math/0309136'), \
Identifier(scheme='arxiv', value='1503.02101')]
    """
    line = line[:LONGEST].replace("%2F", "/").replace("%2f", "/")
    found: list[tuple[int, Identifier]] = []
    for match in _DOI.finditer(line):
        found.append((match.start(), _of_doi(_trimmed(match[0]))))
        line = line[: match.start()] + " " * len(match[0]) + line[match.end() :]
    found += [(match.start(), Identifier("arxiv", match[1])) for match in _ARXIV.finditer(line)]
    found += [
        (match.start(), Identifier("arxiv", f"{match[1].lower()}/{match[2]}"))
        for match in _ARXIV_OLD.finditer(line)
        if _ARCHIVES.fullmatch(match[1].lower())
    ]
    found += [(match.start(), Identifier("s2", match[0].lower())) for match in _S2.finditer(line)]
    found += [(match.start(), Identifier("corpus", match[1])) for match in _CORPUS.finditer(line)]
    return list(dict.fromkeys(identifier for _, identifier in sorted(found)))


def _trimmed(doi: str) -> str:
    """Leave out what belongs to the sentence around a DOI: a full stop, a bracket that was opened before it."""
    while doi and (doi[-1] in ".,;:!?'" or (doi[-1] in ")]" and doi.count(doi[-1]) > doi.count("(["[doi[-1] == "]"]))):
        doi = doi[:-1]
    return doi


def _of_doi(doi: str) -> Identifier:
    value = doi.lower()
    number = without_version(value.removeprefix(_ARXIV_DOI))
    if value.startswith(_ARXIV_DOI) and is_arxiv(number):
        return Identifier("arxiv", number)
    return Identifier("doi", value)


def without_version(number: str) -> str:
    """Return an arXiv number as it is stored.

    >>> without_version("2106.14289v2")
    '2106.14289'
    """
    return re.sub(r"v\d{1,3}$", "", number)


def is_arxiv(value: str) -> bool:
    """Say whether this has the form of an arXiv number, without a version.

    >>> is_arxiv("2106.14289"), is_arxiv("math/0309136"), is_arxiv("2113.00001"), is_arxiv("x")
    (True, True, False, False)
    """
    return identifiers(value) == [Identifier("arxiv", value)]
