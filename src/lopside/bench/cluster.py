"""Dask arrays: a pass against the same rows in one process, more workers, and other libraries at equal accuracy."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from lopside.bench.memory import AnonymousMemory
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.factorize import factorize
from lopside.problems import Full
from lopside.storage import Dense

N, CHUNKS = 4000, 64
_RANK = 20
_GOAL = 1e-6
_POWERS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)
_WORSE = 2.0
"""A peer whose excess is this many times the least it has reached loses digits with every power: no more are tried."""

_PASS = (
    Column("what", "what"),
    Column("local", "one process s", ".3f"),
    Column("dask", "Dask, one worker s", ".3f"),
    Column("ratio", "ratio", ".2f"),
    Column("client", "client MB beyond Y", ".0f"),
)
_WORKERS = (
    Column("what", "what"),
    Column("one", "1 worker s", ".3f"),
    Column("two", "2 workers s", ".3f"),
    Column("faster", "speed-up", ".2f"),
    Column("share", "of that of plain reads", ".2f"),
)
_PEERS = (
    Column("matrix", "matrix"),
    Column("method", "method"),
    Column("setting", "cheapest setting"),
    Column("seconds", "s", ".2f"),
    Column("excess", "excess", ".1e"),
    Column("ratio", "× lopside's time", ".1f"),
    Column("memory", "workers' peak MB", ".0f"),
    Column("share", "× lopside's memory", ".1f"),
)


def tables(*, quick: bool, say: Callable[[str], None], only: str | None = None) -> Iterator[Table]:
    """Yield the tables.

    Parameters
    ----------
    quick : bool
        A matrix of 0.5 GB, and fewer rounds.
    say : callable
        Is told what is being measured.
    only : str, optional
        The name of one table.
    """
    size, rounds = (0.5e9, 3) if quick else (8e9, 7)
    made = {
        "pass": lambda: _passes(size, rounds, say),
        "workers": lambda: _workers(size / 2, rounds, say),
        "peers": lambda: _peers(size / 8, 1 if quick else 3, say),
    }
    for name, make in made.items():
        if only in (None, name):
            yield make()


@contextmanager
def cluster(workers: int, threads: int) -> Iterator[Any]:
    """Start so many worker processes on this machine, and yield a client that is nobody's default."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=":0", memory_limit=0
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        yield client


def rows(number: int, height: int, decay: float) -> np.ndarray:
    """Return the rows of one chunk: forty directions, whose sizes fall by this exponent, in white noise."""
    rng, right = np.random.default_rng(number), np.random.default_rng(10**6).standard_normal((40, N))
    A = rng.standard_normal((height, 40)) * np.arange(1.0, 41.0) ** -decay @ right
    A += 0.1 * rng.standard_normal((height, N))
    return A


def matrix(client: Any, size: float, decay: float = 0.5, chunks: int = CHUNKS) -> Any:
    """Return a dense matrix of so many bytes in the workers' memory."""
    from dask import array as da
    from dask.delayed import delayed
    from distributed import wait

    height = int(size / (8 * N * chunks))
    load = delayed(rows)
    parts = [da.from_delayed(load(k, height, decay), (height, N), dtype=float) for k in range(chunks)]
    A = client.persist(da.concatenate(parts))
    with client.as_current():
        wait(A)
    return A


