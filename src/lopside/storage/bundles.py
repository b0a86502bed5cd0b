"""Which chunks of a matrix are worked on by one task: some of those that lie on the same worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from lopside.storage.tasks import FAN_IN

_TASKS_A_THREAD = 2
"""Tasks that each thread has in a pass at least, if there are so many chunks: one thread may be faster than another."""
_SHARE = 1 / 16
"""Of a worker's memory that the chunks of one task may take, for a worker that keeps others on disk."""


class Whereabouts(NamedTuple):
    """Where chunks lie.

    Attributes
    ----------
    workers : list of str
        The worker of each chunk, in order.
    threads : dict of str to int
        Of each worker.
    memory : dict of str to int
        The limit of each worker in bytes, 0 for none.
    """

    workers: list[str]
    threads: dict[str, int]
    memory: dict[str, int]

    @classmethod
    def of(cls, client: Any, futures: Sequence[Any]) -> Self:
        """Return the places of what a cluster holds; one that has just been lost is nowhere, alone."""
        where = client.who_has(futures)
        found = [next(iter(where.get(future.key, ())), f"nowhere {number}") for number, future in enumerate(futures)]
        known = client.scheduler_info(n_workers=-1)["workers"]
        memory = {worker: int(known.get(worker, {}).get("memory_limit") or 0) for worker in found}
        return cls(found, {worker: known.get(worker, {}).get("nthreads", 1) for worker in found}, memory)


def most_in_one(chunks: int, threads: int) -> int:
    """Return how many chunks a bundle has at most, of so many on a worker of so many threads."""
    return min(FAN_IN, max(1, chunks // (_TASKS_A_THREAD * threads)))


def bundled(sizes: Sequence[int], places: Whereabouts) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of the chunks in each bundle, bundles in the order of their first chunks.

    A bundle lies on one worker and within FAN_IN chunks whose sums are added together, so which chunks it has changes
    no bit of any sum.
    """
    counts = Counter(places.workers)
    most = {worker: most_in_one(count, places.threads[worker]) for worker, count in counts.items()}
    bundles: list[list[int]] = []
    open_ones: dict[tuple[str, int], list[int]] = {}
    for number, worker in enumerate(places.workers):
        bundle = open_ones.setdefault((worker, number // FAN_IN), [])
        room = places.memory[worker] * _SHARE or float("inf")
        if not bundle or len(bundle) >= most[worker] or sum(sizes[k] for k in (*bundle, number)) > room:
            bundle = open_ones[worker, number // FAN_IN] = []
            bundles.append(bundle)
        bundle.append(number)
    return tuple(tuple(bundle) for bundle in bundles)
