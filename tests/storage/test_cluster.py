"""On a cluster of real processes: the same bits on any number of workers, and whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

import lopside as lo
from lopside import catalog
from lopside.errors import ClusterError, FileError, InputError
from lopside.storage.chunked_rows import DEPTH
from tests.storage.interrupted import run

COUNT, HEIGHT, N = 8, 150, 40
RNG = np.random.default_rng(11)
RIGHT = RNG.standard_normal((6, N))


def block(number: int, pause: float = 0.0) -> np.ndarray:
    """Return rows of a matrix of rank 6 with noise, as a file would be read."""
    time.sleep(pause)
    rng = np.random.default_rng(number)
    return rng.standard_normal((HEIGHT, 6)) @ RIGHT + 0.05 * rng.standard_normal((HEIGHT, N))


def matrix(pause: float = 0.0) -> Any:
    load = dask.delayed(block)
    parts = [da.from_delayed(load(number, pause), (HEIGHT, N), dtype=float) for number in range(COUNT)]
    return da.concatenate(parts)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def cluster_here() -> Iterator[Any]:
    """Start a cluster in this process, that is nobody's default."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as local:
        client = Client(local, set_as_default=False)
        yield client
        client.close()


def factors(A: Any, *, steps: int = 24) -> tuple[np.ndarray, ...]:
    """Return factors of a short run past the step at which rows are computed anew, and of a search."""
    run = lo.solve(lo.Full(A), lo.solvers.AlternatingGradientDescent(), rank=6, stop=lo.Stop(max_steps=steps), rng=2)
    fit = lo.factorize(A, 6)
    return np.asarray(run.X), run.Y, np.asarray(fit.X), fit.Y


@pytest.fixture(scope="module")
def alone() -> tuple[np.ndarray, ...]:
    """Return the factors that one process finds, without a cluster."""
    with dask.config.set(scheduler="threads"):
        return factors(matrix())


def assert_same_bits(found: Any, expected: Any) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def workers(client: Any) -> dict[str, int]:
    return {address: info["id"] for address, info in client.scheduler_info(n_workers=-1)["workers"].items()}


def test_any_number_of_workers_finds_the_same_bits(cluster: Any, alone: Any) -> None:
    assert_same_bits(factors(matrix()), alone)
    kept = matrix().persist()
    assert_same_bits(factors(kept), alone)
    cluster.cluster.scale(4)
    cluster.wait_for_workers(4)
    assert_same_bits(factors(kept), alone)
    cluster.cluster.scale(1)
    assert_same_bits(factors(kept), alone)
    cluster.cluster.scale(2)
    cluster.wait_for_workers(2)


def pids(client: Any) -> list[int]:
    return list(client.run(os.getpid).values())


@pytest.mark.parametrize("kept", [False, True])
def test_a_worker_killed_in_mid_sweep_changes_nothing(cluster: Any, alone: Any, kept: bool) -> None:
    A = matrix(0.01)
    A = A.persist() if kept else A
    victims, killed = pids(cluster), []

    def kill() -> None:
        time.sleep(0.7)
        os.kill(victims[0], signal.SIGKILL)
        killed.append(victims[0])

    killer = threading.Thread(target=kill)
    killer.start()
    found = factors(A)
    killer.join()
    assert killed
    assert_same_bits(found, alone)
    cluster.wait_for_workers(2)


def test_a_worker_that_comes_late_changes_nothing(cluster: Any, alone: Any) -> None:
    cluster.cluster.scale(1)
    timer = threading.Timer(0.5, cluster.cluster.scale, [3])
    timer.start()
    assert_same_bits(factors(matrix(0.01)), alone)
    timer.join()
    cluster.cluster.scale(2)
    cluster.wait_for_workers(2)


def test_factors_stay_with_the_workers(cluster: Any) -> None:
    solution = lo.factorize(matrix(), 6)
    assert isinstance(solution.X, da.Array)
    assert solution.X.chunks == ((HEIGHT,) * COUNT, (6,))
    futures = [value for value in solution.X.__dask_graph__().values() if hasattr(value, "client")]
    assert len(futures) == COUNT  # each loaded in each pass: nothing to put together
    assert isinstance(solution.Y, np.ndarray)
    left = (solution.X.T @ matrix() - np.diag(solution.svd()[1] ** 2) @ solution.Y.T).compute()
    assert np.abs(left).max() < 1e-4 * solution.svd()[1][0] ** 2


