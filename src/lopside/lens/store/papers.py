"""Papers in and out of the library: all that the pages ask of it."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lopside.lens.text.names import folded, repaired
from lopside.lens.text.sound import sound, sound_facts
from lopside.lens.text.terms import counted, key_terms
from lopside.lens.text.tex import plain

TERMS = 20
"""Key terms that are kept for a paper."""


@dataclass(frozen=True)
class Paper:
    """A paper with all that its page tells.

    Attributes
    ----------
    pk : int
    slug, title : str
    authors : list of (slug, name)
    year : int or None
    abstract, digest, own_summary, published, updated, venue, licence : str or None
    reading : "new", "reading" or "read"
    ids : dict
        Scheme to value.
    categories, tags : list of str
    records : list of (part, source, fetched_at)
        What is known from where, and since when.
    """

    pk: int
    slug: str
    title: str
    year: int | None
    abstract: str | None
    digest: str | None
    own_summary: str | None
    published: str | None
    updated: str | None
    version: int | None
    venue: str | None
    licence: str | None
    reading: str
    authors: list[tuple[str, str]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    records: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is known of its contents beside the title."""
        return self.abstract or self.digest or ""


_IDS = "SELECT scheme, value FROM paper_id WHERE paper = ? AND scheme <> 'title' ORDER BY scheme, value DESC"
"""A title stands for a paper that has no other identifier; it is shown already."""

_FIELDS = tuple(
    name for name in Paper.__dataclass_fields__ if name not in ("authors", "ids", "categories", "tags", "records")
)


def now() -> str:
    """Return the time as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def paper(db: sqlite3.Connection, slug: str) -> Paper | None:
    """Return a paper, or None."""
    row = db.execute(f"SELECT {', '.join(_FIELDS)} FROM paper WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        return None
    pk = (row["pk"],)
    authors = (
        "SELECT person.slug, printed FROM authorship JOIN person ON person = person.pk WHERE paper = ? ORDER BY place"
    )
    return Paper(
        **dict(row),
        authors=[tuple(found) for found in db.execute(authors, pk)],
        ids=dict(
            map(
                tuple,
                db.execute(
                    _IDS,
                    pk,
                ),
            )
        ),
        categories=[code for (code,) in db.execute("SELECT code FROM category WHERE paper = ? ORDER BY place", pk)],
        tags=[tag for (tag,) in db.execute("SELECT tag FROM tag WHERE paper = ? ORDER BY tag", pk)],
        records=[
            tuple(found)
            for found in db.execute(
                "SELECT part, source, fetched_at FROM record WHERE paper = ? ORDER BY part, source", pk
            )
        ],
    )


def slug_of(db: sqlite3.Connection, scheme: str, value: str) -> str | None:
    """Return the slug of the paper with an identifier, or None."""
    row = db.execute(
        "SELECT slug FROM paper_id JOIN paper ON paper = pk WHERE scheme = ? AND value = ?", (scheme, value)
    ).fetchone()
    return None if row is None else row[0]


def new_slug(db: sqlite3.Connection, title: str, authors: Sequence[str], year: int | None) -> str:
    """Return a slug that no paper has: first author's family name, year, first word that says something."""
    from lopside.lens.text.names import family
    from lopside.lens.text.words import STOP

    name = re.sub(r"\W", "", folded(family(authors[0]))) if authors else "unknown"
    word = next((word for word in folded(title).split() if word not in STOP and len(word) > 2), "paper")
    stem = f"{name[:30] or 'unknown'}{year or ''}-{word[:30]}"
    stem = re.sub(r"[^a-z0-9-]", "", stem.encode("ascii", "ignore").decode()) or "paper"
    slug, count = stem, 1
    # The slug of a paper that became part of another still leads there.
    taken = "SELECT 1 FROM paper WHERE slug = :slug UNION ALL SELECT 1 FROM merge_log WHERE gone_slug = :slug"
    while db.execute(taken, {"slug": slug}).fetchone():
        count += 1
        slug = f"{stem}-{count}"
    return slug


