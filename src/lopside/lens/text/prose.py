"""A note as pieces that a template shows: paragraphs and lists of prose, formulas and links. Markup there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from lopside.lens.text.tex import pieces

_LINK = re.compile(
    r"\[([^\[\]\n]{1,200})\]\((https?://(?:[^\s()<>]|\([^\s()<>]{0,200}\)){1,2000})\)|(https?://[^\s<>\"\[\]]{1,2000})"
)
_ITEM = re.compile(r"[ \t]{0,8}(?:([-*•])|\d{1,3}[.)])[ \t]+(?=\S)")
_AFTER = ".,;:!?'’”"
"""What ends a sentence rather than an address."""


class Part(NamedTuple):
    """A stretch of a line.

    Attributes
    ----------
    kind : "prose", "inline", "display" or "link"
    text : str
        What is read; of a formula, its TeX.
    source : str
        Of a formula, as it was written; of a link, its address.
    host : str
        Of a link whose text does not begin with its address.
    """

    kind: Literal["prose", "inline", "display", "link"]
    text: str
    source: str = ""
    host: str = ""


class Block(NamedTuple):
    """A paragraph, or a list.

    Attributes
    ----------
    kind : "paragraph", "points" or "numbers"
    lines : list of list of Part
        Of a paragraph one, of a list its items.
    """

    kind: Literal["paragraph", "points", "numbers"]
    lines: list[list[Part]]


def blocks(text: str) -> list[Block]:
    """Return what a note is made of.

    Lines that begin with -, * or a number with a dot are a list, an empty line ends a paragraph, formulas stand
    between dollars, and addresses of the web are links, as `https://…` or `[words](https://…)`.

    >>> [(block.kind, len(block.lines)) for block in blocks("Two points:" + chr(10) + "- one" + chr(10) + "- two")]
    [('paragraph', 1), ('points', 2)]
    """
    return [
        Block(kind, [list(_parts(line)) for line in lines])
        for kind, lines in _stretches(text)
        if "".join(lines).strip()
    ]


def _stretches(text: str) -> Iterator[tuple[Literal["paragraph", "points", "numbers"], list[str]]]:
    kind: Literal["paragraph", "points", "numbers"] = "paragraph"
    kept: list[str] = []
    for line in text.splitlines():
        item = _ITEM.match(line)
        if item is None:
            if kind != "paragraph" and line[:1].isspace() and line.strip():
                kept[-1] += "\n" + line.strip()
            elif kind == "paragraph" and line.strip():
                kept = ["\n".join([*kept, line])]
            else:
                yield kind, kept
                kind, kept = "paragraph", [line] if line.strip() else []
            continue
        found: Literal["points", "numbers"] = "points" if item[1] else "numbers"
        if found != kind:
            yield kind, kept
            kept = []
        kind = found
        kept.append(line[item.end() :])
    yield kind, kept


def _parts(line: str) -> Iterator[Part]:
    at = 0
    for found in _LINK.finditer(line):
        link, stop = _link(found)
        if link is not None:
            yield from _prose(line[at : found.start()])
            yield link
            at = stop
    yield from _prose(line[at:])


def _link(found: re.Match[str]) -> tuple[Part | None, int]:
    words, labelled, bare = found.groups()
    address = labelled or _ended(bare)
    try:
        host = urlsplit(address).hostname
    except ValueError:  # as of http://[
        host = None
    if not host:
        return None, found.end()
    if labelled:
        return Part("link", words, address, host), found.end()
    return Part("link", address, address), found.start() + len(address)


def _ended(address: str) -> str:
    """Return an address without what ends the sentence or the brackets around it."""
    found = address.rstrip(_AFTER)
    while found.endswith(")") and found.count(")") > found.count("("):
        found = found[:-1].rstrip(_AFTER)
    return found


def _prose(text: str) -> Iterator[Part]:
    for piece in pieces(text):
        if piece.kind == "prose":
            yield Part("prose", piece.source.replace("\\$", "$"))
        else:
            yield Part(piece.kind, piece.text, piece.source)