def test_rows_of_unknown_number_and_chunks_without_any(cluster: Any) -> None:
    A = np.vstack([block(number) for number in range(COUNT)])
    A[2 * HEIGHT : 3 * HEIGHT, 0] = A[5 * HEIGHT : 5 * HEIGHT + 10, 0] = -9.0
    chosen = da.from_array(A, chunks=(50, -1))
    chosen = chosen[chosen[:, 0] > -9.0]  # 21 chunks of 24
    with dask.config.set(scheduler="threads"):
        expected = factors(chosen, steps=3)
    assert_same_bits(factors(chosen, steps=3), expected)
    kept = chosen.persist()
    assert_same_bits(factors(kept, steps=3), expected)
    assert len(lo.Full(kept).storage.heights) == 21


def failing(number: int) -> np.ndarray:
    if number == 3:
        raise OSError("no such object in the store")
    return block(number)


def late(number: int) -> np.ndarray:
    if number == 3:
        raise TimeoutError("the store does not answer")
    return block(number)


def test_a_chunk_that_fails_to_load_is_named(cluster: Any) -> None:
    load = dask.delayed(failing)
    A = da.concatenate([da.from_delayed(load(k), (HEIGHT, N), dtype=float) for k in range(COUNT)])
    with pytest.raises(FileError, match="chunk 3 of 8 cannot be loaded: OSError: no such object"):
        lo.factorize(A, 3)
    with pytest.raises(FileError, match="chunk 3 of 8 cannot be loaded: OSError: no such object"):
        lo.factorize(A.persist(), 3)
    load = dask.delayed(late)  # which is not that the cluster is late
    A = da.concatenate([da.from_delayed(load(k), (HEIGHT, N), dtype=float) for k in range(COUNT)])
    with pytest.raises(FileError, match="chunk 3 of 8 cannot be loaded: TimeoutError: the store does not answer"):
        lo.factorize(A, 3)


def test_a_chunk_with_nan_is_named(cluster: Any) -> None:
    A = da.where(da.arange(COUNT * HEIGHT, chunks=HEIGHT)[:, None] == 620, np.nan, matrix())
    with pytest.raises(InputError, match="chunk 4 NaN or infinite, the first at row 620, column 0"):
        lo.factorize(A, 3)


def test_a_chunk_larger_than_a_worker_is_refused_before_it_is_made(cluster: Any) -> None:
    limit = min(worker["memory_limit"] for worker in cluster.scheduler_info(n_workers=-1)["workers"].values())
    rows = limit // 800
    A = da.zeros((2 * rows, 100), chunks=(rows, -1))
    with pytest.raises(InputError, match=r"GB of memory; expected chunks of at most .*A\.rechunk\({0: "):
        lo.Full(A)


@pytest.mark.parametrize("name", ["agd", "nesterov"])
def test_a_run_goes_on_after_its_scheduler_was_restarted(tmp_path: Path, name: str) -> None:
    """The cluster goes in the middle of a run; on a new one the run ends in the same bits, from its checkpoint."""
    stop = lo.Stop(max_steps=3 * DEPTH)

    def run(A: Any, path: Path | None) -> lo.Run:
        solver, every = catalog.SOLVERS[name](), None if path is None else 0.0
        return lo.Run(lo.Full(A), solver, rank=6, stop=stop, rng=2, checkpoint=path, every=every)

    with dask.config.set(scheduler="threads"):
        whole = run(matrix(), None).finish()
    place = tmp_path / "run.ckpt"
    with cluster_here() as client, client.as_current():
        going = run(matrix().persist(), place)
        states = iter(going)
        while next(states).step < 2 * DEPTH + 7:
            pass
        client.cluster.close()
        with pytest.raises(ClusterError):
            next(states)
    with cluster_here() as client, client.as_current():
        again = run(matrix().persist(), place)
        assert again.resumed == place
        assert DEPTH <= again.state.step <= 2 * DEPTH + 2
        found = again.finish()
        assert_same_bits((np.asarray(found.X), found.Y), (np.asarray(whole.X), whole.Y))
        assert found.trace.loss == whole.trace.loss