def put(db: sqlite3.Connection, facts: dict[str, Any], *, source: str) -> int:
    """Store a paper that is not there yet, and return its key.

    Parameters
    ----------
    db : Connection
        Of `Library.writing`.
    facts : dict
        title, authors; perhaps slug, year, abstract, digest, venue, published, updated, version, licence, categories,
        and ids as a dict. What cannot be what it says, as a year 99999, is left out.
    source : str
        Where they come from.
    """
    facts = sound_facts(facts)
    authors = [repaired(name) for name in facts["authors"]]
    slug = facts.get("slug") or new_slug(db, facts["title"], authors, facts.get("year"))
    given = {
        name: facts.get(name)
        for name in ("abstract", "digest", "year", "published", "updated", "version", "venue", "licence")
    }
    row = {"slug": slug, "title": facts["title"], "title_folded": folded(facts["title"]), "changed_at": now(), **given}
    names = ", ".join(row)
    pk = db.execute(f"INSERT INTO paper ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())).lastrowid
    assert pk is not None
    write_authors(db, pk, authors)
    for scheme, value in facts.get("ids", {}).items():
        db.execute("INSERT OR IGNORE INTO paper_id VALUES (?, ?, ?)", (scheme, value, pk))
    for place, code in enumerate(facts.get("categories", ())):
        db.execute("INSERT OR IGNORE INTO category VALUES (?, ?, ?)", (pk, code, place))
    db.execute("INSERT OR REPLACE INTO record VALUES (?, 'paper', ?, ?)", (pk, sound(source), now()))
    index(db, pk)
    return pk


def write_authors(db: sqlite3.Connection, pk: int, names: Sequence[str]) -> None:
    """Store the names of a paper's authors in place of those that are stored."""
    db.execute("DELETE FROM authorship WHERE paper = ?", (pk,))
    for place, name in enumerate(names):
        db.execute("INSERT INTO authorship VALUES (?, ?, ?, ?)", (pk, place, _person(db, name), name))


def _person(db: sqlite3.Connection, name: str) -> int:
    slug = folded(name).replace(" ", "-")[:80] or "unknown"
    db.execute("INSERT OR IGNORE INTO person (slug, name) VALUES (?, ?)", (slug, name))
    return int(db.execute("SELECT pk FROM person WHERE slug = ?", (slug,)).fetchone()[0])


def cite(db: sqlite3.Connection, citing: int, cited: int, *, source: str) -> None:
    """Store that a paper cites another."""
    if citing != cited:
        db.execute("INSERT OR IGNORE INTO citation VALUES (?, ?, ?)", (citing, cited, source))


def index(db: sqlite3.Connection, pk: int) -> None:
    """Bring what is searched for up to what is stored of a paper."""
    row = db.execute("SELECT title, coalesce(abstract, digest, '') AS text FROM paper WHERE pk = ?", (pk,)).fetchone()
    authors = " · ".join(
        a for (a,) in db.execute("SELECT printed FROM authorship WHERE paper = ? ORDER BY place", (pk,))
    )
    notes = "\n".join(body for (body,) in db.execute("SELECT body FROM note WHERE paper = ? ORDER BY pk", (pk,)))
    db.execute("DELETE FROM paper_fts WHERE rowid = ?", (pk,))
    db.execute(
        "INSERT INTO paper_fts (rowid, title, authors, abstract, notes) VALUES (?, ?, ?, ?, ?)",
        (pk, plain(row["title"]), authors, plain(row["text"]), notes),
    )


def weigh_terms(db: sqlite3.Connection) -> None:
    """Find the key terms of all papers anew; what a term tells depends on all of them."""
    rows = db.execute("SELECT pk, title, coalesce(abstract, digest, '') AS text FROM paper").fetchall()
    found = {row["pk"]: counted(row["title"], row["text"]) for row in rows}
    df = Counter(key for one in found.values() for key in one.times)
    db.execute("DELETE FROM term")
    db.executemany(
        "INSERT INTO term VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (pk, place, term.key, term.text, term.times, term.df, term.score)
            for pk, one in found.items()
            for place, term in enumerate(key_terms(one, df, len(found), TERMS))
        ),
    )


def connected(db: sqlite3.Connection, pk: int) -> list[sqlite3.Row]:
    """Return the papers that a paper cites or that cite it: slug, title, year, authors, relation, degree."""
    return db.execute(_CONNECTED, {"pk": pk}).fetchall()


_CONNECTED = """
SELECT other.pk, other.slug, other.title, other.year, side.relation,
  (SELECT group_concat(CASE place WHEN 10 THEN '…' ELSE printed END, ' · ')
   FROM (SELECT place, printed FROM authorship WHERE paper = other.pk AND place <= 10 ORDER BY place)) AS authors,
  (SELECT value FROM paper_id WHERE paper = other.pk AND scheme = 'arxiv') AS arxiv,
  (SELECT count(*) FROM citation WHERE citing = other.pk)
    + (SELECT count(*) FROM citation WHERE cited = other.pk) AS degree
FROM (SELECT citing AS pk, 'cites this' AS relation FROM citation WHERE cited = :pk
      UNION ALL SELECT cited, 'cited here' FROM citation WHERE citing = :pk) AS side
JOIN paper AS other ON other.pk = side.pk
ORDER BY other.year DESC, other.title
"""


def edges_among(db: sqlite3.Connection, keys: Iterable[int]) -> list[tuple[int, int]]:
    """Return the citations between papers, as (citing, cited)."""
    keys = list(keys)
    marks = ", ".join("?" * len(keys))
    return [
        (citing, cited)
        for citing, cited in db.execute(
            f"SELECT citing, cited FROM citation WHERE citing IN ({marks}) AND cited IN ({marks})", (*keys, *keys)
        )
    ]


def terms(db: sqlite3.Connection, pk: int) -> list[sqlite3.Row]:
    """Return the key terms of a paper, the weightiest first: key, text, count, df, score."""
    return db.execute("SELECT key, text, count, df, score FROM term WHERE paper = ? ORDER BY place", (pk,)).fetchall()


def questions(db: sqlite3.Connection, pk: int) -> list[sqlite3.Row]:
    """Return the papers that may be the same as a paper, and why: slug, title, why."""
    return db.execute(
        "SELECT slug, title, why FROM question JOIN paper ON paper.pk = CASE WHEN one = :pk THEN other ELSE one END "
        "WHERE (one = :pk OR other = :pk) AND answer IS NULL",
        {"pk": pk},
    ).fetchall()
