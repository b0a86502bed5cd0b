"""The sources that Lens knows, and the only hosts that it ever asks."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A source and its rules.

    Attributes
    ----------
    name : str
        As pages and records call it.
    host : str
    pace : float
        Seconds from one request to the next.
    cap : int
        Bytes of an answer.
    kind : str
        What the type of an answer has in it.
    """

    name: str
    host: str
    pace: float
    cap: int
    kind: str


SOURCES = {
    # One request every three seconds over one connection: arXiv's terms of use.
    "arxiv": Source("arXiv", "export.arxiv.org", 3.0, 8_000_000, "xml"),
    # A key is good for one request a second; without one it is a pool that everybody shares.
    "s2": Source("Semantic Scholar", "api.semanticscholar.org", 1.0, 16_000_000, "json"),
}
