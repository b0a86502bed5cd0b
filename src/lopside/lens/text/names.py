"""Names of people as they are printed, and as they are compared."""

from __future__ import annotations

import re
import unicodedata

from lopside.lens.text.tex import plain

_LOST_ACUTE = re.compile(r"(?<=[^\W\d_])'([a-z])\b")
_PARTICLES = frozenset(
    ("de", "del", "della", "der", "den", "di", "du", "da", "dos", "la", "le", "van", "von", "ten", "ter", "zu", "zur")
    + ("al", "el", "bin", "ibn")
)
_SUFFIXES = frozenset(("jr", "jr.", "sr", "sr.", "ii", "iii", "iv"))


def repaired(name: str) -> str:
    r"""Return a name with TeX decoded, and an apostrophe that was an acute accent made one again.

    >>> [repaired(name) for name in ("Mihailo R. Jovanovi'c", r"Massouli\'e", "Conan O'Connor", "Laurent Massouli'e")]
    ['Mihailo R. Jovanović', 'Massoulié', "Conan O'Connor", 'Laurent Massoulié']
    """
    decoded = " ".join(plain(name).replace("’", "'").split())
    return unicodedata.normalize("NFC", _LOST_ACUTE.sub(lambda found: f"{found[1]}\u0301", decoded))


def family(name: str) -> str:
    """Return the family name, with what belongs to it.

    >>> [family(name) for name in ("Tamara G. Kolda", "Kolda, Tamara G.", "Laurens van der Maaten", "Devvrit")]
    ['Kolda', 'Kolda', 'van der Maaten', 'Devvrit']
    """
    if "," in name:
        first, _, rest = name.partition(",")
        return first.strip() if rest.strip().lower() not in _SUFFIXES else family(first)
    words = [word for word in name.split() if word.lower() not in _SUFFIXES]
    at = len(words) - 1
    while at > 0 and words[at - 1].lower() in _PARTICLES and words[at - 1][0].islower():
        at -= 1
    return " ".join(words[at:]) if words else name


def folded(text: str) -> str:
    """Return text as it is compared: letters and digits only, small, without accents.

    >>> folded("Jovanović, M. – Low-Rank!")
    'jovanovic m low rank'
    """
    bare = unicodedata.normalize("NFKD", plain(text)).casefold()
    letters = "".join(c if c.isalnum() else " " for c in bare if not unicodedata.combining(c))
    return " ".join(letters.split())
