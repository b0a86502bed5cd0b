r"""BibTeX whose braces fit and in which no command does anything but set signs.

What a record says may come from anywhere, and TeX runs what it reads: in prose, commands are decoded or dropped and
signs that mean something to TeX are escaped; in formulas, only commands from a list stay commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

from bibtexparser.entrypoint import write_string
from bibtexparser.library import Library
from bibtexparser.model import Entry, Field

from lopside.lens.store.papers import Paper
from lopside.lens.text.tex import pieces

_SIGNS = frozenset(files("lopside.lens.formats").joinpath("tex_commands.txt").read_text("utf-8").split())
_COMMAND = re.compile(r"\\([A-Za-z]+|[^A-Za-z]|$)")
_ESCAPED = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_"}
    | {"{": r"\textbraceleft{}", "}": r"\textbraceright{}", "\\": r"\textbackslash{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_SPACES = frozenset(",;:!> \\|-+/='.")
"""What may follow a backslash in a formula beside letters and braces."""


def bibtex(papers: Sequence[Paper]) -> str:
    """Return papers as a file of BibTeX, in their order."""
    library = Library()
    library.add([_entry(paper) for paper in papers])
    return write_string(library)


def _entry(paper: Paper) -> Entry:
    given = {
        "author": " and ".join(_name(name) for _, name in paper.authors),
        "title": value(paper.title),
        "year": str(paper.year or ""),
        "journal": value(paper.venue or ""),
        "doi": value(paper.ids.get("doi", "")),
        "eprint": value(paper.ids.get("arxiv", "")),
        "archiveprefix": "arXiv" if "arxiv" in paper.ids else "",
    }
    fields = [Field(name, text) for name, text in given.items() if text]
    return Entry("article" if paper.venue else "misc", paper.slug, fields)


def value(text: str) -> str:
    r"""Return text as a value between braces.

    >>> print(value(r"Rank-$r$ \input{secret} & {more} 5\%"), value("$\\input{x} \\alpha$"))
    Rank-$r$ \& more 5\% $input{x} \alpha$
    """
    made = (_prose(piece.text) if piece.kind == "prose" else _formula(piece.text) for piece in pieces(text))
    return " ".join("".join(made).split())


def _prose(text: str) -> str:
    return _printable(text).translate(_ESCAPED)


def _formula(tex: str) -> str:
    shown = _COMMAND.sub(_sign, _printable(tex).replace("$", "").replace("%", " ").replace("#", " "))
    while "^^" in shown:  # two of them make any letter of its number
        shown = shown.replace("^^", "^")
    return f"${_balanced(shown)}$" if shown.strip() else ""


def _sign(found: re.Match[str]) -> str:
    name = found[1]
    if name in "{}" and name:
        return r"\lbrace " if name == "{" else r"\rbrace "
    return found[0] if name in _SIGNS or name in _SPACES else name


def _balanced(tex: str) -> str:
    depth, out = 0, []
    for character in tex:
        if character == "}" and not depth:
            continue
        depth += (character == "{") - (character == "}")
        out.append(character)
    return "".join(out) + "}" * depth


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _name(name: str) -> str:
    made = value(name)
    return f"{{{made}}}" if re.search(r"\band\b|,", made, re.IGNORECASE) else made
