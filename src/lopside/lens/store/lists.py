"""Papers of an author and of a term."""

from __future__ import annotations

import sqlite3

_AUTHORS = (
    "(SELECT group_concat(printed, ' · ') FROM "
    "(SELECT printed FROM authorship WHERE paper = paper.pk ORDER BY place)) AS authors"
)


def by_person(db: sqlite3.Connection, person: int) -> list[sqlite3.Row]:
    """Return the papers of an author, the newest first: slug, title, year, venue, authors."""
    return db.execute(
        f"SELECT slug, title, year, venue, {_AUTHORS} FROM paper WHERE pk IN "
        "(SELECT paper FROM authorship WHERE person = ?) ORDER BY year DESC, title",
        (person,),
    ).fetchall()


def coauthors(db: sqlite3.Connection, person: int) -> list[sqlite3.Row]:
    """Return with whom an author has written, the most frequent first: slug, name, papers."""
    return db.execute(
        "SELECT slug, name, count(DISTINCT other.paper) AS papers FROM authorship AS mine "
        "JOIN authorship AS other ON other.paper = mine.paper AND other.person <> mine.person "
        "JOIN person ON person.pk = other.person WHERE mine.person = ? GROUP BY other.person ORDER BY 3 DESC, name",
        (person,),
    ).fetchall()


def with_term(db: sqlite3.Connection, key: str) -> list[sqlite3.Row]:
    """Return the papers that a term is a key term of, those it tells most of first."""
    return db.execute(
        f"SELECT slug, title, year, coalesce(abstract, digest, '') AS text, {_AUTHORS}, term.text AS spelled, "
        "term.place, term.count, term.df, term.score FROM term JOIN paper ON paper.pk = term.paper WHERE key = ? "
        "ORDER BY term.place, term.score DESC, title",
        (key,),
    ).fetchall()
