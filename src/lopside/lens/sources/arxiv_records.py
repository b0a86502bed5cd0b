"""Records of arXiv: the client `arxiv`, with its requests sent, and its answers looked at, by ours."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.parsers import expat

import arxiv

from lopside.lens.sources.asking import Asker, Failed
from lopside.lens.sources.bibtex import year
from lopside.lens.sources.identifiers import identifiers

logging.getLogger("arxiv").addHandler(logging.NullHandler())

PAGE = 100
"""Papers of a request."""

_ENTRY = re.compile(r"abs/(?P<id>.+?)(?:v(?P<version>\d+))?$")
_ERROR = "/api/errors"


class _Session:
    """What the client asks for its pages; it neither waits nor tries again by itself."""

    class Page(NamedTuple):
        status_code: int
        content: bytes

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def get(self, address: str, headers: dict[str, str]) -> Page:
        """Return a page that is sound XML without a DTD."""
        body = self._asker.ask("arxiv", address)
        require_plain(body)
        return self.Page(200, body)


class _Client(arxiv.Client):
    def __init__(self, asker: Asker) -> None:
        super().__init__(page_size=PAGE, delay_seconds=0.0, num_retries=0)
        self._session.close()
        self._session = _Session(asker)  # type: ignore[assignment]
        self.query_url_format = asker.base("arxiv") + "/api/query?{}"


def require_plain(body: bytes) -> None:
    """Refuse XML that is broken off or declares anything; the client's parser would mend the one and read the other.

    Raises
    ------
    Failed
    """
    parser = expat.ParserCreate()

    def declared(*_: Any) -> None:
        raise Failed("arXiv sent XML with declarations in it; not read")

    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Failed(f"arXiv sent XML that is not whole ({error})") from error


def records(asker: Asker, numbers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the facts of papers; those that arXiv does not know are missing.

    Parameters
    ----------
    asker : Asker
    numbers : sequence of str
        arXiv numbers without versions, at most `PAGE` of them.

    Raises
    ------
    Failed, Paused, Stopped
        As `Asker.ask`.
    """
    search = arxiv.Search(id_list=list(numbers), max_results=len(numbers))
    try:
        return [facts(result) for result in _Client(asker).results(search)]
    except Failed as failed:
        said = _said_in(failed.body)
        raise Failed(f"arXiv refused: {said}", failed.status) if said else failed from None
    except (arxiv.ArxivError, ValueError, TypeError, AttributeError) as error:
        raise Failed(f"arXiv gave an answer that cannot be read ({type(error).__name__})") from error


def facts(result: arxiv.Result) -> dict[str, Any]:
    """Return what a result says, in the library's words."""
    if _ERROR in result.entry_id:
        raise Failed(f"arXiv refused: {' '.join(result.summary.split())[:200]}")
    found = _ENTRY.search(result.entry_id)
    number = identifiers(found["id"])[:1] if found else []
    title = " ".join(result.title.split())
    if not found or not number or not title:
        raise Failed("arXiv gave an entry without a number or a title")
    ids = {"arxiv": number[0].value}
    for identifier in identifiers(result.doi or ""):
        ids.setdefault(identifier.scheme, identifier.value)
    categories = [result.primary_category, *result.categories]
    return {
        "title": title,
        "authors": [" ".join(author.name.split()) for author in result.authors if author.name.strip()],
        "abstract": " ".join(result.summary.split()) or None,
        "published": result.published.date().isoformat(),
        "updated": result.updated.date().isoformat(),
        "version": int(found["version"]) if found["version"] else None,
        "year": year(result.published.date().isoformat()),
        "venue": " ".join((result.journal_ref or "").split())[:500] or None,
        "categories": list(
            dict.fromkeys(code for code in categories if re.fullmatch(r"[A-Za-z-]+(\.[A-Za-z-]+)?", code))
        ),
        "ids": ids,
    }


def _said_in(body: bytes) -> str:
    """Return what arXiv says where it refuses: a feed of one entry, titled "Error"."""
    if not body:
        return ""
    try:
        require_plain(body)
        result = next(iter(_feed(body)), None)
    except (Failed, ValueError):
        return ""
    return " ".join(result.summary.split())[:200] if result and _ERROR in result.entry_id else ""


def _feed(body: bytes) -> list[arxiv.Result]:
    from arxiv import _feed

    return _feed.parse(body).results
