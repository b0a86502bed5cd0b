"""Threads: how many, work in a fixed order on our own pool, and BLAS held at one.

OpenBLAS sums in another order on two threads than on one, so everything tall runs inside
`one_blas_thread`; parallel work happens above it, over row blocks fixed by the shape.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lopside.errors import InputError

T = TypeVar("T")


class _OneBlasThread:
    """Holds NumPy's BLAS at one thread while any caller is inside; nested and concurrent use is counted.

    The setting is one per process and belongs to the BLAS, so the first to enter sets it and the
    last to leave puts back what was there.
    """

    def __init__(self) -> None:
        self._controller: Any = None
        self.forget()

    def forget(self) -> None:
        """Start anew, as a forked child must: the threads that were inside are not in the child."""
        self._lock = threading.Lock()
        self._depth = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                if self._controller is None:
                    from threadpoolctl import ThreadpoolController

                    self._controller = ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._limit.restore_original_limits()


one_blas_thread = _OneBlasThread()
"""Context manager: inside `with one_blas_thread:` BLAS sums in the same order on every machine setting."""
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=one_blas_thread.forget)


def thread_count(threads: int | None = None) -> int:
    """Return how many threads may work: the argument, else LOPSIDE_THREADS, else the usable cores.

    Raises
    ------
    InputError
        If the argument or the variable is not a positive integer.
    """
    given = os.environ.get("LOPSIDE_THREADS") if threads is None else threads
    if given is None:
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS or Windows
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        count = int(given)
    except (TypeError, ValueError):
        count = 0
    if count < 1 or (threads is not None and count != threads):
        raise InputError(f"got {given!r} threads (argument or LOPSIDE_THREADS); expected an integer ≥ 1")
    return count


def ordered_map(work: Callable[[Any], T], items: Sequence[Any], threads: int) -> list[T]:
    """Apply `work` to each item, on up to `threads` threads, and return the results in the items' order.

    The calling thread works too. Called from inside of `work`, it runs on the calling thread alone.
    """
    if threads == 1 or len(items) == 1 or _workers.busy():
        return [work(item) for item in items]
    results: list[Any] = [None] * len(items)
    waiting = deque(range(len(items)))

    def take() -> None:
        _workers.enter()
        try:
            while waiting:
                try:
                    k = waiting.popleft()
                except IndexError:  # another thread took the last
                    return
                results[k] = work(items[k])
        except BaseException:
            waiting.clear()
            raise
        finally:
            _workers.leave()

    helpers = [_workers.pool().submit(take) for _ in range(min(threads, len(items)) - 1)]
    try:
        take()
    finally:
        failed = [error for helper in helpers if not helper.cancel() and (error := helper.exception())]
    if failed:
        raise failed[0]
    return results


class _Workers:
    """The threads of `ordered_map`: started when first needed, kept for the next call, started anew after a fork."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._pool: Any = None
        self._inside = threading.local()
        self._lock = threading.Lock()

    def pool(self) -> Any:
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(max(64, os.cpu_count() or 1), "lopside")
            return self._pool

    def busy(self) -> bool:
        return getattr(self._inside, "depth", 0) > 0

    def enter(self) -> None:
        self._inside.depth = 1

    def leave(self) -> None:
        self._inside.depth = 0


_workers = _Workers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.forget)
