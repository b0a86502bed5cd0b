"""Text with TeX in it, taken apart into prose and formulas in one pass.

Counting uses the prose, rendering the formulas, so that both mean the same by a formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

_MATH = ("equation", "align", "gather", "multline", "eqnarray", "displaymath", "math", "flalign", "alignat")
_ENDS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"} | {
    f"\\begin{{{name}{star}}}": f"\\end{{{name}{star}}}" for name in _MATH for star in ("", "*")
}
"""What opens a formula, and what then closes it; a single $ has rules of its own."""

_ACCENTS = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    "u": "\u0306",
    ".": "\u0307",
    '"': "\u0308",
    "r": "\u030a",
    "H": "\u030b",
    "v": "\u030c",
    "d": "\u0323",
    "c": "\u0327",
    "k": "\u0328",
    "b": "\u0331",
}
"""The combining mark of each command for an accent."""

_LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "aa": "å",
    "AA": "Å",
    "dh": "ð",
    "th": "þ",
    "i": "i",
    "j": "j",
    "ldots": "…",
    "dots": "…",
    "textendash": "–",
    "textemdash": "—",
    "textquoteright": "’",
    "S": "§",
    "copyright": "©",
}
_LETTER = re.compile(rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![a-zA-Z])")
_SILENT = frozenset(
    {"cite", "citep", "citet", "ref", "eqref", "label", "footnote", "input", "include", "vspace", "hspace"}
)
"""Commands whose argument is not to be read either."""

_CHARACTERS = {"\\": " ", " ": " ", ",": " ", ";": " ", ":": " ", "!": "", "/": "", "-": "", "@": "", "\n": " "}
_RUNS = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"))
_ORDINARY = re.compile(r"[^\\{}~`'-]+")
"""What is shown as it is written; most of every text."""

_DOTLESS = str.maketrans("ıȷ", "ij")


class Piece(NamedTuple):
    """A stretch of text.

    Attributes
    ----------
    kind : "prose", "inline" or "display"
    text : str
        Of prose, what a reader sees; of a formula, the TeX between its delimiters.
    source : str
        As it was written.
    """

    kind: Literal["prose", "inline", "display"]
    text: str
    source: str


def pieces(text: str) -> list[Piece]:
    r"""Return the pieces of a text, in order; their sources make up the text again.

    Formulas stand between $, $$, \( \), \[ \], and in environments as \begin{align}. A $ opens a formula only
    where something else than a blank follows, and closes it only where none precedes and no digit follows, so that
    "$5 and $6" is prose. What is not closed is prose. Takes time in proportion to the length.

    >>> [(piece.kind, piece.text) for piece in pieces(r"Na\"ive rank-$r$ for \$5")]
    [('prose', 'Naïve rank-'), ('inline', 'r'), ('prose', ' for $5')]
    """
    found: list[Piece] = []
    begin = at = 0
    open_ended: set[str] = set()  # what is not closed any more from here on need not be looked for again
    while (at := _special(text, at)) >= 0:
        formula = _formula(text, at, open_ended)
        if formula is None:
            at += 2 if text[at] == "\\" else 1
            continue
        if begin < at:
            found.append(_prose(text[begin:at]))
        begin = at = at + len(formula.source)
        found.append(formula)
    if begin < len(text):
        found.append(_prose(text[begin:]))
    return found


def _special(text: str, at: int) -> int:
    places = [place for place in (text.find("$", at), text.find("\\", at)) if place >= 0]
    return min(places, default=-1)


def _formula(text: str, at: int, open_ended: set[str]) -> Piece | None:
    opening = next((mark for mark in _ENDS if text.startswith(mark, at)), "$" if text[at] == "$" else None)
    if opening is None or opening in open_ended:
        return None
    closing = _ENDS.get(opening, "$")
    inside = at + len(opening)
    end = _closing(text, closing, inside)
    if end < 0:
        open_ended.add(opening)
        return None
    body, stop = text[inside:end], end + len(closing)
    if opening == "$" and (body[:1].isspace() or body[-1:].isspace() or not body or text[stop : stop + 1].isdigit()):
        return None
    if opening.startswith("\\begin"):  # KaTeX wants the environment itself
        body = text[at:stop]
    return Piece("inline" if opening in ("$", "\\(", "\\begin{math}") else "display", body, text[at:stop])


def _closing(text: str, mark: str, at: int) -> int:
    """Return where the next such mark is that no backslash precedes; −1 if there is none."""
    while (end := text.find(mark, at)) >= 0:
        before = end
        while before > at and text[before - 1] == "\\":
            before -= 1
        if (end - before) % 2 == 0:
            return end
        at = end + len(mark)
    return -1


def _prose(source: str) -> Piece:
    return Piece("prose", plain(source), source)


_DECODED = re.compile("|".join(map(re.escape, ("\\", "{", "}", "~", *(mark for mark, _ in _RUNS)))))
"""What is something else to a reader; most prose has none of it."""


def plain(prose: str) -> str:
    r"""Return prose as a reader sees it: accents and text commands decoded, other commands left out.

    >>> plain(r"Jovanovi\'c, \emph{L. O}stroj \v{S}, Erd\H{o}s --- 5\\% \unknown{word}")
    'Jovanović, L. Ostroj Š, Erdős — 5 % word'
    """
    shown = "".join(_decoded(prose)) if _DECODED.search(prose) else prose
    return unicodedata.normalize("NFC", shown)


def _decoded(prose: str) -> Iterator[str]:
    at = 0
    while at < len(prose):
        if ordinary := _ORDINARY.match(prose, at):
            yield ordinary[0]
            at = ordinary.end()
            continue
        character = prose[at]
        if character == "\\":
            shown, at = _command(prose, at + 1)
            yield shown
            continue
        run = next(((mark, shown) for mark, shown in _RUNS if prose.startswith(mark, at)), None)
        if run is not None:
            yield run[1]
            at += len(run[0])
            continue
        yield " " if character == "~" else "" if character in "{}" else character
        at += 1


def _command(prose: str, at: int) -> tuple[str, int]:
    """Return what a command stands for, and where the text goes on; `at` is behind the backslash."""
    if at >= len(prose):
        return "", at
    end = at
    while end < len(prose) and prose[end].isascii() and prose[end].isalpha():
        end += 1
    name = prose[at:end] or prose[at]
    after = max(end, at + 1)
    if name in _ACCENTS:
        return _accented(prose, after, _ACCENTS[name])
    if end == at:
        return _CHARACTERS.get(name, name), after
    if after < len(prose) and prose[after] == " " and name in _LETTERS:
        after += 1
    if name in _LETTERS:
        return _LETTERS[name], after
    if name in _SILENT and prose.startswith("{", after):
        closed = prose.find("}", after)
        return "", closed + 1 if closed >= 0 else after
    return "", after


def _accented(prose: str, at: int, mark: str) -> tuple[str, int]:
    while at < len(prose) and prose[at] in " {":
        at += 1
    if prose.startswith("\\", at):
        name = _LETTER.match(prose, at)
        if name is None:  # a command within an accent, and perhaps a thousand within that: not letters any more
            return "", at
        return _LETTERS[name[1]].translate(_DOTLESS) + mark, name.end()
    return prose[at : at + 1].translate(_DOTLESS) + mark if at < len(prose) else "", at + 1


def words_of(text: str) -> str:
    """Return the prose of a text, a bar in place of each formula, where no phrase goes on."""
    return "".join(piece.text if piece.kind == "prose" else " | " for piece in pieces(text))
