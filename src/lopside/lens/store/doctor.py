"""A library that is damaged: a copy kept, and what can be read written into a new one. The file itself is only read."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from lopside.errors import FileError
from lopside.lens.store import papers
from lopside.lens.store.database import APPLICATION, VERSION, Library, only_read
from lopside.lens.text.names import folded

_MOST_SAID = 20
"""Findings that are told."""

_MOST_MISSED = 1_000_000
"""Rows that are looked for one by one, where those around them cannot be read."""


class Rescued(NamedTuple):
    """A table, as far as it could be read.

    Attributes
    ----------
    name : str
    read, kept : int
        Rows that could be read, and those of them that fit into a library.
    whole : bool
        Whether it could be read from one end to the other.
    """

    name: str
    read: int
    kept: int
    whole: bool


class Report(NamedTuple):
    """What is known of a library.

    Attributes
    ----------
    path : Path
    sound : bool
    findings : list of str
        What SQLite says is wrong.
    copy, rescued : Path or None
        Where its copy lies, and the new library; None for one that is sound.
    tables : list of Rescued
    """

    path: Path
    sound: bool
    findings: list[str]
    copy: Path | None
    rescued: Path | None
    tables: list[Rescued]


def examine(path: Path) -> Report:
    """Check a library; if it is damaged, keep a copy beside it and rescue what can be read into a new one.

    Parameters
    ----------
    path : Path
        Of the library, which stays as it is.

    Raises
    ------
    FileError
        If it is no library, or made by a newer version, or nothing of it can be read.
    """
    if not path.is_file():
        raise FileError(f"got {path}, which is not there; expected a library. Try --library")
    findings = _findings(path)
    if not findings:
        return Report(path, True, [], None, None, [])
    try:
        copy = _copied(path)
        target = _free(path.with_name(f"{path.stem}.rescued{path.suffix}"))
        return Report(path, False, findings, copy, target, _rescue(copy, target))
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write beside {path} ({error}); expected room for a copy. Try making some") from error


def _findings(path: Path) -> list[str]:
    found: list[str] = []
    with closing(only_read(path)) as db:
        try:
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
                if not {"paper", "authorship"} <= tables:
                    raise FileError(f"got {path}, which is no library of lopside; expected one. Try another --library")
                found.append("the mark of a library is missing")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise FileError(
                    f"got {path} of version {version}, made by a newer lopside; expected {VERSION} or older. It is "
                    "left as it is. Try that lopside's doctor"
                )
            found += [said for (said,) in db.execute(f"PRAGMA integrity_check({_MOST_SAID})") if said != "ok"]
            strays = db.execute("PRAGMA foreign_key_check").fetchmany(_MOST_SAID)
            found += [f"a row of {table} belongs to a {parent} that is not there" for table, _, parent, _ in strays]
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise FileError(
                    f"got {path}, which is no library of lopside, or one whose beginning was written over: nothing of "
                    "it can be read; expected a library. Try another --library, or a backup"
                ) from error
            found.append(str(error))
    return found


def _free(path: Path) -> Path:
    """Return a path that nothing has, by a number before its ending."""
    count, found = 1, path
    while found.exists():
        count += 1
        found = path.with_name(f"{path.stem}-{count}{path.suffix}")
    return found


def _copied(path: Path) -> Path:
    """Copy a library and what was written to it last."""
    copy = _free(path.with_name(f"{path.stem}.damaged{path.suffix}"))
    shutil.copyfile(path, copy)
    log = path.with_name(f"{path.name}-wal")
    if log.is_file():
        shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
    return copy


def _rescue(damaged: Path, target: Path) -> list[Rescued]:
    found = []
    # To read a library with a log is to write to it: it is done to a copy of the copy.
    with tempfile.TemporaryDirectory() as folder:
        read = Path(folder) / "library.db"
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{ending}", f"{read}{ending}")
        with closing(sqlite3.connect(read)) as old, closing(Library(target)) as new:
            old.execute("PRAGMA writable_schema = ON")  # else nothing is read of a file that ends too early
            old.text_factory = lambda text: text.decode("utf-8", "replace")
            with new.writing() as db:
                for name in _tables(db):
                    found.append(_table(old, db, name))
                    if name == "paper":
                        _put_stand_ins(old, db)
                for (pk,) in db.execute("SELECT pk FROM paper").fetchall():
                    papers.index(db, pk)
                papers.weigh_terms(db)
    if not any(table.read for table in found):
        target.unlink()
        raise FileError(
            f"got a library of which nothing can be read; expected some rows. Its copy is {damaged}. Try a backup"
        )
    return found


_NAMED = (
    "SELECT pk, slug FROM paper INDEXED BY sqlite_autoindex_paper_1",
    "SELECT paper, NULL FROM note",
    "SELECT paper, NULL FROM tag",
)
"""Where papers are named beside their own table."""


def _put_stand_ins(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Put papers that cannot be read, but whose notes perhaps can; the search may still know their titles."""
    known = {pk for (pk,) in new.execute("SELECT pk FROM paper")}
    slugs: dict[int, str | None] = {}
    for query in _NAMED:
        with suppress(sqlite3.DatabaseError):
            for pk, slug in old.execute(query):
                slugs.setdefault(pk, slug)
    for pk, slug in sorted((pk, slug) for pk, slug in slugs.items() if pk not in known):
        title = f"A paper that was lost ({slug or pk})"
        with suppress(sqlite3.DatabaseError):
            row = old.execute("SELECT c0 FROM paper_fts_content WHERE id = ?", (pk,)).fetchone()
            title = row[0] if row and row[0] else title
        with suppress(sqlite3.IntegrityError):
            new.execute(
                "INSERT INTO paper (pk, slug, title, title_folded, changed_at) VALUES (?, ?, ?, ?, ?)",
                (pk, slug or f"rescued-{pk}", title, folded(title), papers.now()),
            )