def _passes(size: float, rounds: int, say: Callable[[str], None]) -> Table:
    threads, measured = os.cpu_count() or 1, []
    with cluster(1, threads) as client:
        say(f"{size / 1e9:.2g} GB in {CHUNKS} chunks, one worker of {threads} threads")
        A = matrix(client, size)
        height = A.chunks[0][0]
        local = np.empty(A.shape)
        for k in range(CHUNKS):
            local[k * height : (k + 1) * height] = rows(k, height, 0.5)
        ours, plain = Full(A).storage, Dense(local, threads)
        for d in (8, 16):
            here, there = sweep(ours, d), sweep(plain, d)
            with AnonymousMemory() as memory:
                here()
            times = interleave({"dask": here, "local": there}, rounds)
            measured.append(_compared(f"a pass, d = {d}", times, memory.peak - 8 * N * d))
        with AnonymousMemory() as memory:
            fit = factorize(A, _RANK)
        tasks = {"dask": lambda: factorize(A, _RANK), "local": lambda: factorize(local, _RANK)}
        times = interleave(tasks, max(1, rounds // 2))
        measured.append(_compared(f"factorize, rank {_RANK}", times, memory.peak - fit.Y.nbytes))
    title = f"A dense matrix of {size / 1e9:.2g} GB in {CHUNKS} chunks: one worker process against none"
    return Table("pass", title, _PASS, measured, remarks=("The client's process holds the scheduler as well.",))


def sweep(storage: Any, d: int) -> Callable[[], Any]:
    """Return what makes one pass with d columns."""
    Y, M = np.random.default_rng(1).standard_normal((N, d)), np.vstack([np.eye(d), 0.1 * np.eye(d)])
    X = storage.times(Y)
    return lambda: storage.sweep(X, Y, M)


def _compared(what: str, times: Any, client: float) -> dict[str, Any]:
    dask, local = times["dask"], times["local"]
    known = {"what": what, "local": local.median, "dask": dask.median, "ratio": dask.ratio(local)}
    return known | {"client": client / 1e6}


def _read(*chunks: Any) -> float:
    return float(sum(np.sum(chunk) for chunk in chunks))


def reader(client: Any, A: Any) -> Callable[[], list[float]]:
    """Return what lets each worker add up all numbers it holds, in one task."""
    from distributed import futures_of

    held: dict[str, list[Any]] = {}
    futures = {future.key: future for future in futures_of(A)}
    for key, where in client.who_has(list(futures.values())).items():
        held.setdefault(where[0], []).append(futures[key])

    def read() -> list[float]:
        tasks = [client.submit(_read, *chunks, workers=[address], pure=False) for address, chunks in held.items()]
        return client.gather(tasks)

    return read


def _workers(size: float, rounds: int, say: Callable[[str], None]) -> Table:
    with cluster(1, 1) as first, cluster(2, 1) as second:
        say(f"{size / 1e9:.2g} GB on one worker of one thread, and again on two")
        matrices = [matrix(client, size) for client in (first, second)]
        reads = [reader(client, A) for client, A in zip((first, second), matrices, strict=True)]
        held = [Full(A).storage for A in matrices]
        tasks: dict[str, Callable[[], Any]] = {"read 1": reads[0], "read 2": reads[1]}
        for d in (8, 16):
            for count, storage in enumerate(held, start=1):
                tasks[f"{d} {count}"] = sweep(storage, d)
        times = interleave(tasks, rounds)
    measured = []
    plain = times["read 1"].ratio(times["read 2"])
    for what, key in (("plain reads", "read"), ("a pass, d = 8", "8"), ("a pass, d = 16", "16")):
        one, two = times[f"{key} 1"], times[f"{key} 2"]
        faster = one.ratio(two)
        known = {"what": what, "one": one.median, "two": two.median, "faster": faster, "share": faster / plain}
        measured.append(known)
    title = f"Two workers of one thread each against one: {size / 1e9:.2g} GB in {CHUNKS} chunks"
    return Table("workers", title, _WORKERS, measured)


class _Sampler:
    """The resident memory of a worker, looked at all the time."""

    def __init__(self) -> None:
        import psutil

        self._process = psutil.Process()
        self.before = self.peak = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def end(self) -> int:
        """Return the most beyond what there was."""
        self._done.set()
        self._thread.join()
        return self.peak - self.before


def _begin(dask_worker: Any) -> None:
    import ctypes

    ctypes.CDLL(None).malloc_trim(0)
    dask_worker.lopside_sampler = _Sampler()


def _end(dask_worker: Any) -> int:
    return dask_worker.lopside_sampler.end()


def _measured(client: Any, fit: Callable[[], Any]) -> tuple[float, Any, float]:
    """Return seconds, right singular vectors, and the most memory that workers took on top."""
    client.run(_begin)
    began = time.perf_counter()
    V = fit()
    seconds = time.perf_counter() - began
    return seconds, V, float(sum(client.run(_end).values()))


_Method = Callable[[Any, Any, int], Any]


def _compressed(iterator: Literal["power", "QR"]) -> _Method:
    def fit(client: Any, A: Any, power: int) -> Any:
        from dask.array.linalg import svd_compressed
        from dask.base import compute

        with client.as_current():
            u, _, v = svd_compressed(A, _RANK, iterator=iterator, n_power_iter=power, seed=1)
            u, v = client.persist([u, v])
            return np.asarray(compute(v)[0]).T

    return fit


def _dask_ml(client: Any, A: Any, power: int) -> Any:
    from dask_ml.decomposition import TruncatedSVD  # pyright: ignore[reportMissingImports]

    with client.as_current():
        model = TruncatedSVD(_RANK, algorithm="randomized", n_iter=power, random_state=1, compute=True)
        return np.asarray(model.fit(A).components_).T


def _peers(size: float, rounds: int, say: Callable[[str], None]) -> Table:
    peers = {"dask svd_compressed": _compressed("power"), "the same, iterator='QR'": _compressed("QR")}
    try:
        import dask_ml.decomposition  # noqa: F401  # pyright: ignore[reportMissingImports]
    except Exception as error:
        say(f"dask-ml cannot be imported: {type(error).__name__}: {error}")
    else:
        peers["dask-ml TruncatedSVD"] = _dask_ml
    measured = []
    with cluster(2, 1) as client:
        for decay in (0.5, 1.5):
            name = f"{size / 1e9:.2g} GB, sizes i^-{decay:g}"
            A = matrix(client, size, decay, CHUNKS // 4)
            measured += [{"matrix": name, **row} for row in _raced(client, A, peers, rounds, say)]
    remarks = (
        f"Rank {_RANK} to an excess of {_GOAL:g} over the least error; two workers of one thread, A in their memory.",
        "The others are given the fewest power iterations that reach it, found by search with the answer known;",
        "where none does before they lose digits, the row shows the number that comes nearest.",
        "Peaks are of all workers' resident memory beyond what it was before, looked at every 10 ms.",
    )
    title = "Against other libraries for Dask arrays, at equal accuracy"
    return Table("peers", title, _PEERS, measured, remarks=remarks)


def _raced(
    client: Any, A: Any, peers: dict[str, _Method], rounds: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    problem = Full(A)
    best = factorize(A, _RANK, tol=1e-9).relative_error * problem.norm

    def excess(V: Any) -> float:
        V = np.linalg.qr(V.astype(np.float64))[0]
        left = problem.norm**2 - float(np.trace(problem.gram(V)[1]))
        return math.sqrt(max(left, 0.0)) / best - 1.0

    # Once before the clock runs: everything is compiled, and loaded.
    runs = [_measured(client, lambda: factorize(A, _RANK, tol=_GOAL).Y) for _ in range(rounds + 1)][1:]
    seconds, memory = min(run[0] for run in runs), max(run[2] for run in runs)
    own = {"method": "lopside", "setting": f"tol = {_GOAL:g}, proved", "seconds": seconds, "ratio": 1.0}
    yield own | {"excess": excess(runs[0][1]), "memory": memory / 1e6, "share": 1.0}
    for peer, fit in peers.items():
        power, reached = _cheapest(client, A, fit, excess, lambda told, peer=peer: say(f"{peer}: {told}"))
        theirs = [_measured(client, lambda fit=fit, power=power: fit(client, A, power)) for _ in range(rounds)]
        quickest, most = min(run[0] for run in theirs), max(run[2] for run in theirs)
        short = "" if reached <= _GOAL else ": not reached"
        known = {"method": peer, "setting": f"{power} power iterations{short}", "seconds": quickest, "excess": reached}
        yield known | {"ratio": quickest / seconds, "memory": most / 1e6, "share": most / memory}


def _cheapest(
    client: Any, A: Any, fit: _Method, excess: Callable[[Any], float], say: Callable[[str], None]
) -> tuple[int, float]:
    """Return the fewest power iterations that reach the goal, or those that come nearest, and the excess."""
    tried: dict[int, float] = {}
    for power in _POWERS:
        tried[power] = excess(fit(client, A, power))
        say(f"{power} power iterations, excess {tried[power]:.1e}")
        if tried[power] <= _GOAL or tried[power] > _WORSE * min(tried.values()):
            break
    best = min(tried, key=lambda power: tried[power])
    return best, tried[best]
