"""What a pass over a Dask array costs, as a model of a few measured numbers, checked against more workers.

With A of B bytes in c chunks, b bundles of them on W workers of t threads, Y of n × d, sums added 16 at a time,

    seconds = max(B·a/(W t) + b·o/W, T·s) + h + (⌈log₂ W⌉ + ⌈log₁₆ c⌉)·(8 n d/ν + λ)

a: seconds a byte of the pass itself at d columns, one thread; o: what a worker spends on a bundle beside it; T: tasks,
b and those of the tree; s: what the scheduler and the client spend on a task, while workers work; h: from the client to
a worker and back, when there is nothing to do; ν, λ: bytes a second and seconds a message between two workers, not
counted for a single one. All but W are measured with one worker (ν and λ with two, of another cluster); what the
formula says of two is compared with what two take.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from dask import array

from lopside.bench.cluster import CHUNKS, N, cluster, matrix, reader, sweep
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.problems import Full
from lopside.storage import Dense
from lopside.storage.bundles import most_in_one
from lopside.storage.tasks import FAN_IN

_D = 16

_CONSTANTS = (Column("what", "what"), Column("value", "value", ".3g"), Column("unit", "unit"))
_CHECK = (
    Column("workers", "workers", "d"),
    Column("measured", "measured s", ".3f"),
    Column("model", "model s", ".3f"),
    Column("error", "model / measured − 1", "+.0%"),
    Column("shared", "the same, memory shared", "+.0%"),
    Column("messages", "messages a pass", ".0f"),
    Column("most", "model: at most", "d"),
)
_FAR = (
    Column("what", "matrix, machines"),
    Column("bytes", "TB", ".1f"),
    Column("chunks", "chunks", "d"),
    Column("tasks_count", "tasks", "d"),
    Column("passing", "pass s", ".2f"),
    Column("tasks", "beside s", ".2f"),
    Column("scheduler", "scheduler s", ".2f"),
    Column("network", "network s", ".2f"),
    Column("seconds", "a pass s", ".2f"),
    Column("client", "Y MB", ".0f"),
)


class Constants(NamedTuple):
    """What a pass costs on this machine; see above."""

    a: float
    o: float
    s: float
    h: float
    bandwidth: float
    latency: float


def bundles(chunks: int, workers: int, threads: int) -> int:
    """Return how many bundles so many chunks are, if each worker has as many side by side."""
    each = math.ceil(chunks / workers)
    return workers * math.ceil(each / most_in_one(each, threads))


def tasks(chunks: int, workers: int, threads: int) -> int:
    """Return how many tasks a pass is: the bundles, and the sums of a tree whose last one is added by the client."""
    count, level = bundles(chunks, workers, threads), math.ceil(chunks / FAN_IN)
    while level > 1:
        count += level
        level = math.ceil(level / FAN_IN)
    return count


def messages(chunks: int, workers: int) -> int:
    """Return how many results change workers in a pass at most: sums that meet others in the tree."""
    return 0 if workers == 1 else chunks - 1


def seconds(known: Constants, size: float, chunks: int, workers: int, threads: int, side: float) -> dict[str, float]:
    """Return the model's parts and their sum, for a matrix of `size` bytes and Y of `side` bytes."""
    rounds = math.ceil(math.log2(workers)) + math.ceil(math.log(chunks, FAN_IN)) if workers > 1 else 0
    parts = {
        "passing": size * known.a / (workers * threads),
        "tasks": bundles(chunks, workers, threads) * known.o / workers,
        "scheduler": tasks(chunks, workers, threads) * known.s,
        "network": known.h + rounds * (side / known.bandwidth + known.latency),
    }
    work = max(parts["passing"] + parts["tasks"], parts["scheduler"])
    return parts | {"seconds": work + parts["network"]}


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield the constants, the check and the extrapolation."""
    size, rounds = (0.5e9, 3) if quick else (4e9, 7)
    with cluster(1, 1) as one, cluster(2, 1) as two:
        say("one worker of one thread")
        first = matrix(one, size)
        storage = Full(first).storage
        once = sweep(storage, _D)
        a, o = _measured_alone(one, storage, once, rounds)
        s, h = _scheduling(one), _round_trip(one)
        say("two workers")
        second = matrix(two, size)
        bandwidth, latency = _network(two)
        both = sweep(Full(second).storage, _D)
        plain = {"read 1": reader(one, first), "read 2": reader(two, second)}
        times = interleave({"1": once, "2": both, **plain}, rounds)
        sent = {1: _messages(one, once), 2: _messages(two, both)}
    say("four workers, for the count of messages")
    with cluster(4, 1) as four:
        sent[4] = _messages(four, sweep(Full(matrix(four, size / 8)).storage, _D))
    known = Constants(a, o, s, h, bandwidth, latency)
    yield _constants(known)
    side = 8.0 * N * _D
    rows = []
    for workers in (1, 2, 4):
        row: dict[str, Any] = {"workers": workers, "messages": sent[workers], "most": messages(CHUNKS, workers)}
        if str(workers) in times:
            parts, measured = seconds(known, size, CHUNKS, workers, 1, side), times[str(workers)].median
            model = parts["seconds"]
            row |= {"measured": measured, "model": model, "error": model / measured - 1.0}
            if workers == 2:
                slower = 2.0 / times["read 1"].ratio(times["read 2"])
                row["shared"] = (model + (slower - 1.0) * parts["passing"]) / measured - 1.0
        rows.append(row)
    yield Table(
        "check",
        f"The model against passes over {size / 1e9:.2g} GB, d = {_D}, workers of one thread",
        _CHECK,
        rows,
        remarks=(
            "Memory shared: with passes slowed down as plain reads by two processes are in the same run.",
            "This machine has two cores: four workers are counted, not timed.",
        ),
    )
    yield _far(known)


def _measured_alone(client: Any, storage: Any, once: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return a and o: the pass itself, and what the worker's processor spends beside it."""
    height = storage.heights[0]
    plain = sweep(Dense(np.random.default_rng(0).standard_normal((height, N)), 1), _D)
    timing = interleave({"plain": plain}, rounds)["plain"].median
    alone = timing / (8.0 * height * N)
    once()
    begun = client.run(_processor)
    for _ in range(rounds):
        once()
    worker = sum(client.run(_processor).values()) - sum(begun.values())
    beside = (worker / rounds - CHUNKS * timing) / len(storage.bundles)
    return alone, max(0.0, beside)