def test_a_search_goes_on_after_its_scheduler_was_restarted(tmp_path: Path, searching: None) -> None:
    A, place = matrix(), tmp_path / "fit.ckpt"
    with dask.config.set(scheduler="threads"):
        whole = lo.factorize(A, 6, checkpoint=tmp_path / "other.ckpt", every=0.0)
        again = lo.factorize(A, 6, checkpoint=tmp_path / "other.ckpt", every=0.0)
    assert_same_bits((np.asarray(again.X), again.Y), (np.asarray(whole.X), whole.Y))
    with cluster_here() as client, client.as_current():
        first = lo.factorize(A, 6, checkpoint=place, every=0.0)
        assert_same_bits((np.asarray(first.X), first.Y), (np.asarray(whole.X), whole.Y))


def test_ctrl_c_in_a_terminal_ends_a_run_that_can_go_on(tmp_path: Path) -> None:
    """There it goes to the workers as well, and the step that it falls into never ends."""
    kept = tmp_path / "run.ckpt"
    script = [sys.executable, str(Path(__file__).with_name("interrupted.py")), str(kept)]
    process = subprocess.Popen(script, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 60
        while not kept.exists():
            assert process.poll() is None, process.communicate()[0].decode()
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        told = process.communicate(timeout=60)[0].decode()
        assert process.returncode not in (0, None), told
        assert "KeyboardInterrupt" in told
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with dask.config.set(scheduler="threads"):
        found, expected = run(400, checkpoint=kept), run(400)
    assert_same_bits((np.asarray(found.X), found.Y), (np.asarray(expected.X), expected.Y))


def test_a_cluster_that_has_gone_is_an_error() -> None:
    with cluster_here() as client, client.as_current():
        A = matrix().persist(scheduler=client)
        problem = lo.Full(A)
    with pytest.raises(ClusterError, match="cluster has gone.*new client"):
        problem.times(np.eye(N, 2))
    with pytest.raises(ClusterError, match="cluster has gone.*new client"):
        lo.Full(A)


STARTS = {
    "given": lambda: (RNG.standard_normal((COUNT * HEIGHT, 3)), RNG.standard_normal((N, 3))),
    "drawn": lo.starts.Gaussian,
    "spans": lo.starts.ColumnSpan,
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("how", ["plain", "center", "weights"])
def test_every_state_that_is_kept_goes_on_to_the_same_bits(cluster: Any, tmp_path: Path, start: str, how: str) -> None:
    """On workers, from starts that are not in the span of A, of matrices that are more than their chunks."""
    weights = np.random.default_rng(4).uniform(0.5, 2.0, COUNT * HEIGHT)
    what = {"plain": {}, "center": {"center": True}, "weights": {"center": True, "weights": weights}}[how]
    A, begin = matrix().persist(), STARTS[start]()

    def run(steps: int, path: Path | None) -> lo.Solution:
        problem, every = lo.Full(A, **what), None if path is None else 0.0
        rank = {} if start == "given" else {"rank": 3}
        stop, solver = lo.Stop(max_steps=steps), lo.solvers.AlternatingScaledGradientDescent()
        return lo.solve(problem, solver, start=begin, stop=stop, rng=1, checkpoint=path, every=every, **rank)

    whole = run(DEPTH + 4, None)
    run(DEPTH + 1, tmp_path / "run.ckpt")
    again = run(DEPTH + 4, tmp_path / "run.ckpt")
    assert_same_bits((np.asarray(again.X), again.Y), (np.asarray(whole.X), whole.Y))
    A = matrix().rechunk({0: 2 * HEIGHT})
    with pytest.raises(InputError, match="another run: chunks"):
        run(DEPTH + 4, tmp_path / "run.ckpt")


def test_what_lives_here_is_found_again(cluster: Any) -> None:
    storage = lo.Full(matrix()).storage
    X = RNG.standard_normal((COUNT * HEIGHT, 2))
    np.testing.assert_array_equal(storage.to_rows(X, "X", np.float64).numpy(), X)
    np.testing.assert_array_equal(storage.ones().numpy(), np.ones((COUNT * HEIGHT, 1)))
    drawn = storage.drawn(2, np.random.default_rng(5)).numpy()
    np.testing.assert_array_equal(drawn, np.random.default_rng(5).standard_normal((COUNT * HEIGHT, 2)))
