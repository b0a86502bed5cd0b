"""Processes killed at random moments, each of which goes on where the one before was."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import kept_runs
import numpy as np
import pytest

import lopside as lo

SERVER = Path(kept_runs.__file__)
KILLS = {"stretches": 4, "momentum": 3, "entries": 3}


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"LOPSIDE_THREADS": "1"}  # where the reference has the default
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def version(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def run_and_kill(server: subprocess.Popen[str], name: str, path: Path, delay: float) -> None:
    """Let a process go on until it has written twice, and kill it some time after that."""
    assert server.stdin is not None
    assert server.stdout is not None
    seen, deadline = {version(path)}, time.monotonic() + 60.0
    server.stdin.write(f"{name} {path}\n")
    server.stdin.flush()
    child = int(server.stdout.readline())
    while len(seen) < 3:
        assert time.monotonic() < deadline
        seen.add(version(path))
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    assert server.stdout.readline() == "gone\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("name", KILLS)
def test_every_kill_is_survived_to_the_bit(name: str, server: subprocess.Popen[str], tmp_path: Path) -> None:
    path, rng, reached = tmp_path / "run.ckpt", np.random.default_rng(len(name)), [0]
    for _ in range(KILLS[name]):
        run_and_kill(server, name, path, rng.uniform(0.0, 0.1))
        make, solver = kept_runs.KILLED[name]
        run = lo.Run(make(), solver, rank=3, rng=5, stop=lo.Stop(max_steps=0), checkpoint=path)
        reached.append(run.state.step)
    assert all(before < after for before, after in itertools.pairwise(reached))
    stop = lo.Stop(max_steps=reached[-1] + 37)
    resumed = kept_runs.killed(name, stop=stop, checkpoint=path, every=0)
    assert kept_runs.told(resumed) == kept_runs.told(kept_runs.killed(name, stop=stop))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.ckpt", "run.ckpt.previous"]