def _scheduling(client: Any, chunks: int = 500) -> float:
    """Return s, from passes over chunks of nothing much that are made in each pass: a task each, and one more."""
    with client.as_current():
        once = sweep(Full(array.ones((chunks, N), chunks=(1, N))).storage, 1)
        once()
        began = time.process_time()
        once()
    return (time.process_time() - began) / (chunks + tasks(chunks, chunks, 1))


def _round_trip(client: Any) -> float:
    lengths = []
    for _ in range(20):
        began = time.perf_counter()
        client.gather(client.submit(int, pure=False))
        lengths.append(time.perf_counter() - began)
    return float(np.median(lengths))


def _processor() -> float:
    return time.process_time()


def _network(client: Any) -> tuple[float, float]:
    """Return bytes a second and seconds a message from one worker to the other."""
    here, there = list(client.scheduler_info(n_workers=-1)["workers"])
    spent = {}
    for size in (8, 64_000_000):
        lengths = []
        for _ in range(5):
            made = client.submit(np.ones, size // 8, workers=[here], pure=False)
            client.gather(client.submit(len, made, workers=[here], pure=False))
            began = time.perf_counter()
            client.gather(client.submit(len, made, workers=[there], pure=False))
            moved = time.perf_counter() - began
            began = time.perf_counter()
            client.gather(client.submit(len, made, workers=[there], pure=False))
            lengths.append(moved - (time.perf_counter() - began))
        spent[size] = max(float(np.median(lengths)), 1e-4)
    return 64e6 / spent[64_000_000], spent[8]


def _received(dask_worker: Any) -> int:
    return dask_worker.state.transfer_incoming_count_total


def _messages(client: Any, once: Callable[[], Any], passes: int = 5) -> float:
    once()
    before = sum(client.run(_received).values())
    for _ in range(passes):
        once()
    return (sum(client.run(_received).values()) - before) / passes


def _constants(known: Constants) -> Table:
    rows = [
        {"what": f"a, the pass at d = {_D}", "value": 1e-9 / known.a, "unit": "GB/s, one thread"},
        {"what": "o, a worker's work beside it", "value": 1e3 * known.o, "unit": "ms a bundle"},
        {"what": "s, scheduler and client", "value": 1e3 * known.s, "unit": "ms a task"},
        {"what": "h, to a worker and back", "value": 1e3 * known.h, "unit": "ms"},
        {"what": "ν, between two workers", "value": 1e-9 * known.bandwidth, "unit": "GB/s"},
        {"what": "λ, a message", "value": 1e3 * known.latency, "unit": "ms"},
    ]
    return Table("constants", "What the model is made of, measured", _CONSTANTS, rows)


_CASES = (
    ("10⁸ × 10⁴ float64, 100 machines of 16 cores", 10**8, 10**4, 100, 16, 2e9),
    ("the same, chunks of 200 MB", 10**8, 10**4, 100, 16, 2e8),
    ("10⁶ × 10⁶ float64, 100 machines of 16 cores", 10**6, 10**6, 100, 16, 2e9),
    ("10⁸ × 10⁴ float64, 1000 machines of 16 cores", 10**8, 10**4, 1000, 16, 2e9),
)


def _far(known: Constants) -> Table:
    rows = []
    for what, m, n, workers, threads, chunk in _CASES:
        size, side = 8.0 * m * n, 8.0 * n * _D
        chunks = math.ceil(size / chunk)
        model = seconds(known, size, chunks, workers, threads, side)
        rows.append(
            {
                "what": what,
                "bytes": size / 1e12,
                "chunks": chunks,
                "tasks_count": tasks(chunks, workers, threads),
                **model,
                "client": side / 1e6,
            }
        )
    return Table(
        "far",
        f"A model, not a measurement: one pass at d = {_D} over 10¹² entries",
        _FAR,
        rows,
        remarks=("Cores and network as measured here, A in the machines' memory; nothing of the kind has been run.",),
    )
