"""What a note is about, beside its paper: a term, another paper of the network, a formula, or a run in the lab."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

LONGEST = 1_000
_ANCHOR = re.compile(r"(term|node|formula|run):([^\x00-\x1f]{1,1000})")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*")
_RUN = re.compile(r"[a-z0-9-]+(\?[\w&=.,%+\[\]:-]*)?", re.ASCII)


class Anchor(NamedTuple):
    """What a note is about.

    Attributes
    ----------
    kind : str
        "term", "node", "formula" or "run".
    said : str
        "the term", for instance.
    text : str
        What follows that; of a formula, its TeX.
    address : str
        Of a page of ours that shows it; "" for a formula, which its paper shows.
    """

    kind: str
    said: str
    text: str
    address: str


def anchor(text: str) -> Anchor | None:
    """Return what an anchor stands for; None for one that stands for nothing.

    >>> anchor("term:global convergence").address, anchor("run:javascript:alert(1)")
    ('/term/global%20convergence', None)
    """
    found = _ANCHOR.fullmatch(text)
    if found is None:
        return None
    kind, value = found.groups()
    if kind == "term":
        return Anchor(kind, "the term", value, f"/term/{quote(value, safe='')}")
    if kind == "formula":
        return Anchor(kind, "the formula", value, "")
    if kind == "node" and _SLUG.fullmatch(value):
        return Anchor(kind, "its tie to", value, f"/p/{value}")
    if kind == "run" and _RUN.fullmatch(value):
        return Anchor(kind, "a run of", value.split("?")[0], f"/lab/{value}")
    return None
