"""A process of its own: what it returns, how it fails, and that it is there again afterwards."""

from __future__ import annotations

import math
import operator
import os
import time

import pytest

from lopside.bench.worker import Worker

LONG = 60.0


def test_calls_return_and_failures_are_told_apart() -> None:
    with Worker(threads=1) as worker:
        assert worker(math.sqrt, 2.0, limit=LONG) == math.sqrt(2.0)
        assert worker(os.getenv, "LOPSIDE_THREADS", limit=LONG) == "1"
        process = worker(os.getpid, limit=LONG)
        assert process != os.getpid()
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            worker(operator.truediv, 1, 0, limit=LONG)
        assert worker(os.getpid, limit=LONG) == process
        with pytest.raises(TimeoutError, match=r"given up after 0\.2 s"):
            worker(time.sleep, LONG, limit=0.2)
        another = worker(os.getpid, limit=LONG)
        assert another != process
        with pytest.raises(ChildProcessError):
            worker(os._exit, 3, limit=LONG)
        assert worker(math.sqrt, 4.0, limit=LONG) == 2.0


def test_the_process_ends_with_the_block() -> None:
    with Worker() as worker:
        process = worker(os.getpid, limit=LONG)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
