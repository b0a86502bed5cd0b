"""The library's file: opened with care, read by many, written by one at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from lopside.errors import FileError

VERSION = 1
"""Of the schema; in the file as `PRAGMA user_version`."""

APPLICATION = 0x6C6F7073
"""`PRAGMA application_id`: what tells a library from any other SQLite file."""

_PAGE = 512
"""Bytes of the smallest page of SQLite, and so of the smallest database."""

_PATIENCE = 5.0
"""Seconds that a write waits for another program's."""


class Library:
    """A file with papers, notes and all that is computed from them.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    fill : callable, optional
        Puts into a new library what it begins with; it is made with that, or not at all.

    Raises
    ------
    FileError
        If the file is something else, damaged, from a newer version, or cannot be written; it is left as it is.
    """

    def __init__(self, path: Path, fill: Callable[[sqlite3.Connection], None] | None = None) -> None:
        self.path = path
        self._threads = threading.local()
        self._writing = threading.Lock()
        self._held: list[sqlite3.Connection] = []
        with _explained(path):
            new = not there(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not new:
                _require_sound(path)
            self._connection().execute("PRAGMA journal_mode = WAL")
            with self.writing() as db:
                if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    make(db)
                    if fill is not None:
                        fill(db)
                else:  # says now, rather than at the first note, that the file cannot be written
                    db.execute("DELETE FROM paper WHERE FALSE")

    def _connection(self) -> sqlite3.Connection:
        found = getattr(self._threads, "connection", None)
        if found is None:
            found = _opened(self.path)
            self._threads.connection = found
            self._held.append(found)
        return found

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection on which what is read is of one moment."""
        db = self._connection()
        if db.in_transaction:
            yield db
            return
        with _explained(self.path):
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose changes are kept together, or none of them."""
        with self._writing, _explained(self.path):
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                if db.in_transaction:  # a disk that is full has ended it already
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def close(self) -> None:
        """Close every connection; the file is whole by itself afterwards."""
        for connection in self._held:
            connection.close()
        self._held.clear()
        self._threads = threading.local()


def _opened(path: Path) -> sqlite3.Connection:
    # A connection is used by its own thread, but closed by the one that ends the program.
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for setting in ("foreign_keys = ON", "trusted_schema = OFF", "synchronous = NORMAL", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def there(path: Path) -> bool:
    """Say whether anything is where a library is looked for; a file without a byte or a table is none yet."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    if path.stat().st_size < _PAGE:  # some text, which SQLite takes for an empty database
        return True
    try:
        with closing(only_read(path)) as db:
            return db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0] == 1
    except sqlite3.DatabaseError:
        return True


def make(db: sqlite3.Connection) -> None:
    """Put the tables into a database that is empty."""
    for statement in _statements(files("lopside.lens.store").joinpath("schema.sql").read_text("utf-8")):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements one by one: `executescript` would commit between them."""
    kept = ""
    for line in script.splitlines(keepends=True):
        kept += line
        if sqlite3.complete_statement(kept):
            yield kept
            kept = ""


def only_read(path: Path) -> sqlite3.Connection:
    """Return a connection that does not change a library, nor the folder around it."""
    # Where nobody has it open, it has no log; SQLite would make an empty one even to read.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=_PATIENCE)


def _require_sound(path: Path) -> None:
    """Look at a file without a change to it."""
    connection = only_read(path)
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION:
            raise FileError(f"got {path}, which is no library of lopside; expected one. Try another --library")
        if version > VERSION:
            raise FileError(
                f"got {path} of version {version}, made by a newer lopside; expected {VERSION} or older. It is left as "
                "it is. Try a newer lopside, or another --library"
            )
        said = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
        if said != ["ok"]:
            raise sqlite3.DatabaseError(said[0])
    finally:
        connection.close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the file into a sentence that helps."""
    try:
        yield
    except FileError:  # of a file that was read meanwhile
        raise
    except sqlite3.OperationalError as error:
        said = str(error)
        if "locked" in said or "busy" in said:
            got, advice = "which another program is writing to", "closing that, then again"
        elif "readonly" in said or "unable to open" in said:
            got, advice = "which cannot be written", "another --library, or the right to write there"
        elif "full" in said:
            got, advice = "on a disk that is full", "making room; nothing was changed"
        else:
            raise
        raise FileError(f"got {path}, {got} ({said}); expected to write there. Try {advice}") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise FileError(
            f"got {path}, which is damaged ({error}); expected a whole library. It is left as it is. Try "
            "`lopside lens doctor`, which keeps a copy and rescues what can be read"
        ) from error
    except OSError as error:
        raise FileError(f"cannot use {path} ({error}); expected a place to write. Try another --library") from error
