"""Facts of a source, put to what is stored: a paper found again by what names it, or a new one."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from lopside.lens.importing.merging import merge, refused
from lopside.lens.store import papers
from lopside.lens.text.names import family, folded, repaired
from lopside.lens.text.sound import sound_facts

ARXIV, SEMANTIC_SCHOLAR = "arXiv", "Semantic Scholar"

_ORDER = ("arxiv", "doi", "s2", "corpus", "title")
"""Of schemes: which paper is meant where identifiers belong to two that the reader keeps apart."""

_FIELDS = ("title", "year", "abstract", "published", "updated", "version", "venue")
_OF_ARXIV = frozenset({"title", "abstract", "published", "updated", "version"})
"""Where arXiv beats others."""

Change = Literal["new", "changed", "same"]


def store(db: sqlite3.Connection, facts: dict[str, Any], *, source: str, part: str = "paper") -> tuple[int, Change]:
    """Store what a source says of a paper, and return its key and what that changed.

    Parameters
    ----------
    db : Connection
        Of `Library.writing`.
    facts : dict
        title, authors, ids; perhaps year, abstract, published, updated, version, venue, categories.
    source : str
    part : str
        "paper" where it was asked for by itself; "stub" where another's list names it, which dates a record only where
        it adds to it.
    """
    facts = sound_facts(facts)
    ids = dict(facts["ids"]) or {"title": _title_id(facts)}
    found = find(db, ids, why=f"{source} has both identifiers for one paper.")
    if found is None:
        pk = papers.put(db, facts | {"ids": ids}, source=source)
        return pk, "new"
    changed = _filled(db, found, facts, ids, source)
    if changed:
        db.execute("UPDATE paper SET changed_at = ? WHERE pk = ?", (papers.now(), found))
        papers.index(db, found)
    if changed or part == "paper":
        record(db, found, "paper", source)
    return found, "changed" if changed else "same"


def record(db: sqlite3.Connection, pk: int, part: str, source: str) -> None:
    """Store that a part of a paper's record was fetched now."""
    db.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", (pk, part, source, papers.now()))


def find(db: sqlite3.Connection, ids: dict[str, str], *, why: str = "") -> int | None:
    """Return the paper with one of these identifiers; two with one each are one paper, and become it.

    With `why` empty they are left as they are, and the first is returned.
    """
    found: list[int] = []
    for scheme in _ORDER:
        row = db.execute(
            "SELECT paper FROM paper_id WHERE scheme = ? AND value = ?", (scheme, ids.get(scheme))
        ).fetchone()
        if row is not None and row[0] not in found:
            found.append(row[0])
    if not found:
        return None
    first = found[0]
    for other in found[1:] if why else ():
        if not refused(db, first, other):
            first = merge(db, first, other, who="id", why=why)
    return first


def _title_id(facts: dict[str, Any]) -> str:
    """Return what a paper without any identifier is found again by."""
    names = " ".join(sorted({folded(family(name)) for name in facts.get("authors", ())}))
    return f"{folded(facts['title'])[:300]}|{names[:300]}"


def _filled(db: sqlite3.Connection, pk: int, facts: dict[str, Any], ids: dict[str, str], source: str) -> bool:
    row = db.execute(f"SELECT {', '.join(_FIELDS)} FROM paper WHERE pk = ?", (pk,)).fetchone()
    best = source == ARXIV
    new = {
        name: facts[name]
        for name in _FIELDS
        if facts.get(name) is not None
        and facts[name] != row[name]
        and (row[name] is None or (best and name in _OF_ARXIV))
    }
    if "title" in new:
        new["title_folded"] = folded(new["title"])
    if new:
        marks = ", ".join(f"{name} = ?" for name in new)
        db.execute(f"UPDATE paper SET {marks} WHERE pk = ?", (*new.values(), pk))
    changed = bool(new)
    for scheme, value in ids.items():
        # One of a kind, but for Semantic Scholar's own, which keeps several records of some papers.
        taken = db.execute("SELECT 1 FROM paper_id WHERE paper = ? AND scheme = ?", (pk, scheme)).fetchone()
        if not taken or scheme in ("s2", "corpus", "title"):
            changed |= db.execute("INSERT OR IGNORE INTO paper_id VALUES (?, ?, ?)", (scheme, value, pk)).rowcount > 0
    changed |= _categories(db, pk, facts.get("categories"), best)
    return _authors(db, pk, facts.get("authors"), best) or changed


def _categories(db: sqlite3.Connection, pk: int, codes: list[str] | None, best: bool) -> bool:
    stored = [code for (code,) in db.execute("SELECT code FROM category WHERE paper = ? ORDER BY place", (pk,))]
    codes = list(dict.fromkeys(codes or ()))
    if not codes or codes == stored or (stored and not best):
        return False
    db.execute("DELETE FROM category WHERE paper = ?", (pk,))
    db.executemany("INSERT INTO category VALUES (?, ?, ?)", [(pk, code, place) for place, code in enumerate(codes)])
    return True


def _authors(db: sqlite3.Connection, pk: int, names: list[str] | None, best: bool) -> bool:
    stored = [name for (name,) in db.execute("SELECT printed FROM authorship WHERE paper = ? ORDER BY place", (pk,))]
    names = [repaired(name) for name in names or ()]
    if not names or names == stored or (stored and not best):
        return False
    papers.write_authors(db, pk, names)
    return True
