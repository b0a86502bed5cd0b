"""Papers, references and citations of Semantic Scholar: the client `semanticscholar`, its requests sent by ours."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, quote_plus

from semanticscholar.ApiRequester import ApiRequester
from semanticscholar.AsyncSemanticScholar import AsyncSemanticScholar
from semanticscholar.Citation import Citation
from semanticscholar.PaginatedResults import PaginatedResults
from semanticscholar.Paper import Paper
from semanticscholar.Reference import Reference
from semanticscholar.SemanticScholarException import SemanticScholarException

from lopside.lens.sources.asking import Asker, Failed
from lopside.lens.sources.identifiers import Identifier, identifiers, is_arxiv

logging.getLogger("semanticscholar").addHandler(logging.NullHandler())

_FIELDS = ("paperId", "title", "year", "authors.name", "externalIds", "venue")
# Abstracts are not asked for: they may be their publishers'. publicationDate neither: dates are arXiv's to tell.

BATCH = 100
"""Papers of a request."""

PAGE = 500
"""References or citations of a request."""

List = Literal["references", "citations"]
_SIDES = {"references": Reference, "citations": Citation}


class Page(NamedTuple):
    """A page of references or citations.

    Attributes
    ----------
    papers : list of dict
        Their facts.
    next : int or None
        Where the list goes on.
    """

    papers: list[dict[str, Any]]
    next: int | None


class _Requester(ApiRequester):
    """What the client sends its requests with; it neither waits nor tries again by itself, nor does it log a key."""

    def __init__(self, asker: Asker) -> None:
        super().__init__(timeout=None, retry=False)
        self._asker = asker

    async def get_data_async(self, url: str, parameters: str, headers: dict, payload: dict | None = None) -> Any:
        """Return the decoded answer."""
        body = self._asker.ask("s2", f"{url}?{parameters.lstrip('&')}", payload)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Failed(f"Semantic Scholar gave an answer that cannot be read ({error})"[:200]) from error
        expected = list if payload is not None else dict
        if not isinstance(data, expected):
            raise Failed(f"Semantic Scholar gave a {type(data).__name__}; expected a {expected.__name__}")
        return [_whole(paper) for paper in data] if isinstance(data, list) else data | {"data": _rows(data)}


def _rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a list; none where a publisher holds the list back, and the answer has null."""
    rows = [row for row in data.get("data") or () if isinstance(row, dict)]
    for row in rows:
        for side in ("citedPaper", "citingPaper"):
            if side in row:
                row[side] = _whole(row[side]) or {}
    return [_whole(row) or {} for row in rows]


def _whole(paper: Any) -> dict[str, Any] | None:
    """Return a paper without the nulls among its authors, which the client takes no account of."""
    if not isinstance(paper, dict):
        return None
    authors = paper.get("authors")
    return paper | {"authors": [one for one in authors if isinstance(one, dict)] if isinstance(authors, list) else []}


class _Client(AsyncSemanticScholar):
    @property
    def debug(self) -> bool:
        """Say no: to say anything at all, the original sets up the logging of the whole program."""
        return False

    @debug.setter
    def debug(self, debug: bool) -> None:
        pass

    def __init__(self, asker: Asker) -> None:
        super().__init__(api_url=asker.base("s2"), retry=False)
        self._requester = _Requester(asker)


class _From(PaginatedResults):
    """A list from some place on."""

    def begin(self, offset: int) -> _From:
        self._offset, self._next = offset - self._limit, offset
        return self

    @property
    def more(self) -> int | None:
        """Return where it goes on, or None."""
        return self._next if isinstance(self._next, int) and self._next > self._offset and self._items else None


def papers(asker: Asker, wanted: Sequence[Identifier]) -> list[dict[str, Any]]:
    """Return the facts of papers; those that are not known there are missing.

    Raises
    ------
    Failed, Paused, Stopped
        As `Asker.ask`.
    """
    found = _run(_Client(asker).get_papers([key(one) for one in wanted], fields=list(_FIELDS)))
    return [given for given in map(facts, found) if given is not None]


def match(asker: Asker, title: str) -> dict[str, Any] | None:
    """Return the facts of the paper whose title is nearest to this one, or None.

    Raises
    ------
    Failed, Paused, Stopped
        As `Asker.ask`.
    """
    try:
        return facts(
            _run(_Client(asker).search_paper(quote_plus(title), fields=list(_FIELDS), limit=1, match_title=True))
        )
    except IndexError:
        return None
    except Failed as failed:
        if failed.status == 404:
            return None
        raise


def page(asker: Asker, side: List, of: Identifier, offset: int, most: int) -> Page:
    """Return a page of a paper's references or citations.

    Raises
    ------
    Failed, Paused, Stopped
        As `Asker.ask`.
    """
    url = f"{asker.base('s2')}/graph/v1/paper/{quote(key(of), safe=':/')}/{side}"
    fields: Any = list(_FIELDS)  # a list is what it takes, whatever its annotation says
    pages = _From(_Client(asker)._requester, _SIDES[side], url, fields=fields, limit=min(most, PAGE))
    _run(pages.begin(offset)._async_get_next_page())
    found = [facts(item.paper) for item in pages.items if item.paper is not None]
    return Page([given for given in found if given is not None], pages.more)


def key(one: Identifier) -> str:
    """Return an identifier as Semantic Scholar takes it.

    >>> key(Identifier("arxiv", "2106.14289")), key(Identifier("corpus", "7"))
    ('ARXIV:2106.14289', 'CorpusId:7')
    """
    return {"arxiv": "ARXIV:", "doi": "DOI:", "corpus": "CorpusId:", "s2": ""}[one.scheme] + one.value


def facts(paper: Paper) -> dict[str, Any] | None:
    """Return what a paper says, in the library's words; None where it has no title."""
    title = paper.title
    if not isinstance(title, str) or not title.strip():
        return None
    ids: dict[str, str] = {}
    given = paper.externalIds if isinstance(paper.externalIds, dict) else {}
    number = str(given.get("ArXiv") or "").lower()
    if is_arxiv(number):
        ids["arxiv"] = number
    for identifier in identifiers(str(given.get("DOI") or "")):
        ids.setdefault(identifier.scheme, identifier.value)
    for scheme, text in (("s2", paper.paperId), ("corpus", f"CorpusId:{given.get('CorpusId')}")):
        for identifier in identifiers(str(text)):
            if identifier.scheme == scheme:
                ids[scheme] = identifier.value
    names = [author.name for author in paper.authors or () if isinstance(author.name, str)]
    year = paper.year
    return {
        "title": " ".join(title.split())[:1000],
        "authors": [" ".join(name.split())[:200] for name in names if name.strip()][:500],
        "year": year if isinstance(year, int) and 1500 <= year <= 2200 else None,
        "venue": paper.venue.strip()[:500] or None if isinstance(paper.venue, str) else None,
        "ids": ids,
    }


def _run(answer: Coroutine[Any, Any, Any]) -> Any:
    """Wait for the client; what it does not expect in an answer is this request's failure."""
    try:
        return asyncio.run(answer)
    except (SemanticScholarException, TypeError, KeyError, AttributeError, ValueError) as error:
        raise Failed(f"Semantic Scholar gave an answer that cannot be read ({type(error).__name__})") from error
