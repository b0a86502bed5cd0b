"""What comes from elsewhere, made fit to be stored: text that is text, dates that are dates."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
# What turns the order of letters round would do so in what stands beside it, too; the marks that turn only themselves
# (U+200E, U+200F) stay.
_TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_UNSEEN = str.maketrans(_CONTROLS | _TURNS | dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_FIRST_YEAR, _LAST_YEAR = 1500, 2200


def sound(text: str) -> str:
    r"""Return text without control characters, halves of characters, and what turns round the text beside it.

    >>> sound("a\r\nb\x00c\u202e \ud800")
    'a\nbc �'
    """
    return text.translate(_UNSEEN)


def sound_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a paper with all text sound, and without what cannot be what it says it is."""
    found = _texts(facts)
    title, slug = " ".join(str(found.get("title", "")).split()), found.get("slug")
    found["title"] = title or "Without a title"
    found["authors"] = [name for name in found.get("authors", ()) if name.strip()]
    if not (isinstance(slug, str) and _SLUG.fullmatch(slug)):
        found.pop("slug", None)
    year, version = found.get("year"), found.get("version")
    if not (isinstance(year, int) and _FIRST_YEAR <= year <= _LAST_YEAR):
        found["year"] = None
    if not isinstance(version, int):
        found["version"] = None
    for name in ("published", "updated"):
        found[name] = _day(found.get(name))
    return found


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, dict):
        return {key: _texts(part) for key, part in value.items()}
    return [_texts(part) for part in value] if isinstance(value, list | tuple) else value


def _day(text: Any) -> str | None:
    try:
        return date.fromisoformat(str(text)[:10]).isoformat()
    except ValueError:
        return None
