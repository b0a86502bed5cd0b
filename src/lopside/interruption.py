"""Ctrl-C at the end of a step rather than in the middle of one."""

from __future__ import annotations

import signal
from contextlib import suppress
from types import FrameType
from typing import Self


class Interruption:
    """Turn the first Ctrl-C into a flag, so that a step is never cut in two; the second one ends the process.

    Outside the main thread, where Python hands out no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        with suppress(ValueError):
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError, AttributeError):
            signal.signal(signal.SIGINT, self._before)
