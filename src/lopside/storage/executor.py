"""Where Dask works: on this machine's threads, or with the workers of a client that must stay open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.storage.tasks import FAN_IN, client_of, explained, gathered, require_open, scheduler_here


def is_on_dask(*arrays: Any) -> bool:
    """Whether one of these is an array of Dask."""
    return any(hasattr(array, "dask") and hasattr(array, "chunks") for array in arrays)


def task(work: Callable[..., Any], count: int | None = None) -> Any:
    """Return what makes a delayed call of a function, whose answer has so many parts; each call is one of its own."""
    from dask.delayed import delayed

    return delayed(work, pure=False, nout=count)


@dataclass(frozen=True, eq=False)
class Executor:
    """Computes and keeps; made where the data came in, so that they stay where they are.

    Attributes
    ----------
    client : distributed.Client or None
        Without one this machine does the work; see `lopside.storage.tasks.scheduler_here`.
    """

    client: Any = None

    @classmethod
    def here(cls) -> Executor:
        """Return the executor of the client that is open, or of none."""
        return cls(client_of({}))

    def compute(self, tasks: Sequence[Any]) -> list[Any]:
        """Return the results of delayed tasks, in order.

        Raises
        ------
        ClusterError
            If the client has been closed, or the cluster has gone.
        """
        with explained():
            if self.client is None:
                from dask.base import compute

                return list(compute(*tasks, scheduler=scheduler_here()))
            require_open(self.client)
            return gathered(self.client, self.client.compute(list(tasks)))

    def summed(self, tasks: Sequence[Any]) -> NDArray[np.int64]:
        """Return the sum of arrays of whole numbers that delayed tasks return; only that comes here."""
        add = task(_added)
        while len(tasks) > 1:
            tasks = [add(tasks[a : a + FAN_IN]) for a in range(0, len(tasks), FAN_IN)]
        return self.compute(tasks)[0]

    def persist(self, tasks: Sequence[Any]) -> list[Any]:
        """Return the same tasks with their results where they were made; raises as `compute` does."""
        with explained():
            if self.client is None:
                from dask.base import persist

                return list(persist(*tasks, scheduler=scheduler_here()))
            require_open(self.client)
            return list(self.client.persist(list(tasks)))


def _added(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
