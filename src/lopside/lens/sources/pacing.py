"""When the next request may be sent: one pace for the server, the command line and a second window."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lopside.lens.sources.hosts import SOURCES
from lopside.lens.store.database import Library


class Stopped(Exception):
    """The reader wants no further request."""


class Paused(Exception):
    """A source wants to be left alone until a moment; nothing waits for that long."""

    def __init__(self, source: str, until: float) -> None:
        super().__init__(f"{SOURCES[source].name} asks to wait")
        self.source, self.until = source, until


@dataclass(frozen=True)
class Clock:
    """What time it is, and waiting.

    Attributes
    ----------
    now : callable
        Returns seconds since 1970.
    sleep : callable
        Given seconds.
    """

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


LONGEST = 60.0
"""Seconds that are waited for in place; a source that asks for more pauses the import."""

_SLICE = 1.0
"""Seconds after which one looks whether the reader has stopped it."""


class Pacer:
    """The pace of every source, kept in the library's file.

    Parameters
    ----------
    store : Library
    clock : Clock
    pace : dict, optional
        Seconds between two requests by source, where they differ from the sources' own rules.
    """

    def __init__(self, store: Library, clock: Clock, pace: dict[str, float] | None = None) -> None:
        self.store, self.clock = store, clock
        self.pace = {name: source.pace for name, source in SOURCES.items()} | (pace or {})

    def wait(self, source: str, stopped: Callable[[], bool]) -> None:
        """Return at the moment that belongs to the caller's request, and to no other's.

        Raises
        ------
        Paused
            If the source wants to be left alone.
        Stopped
            If the reader stops it.
        """
        begin = self._reserved(source)
        while (left := begin - self.clock.now()) > 0:
            if stopped():
                raise Stopped
            self.clock.sleep(min(left, _SLICE))
        if stopped():
            raise Stopped

    def _reserved(self, source: str) -> float:
        with self.store.writing() as db:
            db.execute("INSERT OR IGNORE INTO source_state (source) VALUES (?)", (source,))
            row = db.execute("SELECT * FROM source_state WHERE source = ?", (source,)).fetchone()
            now = self.clock.now()
            if row["paused_until"] > now:
                raise Paused(source, row["paused_until"])
            # A clock that was set back must not make us wait for the time that it went back.
            begin = max(now, row["next_at"]) if row["next_at"] <= now + 2 * LONGEST else now
            db.execute("UPDATE source_state SET next_at = ? WHERE source = ?", (begin + self.pace[source], source))
        return begin

    def hold(self, source: str, seconds: float) -> None:
        """Let nobody ask a source for some seconds; more than a minute of them pauses it."""
        until = self.clock.now() + seconds
        column = "paused_until" if seconds > LONGEST else "next_at"
        with self.store.writing() as db:
            db.execute(f"UPDATE source_state SET {column} = max({column}, ?) WHERE source = ?", (until, source))
