"""The anonymous memory a block of code takes at most."""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_STATUS = Path("/proc/self/status")
_EVERY = 0.01
"""Seconds between two looks."""


def anonymous_memory() -> int | None:
    """Return the bytes of anonymous memory (the heap, not mapped files) in use; None where the system does not say."""
    if not _STATUS.exists():  # only Linux has it
        return None
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return None


def _give_back_freed() -> None:
    """Return freed memory to the system, where the C library can: it would hide what is taken next."""
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


class AnonymousMemory:
    """Look at the memory of the process all along a block; `peak` is the most beyond what there was at its start.

    Attributes
    ----------
    peak : float
        Bytes; NaN where the system does not say.
    """

    def __init__(self) -> None:
        self.peak = float("nan")
        self._done = threading.Event()

    def __enter__(self) -> Self:
        _give_back_freed()
        self._before = anonymous_memory()
        if self._before is not None:
            self.peak = 0.0
            self._thread = threading.Thread(target=self._watch, args=(self._before,), daemon=True)
            self._thread.start()
        return self

    def _watch(self, before: int) -> None:
        while not self._done.wait(_EVERY):
            self.peak = max(self.peak, float((anonymous_memory() or 0) - before))

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._before is not None:
            self._thread.join()
