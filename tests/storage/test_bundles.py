"""Which chunks are worked on together, and that no bit of a sum depends on it."""

from __future__ import annotations

import numpy as np
import pytest
from dask.threaded import get
from hypothesis import given
from hypothesis import strategies as st

from lopside.storage.bundles import Whereabouts, bundled
from lopside.storage.chunk import added
from lopside.storage.tasks import FAN_IN, chunkwise, folded


def placed(workers: list[str], threads: int = 1, memory: int = 0) -> Whereabouts:
    return Whereabouts(workers, dict.fromkeys(workers, threads), dict.fromkeys(workers, memory))


def test_chunks_side_by_side_are_one_task() -> None:
    found = bundled([1] * 64, placed(["a"] * 32 + ["b"] * 32))
    assert found == tuple(tuple(range(k, k + 16)) for k in range(0, 64, 16))


def test_every_thread_has_something_to_do() -> None:
    assert len(bundled([1] * 64, placed(["a"] * 64, threads=16))) == 32
    assert len(bundled([1] * 8, placed(["a"] * 8, threads=16))) == 8


def test_a_worker_that_keeps_chunks_on_disk_has_few_of_them_in_hand() -> None:
    assert max(map(len, bundled([100] * 64, placed(["a"] * 64, memory=4800)))) == 3


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=70), st.integers(1, 3))
def test_each_chunk_is_in_one_bundle_on_its_worker_and_under_one_sum(workers: list[str], threads: int) -> None:
    found = bundled([1] * len(workers), placed(workers, threads))
    assert sorted(number for bundle in found for number in bundle) == list(range(len(workers)))
    for bundle in found:
        assert len({workers[number] for number in bundle}) == len({number // FAN_IN for number in bundle}) == 1
        assert list(bundle) == sorted(bundle)


def total(workers: list[str], numbers: np.ndarray, size: int = 0) -> bytes:
    """Return the sum over chunks that lie on these workers, in bits."""
    bundles = bundled([1] * len(workers), placed(workers))
    graph = {("base", k): [numbers[number] for number in bundle] for k, bundle in enumerate(bundles)}
    graph |= chunkwise("twice", lambda piece, factor: factor * piece, [list(graph)], 2.0)
    keys = [("twice", k) for k in range(len(bundles))]
    tree, last = folded("sum", keys, bundles, added, size)
    assert len(last) <= (1 if size else FAN_IN)
    return added(list(get({**graph, **tree}, last))).tobytes()


@pytest.mark.parametrize("count", [1, 7, FAN_IN, FAN_IN + 1, 3 * FAN_IN + 5, FAN_IN * FAN_IN + 1])
def test_sums_do_not_depend_on_where_chunks_lie(count: int) -> None:
    rng = np.random.default_rng(count)
    numbers = rng.standard_normal((count, 5)) * 10.0 ** rng.integers(-8, 8, (count, 1))
    alone = total(["a"] * count, numbers)
    for many in (2, 3, count):
        workers = [f"w{k}" for k in rng.integers(0, many, count)]
        assert total(workers, numbers) == total(workers, numbers, 1 << 24) == alone