def _tables(db: sqlite3.Connection) -> list[str]:
    """Return the tables that are not made from others, those that others belong to first."""
    names = [
        name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    ]
    return [name for name in names if not name.startswith(("sqlite_", "paper_fts")) and name != "term"]


def _table(old: sqlite3.Connection, new: sqlite3.Connection, name: str) -> Rescued:
    columns = [(column, key) for _, column, _, _, _, key in new.execute(f"PRAGMA table_info({name})")]
    try:
        there = {row[1] for row in old.execute(f"PRAGMA table_info({name})")}
    except sqlite3.DatabaseError:
        there = set()
    names = [column for column, _ in columns if column in there]
    keys = [column for column, key in sorted(columns, key=lambda column: column[1]) if key and column in there]
    if not names or not keys:
        return Rescued(name, 0, 0, False)
    reader = _Reader(old, name, names, keys)
    statement = f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    read = kept = 0
    for row in reader.rows():
        read += 1
        with suppress(sqlite3.IntegrityError, sqlite3.InterfaceError):  # what does not fit, or whose parent is lost
            new.execute(statement, row)
            kept += 1
    return Rescued(name, read, kept, reader.whole)


class _Reader:
    """Reads a table from its beginning, then from its end, then what lies between, row by row."""

    def __init__(self, db: sqlite3.Connection, table: str, names: list[str], keys: list[str]) -> None:
        self.db, self.table, self.keys = db, table, keys
        self.select = f"SELECT {', '.join(names)} FROM {table}"
        self.places = [names.index(key) for key in keys]
        self.whole = False

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield every row that can be read, once."""
        seen: set[tuple[object, ...]] = set()
        ends: list[object] = []
        for way in ("ASC", "DESC"):
            last = None
            order = ", ".join(f"{key} {way}" for key in self.keys)
            try:
                for row in self.db.execute(f"{self.select} ORDER BY {order}"):
                    key = tuple(row[place] for place in self.places)
                    last = key[0]
                    if key not in seen:
                        seen.add(key)
                        yield row
                self.whole = True
                return
            except sqlite3.DatabaseError:
                ends.append(last)
        yield from self._between(*ends, seen=seen)

    def _between(self, first: object, last: object, *, seen: set[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
        if len(self.keys) != 1:
            return
        low = first if isinstance(first, int) else 0
        high = last if isinstance(last, int) else low + 10_000
        for key in range(low + 1, min(high, low + _MOST_MISSED)):
            with suppress(sqlite3.DatabaseError):
                row = self.db.execute(f"{self.select} WHERE {self.keys[0]} = ?", (key,)).fetchone()
                if row is not None and (key,) not in seen:
                    yield row
