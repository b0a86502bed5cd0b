"""Ctrl-C at the end of a step rather than in the middle of one."""

from __future__ import annotations

import signal
from contextlib import suppress
from types import FrameType
from typing import ClassVar, Self


class Interruption:
    """Turn the first Ctrl-C into a flag, so that a step is never cut in two; the second one ends the process.

    Outside the main thread, where Python hands out no signals, it does nothing.
    """

    _all: ClassVar[list[Interruption]] = []

    def __init__(self) -> None:
        self.asked = False

    @classmethod
    def pending(cls) -> bool:
        """Whether Ctrl-C waits for the end of a step: what waits for others can ask whether that will come."""
        return any(one.asked for one in cls._all)

    def __enter__(self) -> Self:
        self._all.append(self)
        with suppress(ValueError):
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *_: object) -> None:
        self._all.remove(self)
        with suppress(ValueError, AttributeError):
            signal.signal(signal.SIGINT, self._before)
