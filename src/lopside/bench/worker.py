"""Calls in a process of their own, so that one that hangs or crashes can be given up and counted as a failure."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self

FAILURES = (TimeoutError, ChildProcessError, RuntimeError)
"""What a call raises where nothing comes back."""

_GRACE = 5.0
"""Seconds that a process has to end by itself."""


class Worker:
    """A process that calls functions one after the other; a new one is started after each that was given up.

    It is started afresh, not forked: OpenMP does not survive a fork.

    Parameters
    ----------
    threads : int, optional
        How many the library, and the peers that are told its number, use there.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads
        self._process: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, function: Callable[..., Any], *arguments: Any, limit: float) -> Any:
        """Return what a function, which the process must find by its name, returns within so many seconds.

        Raises
        ------
        TimeoutError, ChildProcessError, RuntimeError
            If it takes longer, if the process dies, or if the function raises.
        """
        if self._process is None:
            self._start()
        self._pipe.send((function, arguments))
        if not self._pipe.poll(limit):
            self._kill()
            raise TimeoutError(f"given up after {limit:g} s")
        try:
            error, value = self._pipe.recv()
        except (EOFError, OSError):
            self._kill()
            raise ChildProcessError("the process that ran it has died") from None
        if error is not None:
            raise RuntimeError(error)
        return value

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, its = context.Pipe()
        self._process = context.Process(target=_serve, args=(its, self._threads), daemon=True)
        self._process.start()
        its.close()

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()
        self._process = None

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._pipe.close()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
        self._process = None


def _serve(pipe: Connection, threads: int | None) -> None:
    if threads is not None:
        os.environ["LOPSIDE_THREADS"] = str(threads)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = None, function(*arguments)
        except Exception as error:  # whatever it is, who called is told
            answer = f"{type(error).__name__}: {error}", None
        try:
            pipe.send(answer)
        except BrokenPipeError:  # who called has gone
            return
