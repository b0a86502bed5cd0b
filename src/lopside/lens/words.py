"""What pages say in words: ages, licences, counts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple
from urllib.parse import urlsplit


class Licence(NamedTuple):
    """A licence as people know it.

    Attributes
    ----------
    name, said, address, host : str
    """

    name: str
    said: str
    address: str
    host: str


_KNOWN = {
    "arxiv.org/licenses/nonexclusive-distrib/1.0": "arXiv non-exclusive licence 1.0",
    "arxiv.org/licenses/nonexclusive-distrib": "arXiv non-exclusive licence",
    "arxiv.org/licenses/assumed-1991-2003": "arXiv licence assumed for papers before 2004",
    "creativecommons.org/licenses/by/4.0": "Creative Commons Attribution 4.0",
    "creativecommons.org/licenses/by-sa/4.0": "Creative Commons Attribution-ShareAlike 4.0",
    "creativecommons.org/licenses/by-nc-sa/4.0": "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
    "creativecommons.org/licenses/by-nc-nd/4.0": "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0",
    "creativecommons.org/licenses/by/3.0": "Creative Commons Attribution 3.0",
    "creativecommons.org/licenses/by-nc-sa/3.0": "Creative Commons Attribution-NonCommercial-ShareAlike 3.0",
    "creativecommons.org/publicdomain/zero/1.0": "Creative Commons CC0 1.0",
    "creativecommons.org/licenses/publicdomain": "public domain",
}


def licence(address: str | None) -> Licence | None:
    """Return what a licence's address stands for; None for none, and for what is no address of the web."""
    try:
        parts = urlsplit(address or "")
    except ValueError:  # as of a bracket that is not closed
        return None
    if address is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = parts.hostname
    name = _KNOWN.get(address.split("://", 1)[1].removeprefix("www.").rstrip("/"))
    if name is None:
        return Licence("a licence of its own", "A licence of its own:", address, host)
    said = (
        f"{name}: you may read it at arXiv; only the record is kept here." if name.startswith("arXiv") else f"{name}."
    )
    return Licence(name, said, address, host)


_UNITS = (("year", 365.25), ("month", 30.44), ("day", 1.0))


def age(when: str, today: date | None = None) -> str:
    """Return how long ago a day was.

    >>> (
    ...     age("2021-06-29", date(2026, 11, 23)),
    ...     age("2026-11-22", date(2026, 11, 23)),
    ...     age("2030-01-01", date(2026, 1, 1)),
    ... )
    ('5 years ago', '1 day ago', 'to come')
    """
    days = ((today or datetime.now(UTC).date()) - date.fromisoformat(when[:10])).days
    if days < 0:
        return "to come"
    for name, length in _UNITS:
        count = int(days / length)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "today"
