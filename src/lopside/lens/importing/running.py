"""Imports as they run: step by step, in a thread of their own, one at a time on this library."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lopside.errors import FileError
from lopside.lens.importing import jobs, steps
from lopside.lens.importing.pairing import pair_up
from lopside.lens.importing.planning import options_since
from lopside.lens.sources.asking import Asker, Failed
from lopside.lens.sources.hosts import SOURCES
from lopside.lens.sources.pacing import Paused, Stopped
from lopside.lens.space.refreshing import refresh
from lopside.lens.store.database import Library
from lopside.lens.store.papers import weigh_terms

_log = logging.getLogger("lopside.lens")


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Say whether nobody else imports into a library, and let nobody else begin.

    It is SQLite's own lock, on a file beside the library: it ends with the process, however that ends.
    """
    lock = sqlite3.connect(path.with_name(path.name + ".importing"), timeout=0.0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield True
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        yield False
    finally:
        lock.close()


def run(library: Library, asker: Asker, pk: int, ended: Callable[[], bool] = lambda: False) -> str | None:
    """Take the steps of a job, as far as it goes now, and return how it stands then.

    Parameters
    ----------
    library : Library
    asker : Asker
    pk : int
        Of the job.
    ended : callable
        Says whether the program ends; the job goes on where it was, another time.
    """

    def stopped() -> bool:
        if ended():
            return True
        with library.reading() as db:
            return jobs.state(db, pk) != "running"

    with library.writing() as db:
        if jobs.state(db, pk) in ("ready", "waiting", "running"):
            jobs.set_state(db, pk, "running")
    asker.stopped = stopped
    try:
        waits = _steps(library, asker, pk)
    except Stopped:
        waits = None
    if ended():
        return None
    settle(library, pk)
    with library.writing() as db:
        if jobs.state(db, pk) == "running":
            if waits is None:
                jobs.set_state(db, pk, "done")
            else:
                why = f"{SOURCES[waits.source].name} asks to wait"
                jobs.set_state(db, pk, "waiting", why, not_before=waits.until)
        return jobs.state(db, pk)


def _steps(library: Library, asker: Asker, pk: int) -> Paused | None:
    """Take one step after the other; return what the last ones wait for, or None where there are none."""
    paused: dict[str, Paused] = {}
    while True:
        if asker.stopped():
            raise Stopped
        with library.reading() as db:
            item = jobs.next_item(db, pk, set(paused))
        if item is None:
            return min(paused.values(), key=lambda one: one.until, default=None)
        try:
            steps.take(library, asker, item)
        except Paused as pause:
            paused[pause.source] = pause
        except (Failed, FileError) as failed:
            steps.fail(library, item, str(failed))


def settle(library: Library, pk: int) -> None:
    """Put together what is one paper, and compute anew what depends on all papers."""
    with library.writing() as db:
        job = jobs.get(db, pk)
        if job is not None and any(item["state"] != "waiting" for item in jobs.of(db, pk)):
            merged, asked = pair_up(db, options_since(job["options"]))
            db.execute("UPDATE job SET merged = merged + ?, asked = asked + ? WHERE pk = ?", (merged, asked, pk))
    with library.writing() as db:
        weigh_terms(db)
    refresh(library)


class Runner:
    """Runs the imports that the reader has started here.

    Parameters
    ----------
    library : Library
    asker : Asker
    """

    def __init__(self, library: Library, asker: Asker) -> None:
        self.library, self.asker = library, asker
        self._queue: list[int] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def go(self, pk: int) -> None:
        """Run a job, after those before it."""
        with self._lock:
            if pk not in self._queue:
                self._queue.append(pk)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="import", daemon=True)
                self._thread.start()

    def has(self, pk: int) -> bool:
        """Say whether a job is running here, or will."""
        with self._lock:
            return pk in self._queue and self._thread is not None

    def elsewhere(self) -> bool:
        """Say whether another program is at an import into this library."""
        with self._lock:
            if self._thread is not None:
                return False
        with alone(self.library.path) as ours:
            return not ours

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to run, and say whether it is so."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._thread is None

    def stop(self) -> None:
        """End; what is unfinished goes on another time."""
        self._ending.set()
        self.wait(3.0)
        self.asker.close()

    def _work(self) -> None:
        try:
            while not self._ending.is_set():
                with self._lock:
                    queue = list(self._queue)
                    if not queue:
                        self._thread = None  # with the same lock: what comes from now on has a thread of its own
                        return
                if not self._turn(queue):
                    self.asker.clock.sleep(1.0)
        except Exception as error:
            if not self._ending.is_set():
                _log.error("an import broke off", exc_info=error)
            with self._lock:
                self._queue.clear()
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _turn(self, queue: list[int]) -> bool:
        """Run what can run now, and say whether anything could."""
        for pk in queue:
            with self.library.reading() as db:
                job = jobs.get(db, pk)
            if job is None or (job["not_before"] or 0.0) <= self.asker.clock.now():
                with alone(self.library.path) as ours:
                    if not ours:
                        continue
                    state = None if job is None else run(self.library, self.asker, pk, self._ending.is_set)
                if state != "waiting":
                    with self._lock:
                        self._queue.remove(pk)
                return True
        return False
