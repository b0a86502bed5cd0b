"""Completion over worker processes of Dask: the same bits, also where a worker is killed; and a client that is gone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import lopside as lo
from lopside.errors import Error, InputError

STOP, SOLVER = lo.Stop(max_steps=3), lo.solvers.AlternatingLeastSquares()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with dask.config.set({"distributed.scheduler.allowed-failures": 9}), LocalCluster(**options) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: Any) -> Iterator[Any]:
    with Client(cluster) as client:
        yield client


def entries(m: int = 600, n: int = 400, k: int = 40_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    flat = rng.choice(m * n, k, replace=False)
    i, j = flat // n, flat % n
    A = rng.standard_normal((m, 3)) @ rng.standard_normal((3, n))
    return {"rows": i, "cols": j, "values": A[i, j] + 0.1 * rng.standard_normal(k)}


def chunked(given: dict[str, np.ndarray], size: int) -> dict[str, Any]:
    return {name: da.from_array(array, chunks=size) for name, array in given.items()}


def same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.Y, other.Y)
    assert one.loss == other.loss


def test_worker_processes_give_the_bits_of_one_place(client: Any) -> None:
    given = entries()
    local = lo.Completion(**given, ridge=0.1, bias="both")
    expected = lo.solve(local, SOLVER, rank=3, stop=STOP, rng=0)
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": 1000}):  # a warning would be an error
        spread = lo.Completion(**chunked(given, 9000), ridge=0.1, bias="both")
        got = lo.solve(spread, SOLVER, rank=3, stop=STOP, rng=0)
    same(got, expected)
    held = client.who_has(client.futures_of(list(spread.by_rows.parts)))
    assert len({worker for workers in held.values() for worker in workers}) == 2
    assert lo.certify(spread, got).gap == pytest.approx(lo.certify(local, got).gap, rel=0.05)


def test_a_frame_over_worker_processes(client: Any) -> None:
    given = entries(k=5000)
    table = pd.DataFrame({"who": [f"u{i}" for i in given["rows"]], "what": given["cols"], "stars": given["values"]})
    names = {"row": "who", "column": "what", "value": "stars"}
    spread = lo.Completion.from_dask(dd.from_pandas(table, npartitions=2), **names, ridge=0.1)
    expected = lo.solve(lo.Completion.from_frame(table, **names, ridge=0.1), SOLVER, rank=2, stop=STOP, rng=0)
    same(lo.solve(spread, SOLVER, rank=2, stop=STOP, rng=0), expected)
    torn = table.assign(stars=np.where(np.arange(5000) == 4321, np.nan, table["stars"]))
    with pytest.raises(InputError, match="partition 1 .*column 'stars'"):
        lo.Completion.from_dask(dd.from_pandas(torn, npartitions=2), **names)


def kill_while_busy(client: Any, killed: list[int]) -> threading.Thread:
    """Kill, as soon as a worker has something to do, a worker that holds partitions and has something to do."""
    pids = client.run(os.getpid)

    def work() -> None:
        until = time.monotonic() + 30.0
        while time.monotonic() < until:
            busy = [address for address, tasks in client.processing().items() if tasks]
            if busy:
                killed.append(pids[busy[0]])
                os.kill(pids[busy[0]], signal.SIGKILL)
                return

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("turned", [False, True], ids=["before the shuffle", "in a half step"])
def test_a_killed_worker_does_not_change_the_result(client: Any, turned: bool) -> None:
    given = entries(1500, 1000, 100_000)
    local, spread = (lo.Completion(**some, ridge=0.1) for some in (given, chunked(given, 20_000)))
    expected = lo.solve(local, SOLVER, rank=8, stop=STOP, rng=0)
    if turned:
        assert spread.by_columns.entries == 100_000
    killed: list[int] = []
    thread = kill_while_busy(client, killed)
    got = lo.solve(spread, SOLVER, rank=8, stop=STOP, rng=0)
    thread.join()
    assert len(killed) == 1
    same(got, expected)
    client.wait_for_workers(2)


def test_a_closed_client_is_named(cluster: Any) -> None:
    with Client(cluster, set_as_default=False) as other, other.as_current():
        spread = lo.Completion(**chunked(entries(k=5000), 1000), ridge=0.1)
    with pytest.raises(Error, match="cluster has gone: the client.*Try connecting a new client"):
        lo.solve(spread, SOLVER, rank=2, stop=STOP, rng=0)
