"""Computing anew what the papers have outgrown; what was there before is served until then."""

from __future__ import annotations

import logging
import sqlite3
import threading
from types import ModuleType

from lopside import __version__
from lopside.lens.space import citations, links, runs, text
from lopside.lens.store.database import Library

KINDS: dict[str, ModuleType] = {"text": text, "citations": citations, "links": links}
"""What is computed, in this order: links are compared with texts."""

_log = logging.getLogger("lopside.lens")
_busy = threading.Lock()


def refresh(store: Library, *, wait: bool = True) -> None:
    """Compute what is missing, or was computed from other papers or by another version.

    Parameters
    ----------
    store : Library
    wait : bool
        With False, nothing is done while another thread is at it.
    """
    if not _busy.acquire(blocking=wait):
        return
    try:
        for kind, module in KINDS.items():
            with store.reading() as db:
                papers = _papers(db)
                known = runs.current(db, kind)
                if known is not None and (known.corpus, known.engine) == (module.hashed(db), __version__):
                    continue
                made = module.compute(db)
            with store.writing() as db:
                if _papers(db) != papers:  # restored meanwhile: others have the keys that this names
                    continue
                runs.keep(db, made)
                if kind == "links":
                    links.keep_guesses(db, made)
    finally:
        _busy.release()


def _papers(db: sqlite3.Connection) -> list[tuple[int, str]]:
    return [(pk, slug) for pk, slug in db.execute("SELECT pk, slug FROM paper ORDER BY pk")]


def refresh_behind(store: Library) -> None:
    """Compute behind a page that is served: whatever goes wrong is told to the log alone."""
    try:
        refresh(store, wait=False)
    except sqlite3.ProgrammingError:  # the program is ending, and has closed the library
        return
    except Exception:
        _log.exception("what is computed from the papers could not be brought up to date")
