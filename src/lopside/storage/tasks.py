"""Graphs of Dask tasks, one task for each chunk of a matrix: run, kept on the workers, added up in a fixed order."""

from __future__ import annotations

import itertools
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lopside.errors import ClusterError, Error
from lopside.interruption import Interruption
from lopside.sparse_arrays import is_sparse

FAN_IN = 16
"""Sums that are added at once: each is as large as Y, and one worker holds so many of them."""


_PATIENCE = 2.0
"""Seconds between two looks at whether anybody is there to work."""

_SENT = 1 << 23
"""Bytes that may be sent again and again, or be gathered, to spare a task."""


class Pieces:
    """Results of some tasks of a graph, in order: a Dask collection.

    After `kept` they live where they were computed, and are lost when nothing refers to them any more.
    """

    def __init__(self, graph: Mapping[Any, Any], keys: Sequence[Any]) -> None:
        self.graph, self.keys = graph, list(keys)

    def __dask_graph__(self) -> Mapping[Any, Any]:
        return self.graph

    def __dask_keys__(self) -> list[Any]:
        return self.keys

    def __dask_postcompute__(self) -> tuple[Callable[..., Any], tuple[()]]:
        return list, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], tuple[Any]]:
        return _rebuilt, (self.keys,)

    def __dask_tokenize__(self) -> Any:
        return tuple(self.keys)

    @staticmethod
    def __dask_scheduler__(*arguments: Any, **settings: Any) -> Any:
        from dask.threaded import get

        return get(*arguments, **settings)

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **_: Any) -> Any:
        return graph


def _rebuilt(graph: Mapping[Any, Any], keys: list[Any], *, rename: Mapping[str, str] | None = None) -> Pieces:
    return Pieces(graph, keys)


def name(what: str) -> str:
    """Return a name for tasks that no others have."""
    return f"lopside-{what}-{secrets.token_hex(16)}"


def chunkwise(what: str, work: Callable[..., Any], columns: Iterable[Sequence[Any]], shared: Any) -> dict[Any, Any]:
    """Return tasks that list `work(*piece of each column, shared)` for the chunks of a bundle, one for each bundle.

    Columns are of keys, one for each bundle, under which there is a list too. `shared` is sent with each task if that
    is little, else to the workers once, which is another task to wait for.
    """
    from dask._task_spec import DataNode, Task, TaskRef
    from dask.sizeof import sizeof

    places = list(zip(*columns, strict=True))
    tasks: dict[Any, Any] = {}
    given: Any = DataNode(None, shared)
    if len(places) * sizeof(shared) > _SENT:
        own = f"{what}-shared"
        tasks[own], given = DataNode(own, shared), TaskRef(own)
    for number, keys in enumerate(places):
        tasks[what, number] = Task((what, number), _each, work, given, *(TaskRef(piece) for piece in keys))
    return tasks


def _each(work: Callable[..., Any], shared: Any, *columns: list[Any]) -> list[Any]:
    return [work(*pieces, shared) for pieces in zip(*columns, strict=True)]


def folded(
    what: str, keys: Sequence[Any], bundles: Sequence[Sequence[int]], fold: Callable[[list[Any]], Any], size: int = 0
) -> tuple[dict[Any, Any], list[Any]]:
    """Return tasks that fold the results for all chunks, and the keys of what is left to be folded here.

    They are a tree whose shape depends on the number of chunks alone, whichever of them lie in a bundle. The last fold
    is done here where its parts, of about this many bytes each, are few and small: another task is more to wait for.
    """
    from dask._task_spec import List, Task, TaskRef

    nodes: dict[int, list[tuple[Any, Sequence[int]]]] = {}
    for key, numbers in zip(keys, bundles, strict=True):
        nodes.setdefault(numbers[0] // FAN_IN, []).append((key, numbers))
    tasks: dict[Any, Any] = {}
    above = [(what, 0, number) for number in range(len(nodes))]
    for key in above:
        below = [TaskRef(one) for one, _ in nodes[key[-1]]]
        order = np.argsort([number for _, numbers in nodes[key[-1]] for number in numbers]).tolist()
        tasks[key] = Task(key, _folded_in_order, fold, order, List(*below))
    for level in itertools.count(1):
        if len(above) == 1 or (len(above) <= FAN_IN and len(above) * size <= _SENT):
            return tasks, above
        groups = [above[a : a + FAN_IN] for a in range(0, len(above), FAN_IN)]
        above = [(what, level, number) for number in range(len(groups))]
        for key, group in zip(above, groups, strict=True):
            tasks[key] = Task(key, fold, List(*(TaskRef(one) for one in group)))
    raise AssertionError


def _folded_in_order(fold: Callable[[list[Any]], Any], order: list[int], bundles: list[list[Any]]) -> Any:
    parts = [part for bundle in bundles for part in bundle]
    return fold([parts[place] for place in order])


def client_of(graph: Mapping[Any, Any]) -> Any:
    """Return the client that results in a graph belong to, else the one that is connected, or None.

    Raises
    ------
    ClusterError
        If that client has been closed.
    """
    if "distributed" not in sys.modules:
        return None
    from distributed import Future, default_client

    for value in graph.values():
        if isinstance(value, Future):
            require_open(value.client, lost=value.cancelled())
            return value.client
    from dask import config

    if config.get("scheduler", None) not in (None, "distributed", "dask.distributed"):
        return None
    try:
        return default_client()
    except ValueError:  # no cluster
        return None


def require_open(client: Any, *, lost: bool = False) -> None:
    """Refuse to go on with a client that has been closed, or whose cluster has lost what it held.

    Raises
    ------
    ClusterError
    """
    if lost or client is None or client.status not in ("running", "connecting"):
        raise ClusterError(
            "got chunks whose cluster has gone: the client that held them is closed or has lost its scheduler. "
            "Try connecting a new client and building the array again; a run with checkpoint=PATH goes on"
        )


def holds_futures(graph: Mapping[Any, Any]) -> bool:
    """Whether some of a graph has been computed, and lies on a cluster."""
    if "distributed" not in sys.modules:
        return False
    from distributed import Future

    return any(isinstance(value, Future) for value in graph.values())


def carries_arrays(graph: Mapping[Any, Any]) -> bool:
    """Whether numbers are part of a graph, and would be sent with it each time."""
    from dask._task_spec import DataNode

    # Not what merely has a size: an array of Zarr or HDF5 is only a way to one.
    return any(
        isinstance(node, DataNode) and (isinstance(node.value, np.ndarray) or is_sparse(node.value))
        for node in graph.values()
    )


def kept(*pieces: Pieces, client: Any = None) -> tuple[Pieces, ...]:
    """Start the work and return the same pieces with their results left where they are computed.

    Without a client it is that of what the pieces are made from.

    Raises
    ------
    ClusterError
        If the cluster has gone.
    """
    from dask.base import persist

    client = client or client_of(pieces[0].graph)
    with explained():
        if client is None:
            return tuple(persist(*pieces, optimize_graph=False, scheduler=scheduler_here()))
        return tuple(client.persist(list(pieces), optimize_graph=False))


def fetched(pieces: Pieces) -> list[Any]:
    """Return the results, here.

    Raises
    ------
    ClusterError
        If the cluster has gone, or lost work it could not repeat.
    """
    from dask.base import compute

    with explained():
        client = client_of(pieces.graph)
        if client is None:
            return compute(pieces, optimize_graph=False, scheduler=scheduler_here())[0]
        return gathered(client, [pieces.graph[key] for key in pieces.keys])


def gathered(client: Any, futures: Any) -> list[Any]:
    """Return the results of futures, unless Ctrl-C has taken the workers along, as it does those of a terminal.

    Raises
    ------
    KeyboardInterrupt
        If it has: a step that waits for its end would wait for ever.
    """
    from distributed import wait

    with client.as_current():
        while True:
            try:
                wait(futures, timeout=_PATIENCE)
                break
            except TimeoutError:
                if Interruption.pending() and not client.scheduler_info()["workers"]:
                    raise KeyboardInterrupt from None
        return client.gather(futures)


def scheduler_here() -> str:
    """Return how Dask works without a client: by threads, or one alone where it is set to "synchronous".

    Not by processes, which Dask starts anew for each call: what is held here would be sent to them again and again, and
    the loops are compiled and let go of the interpreter's lock.
    """
    from dask import config

    named = config.get("scheduler", None)
    return named if named in ("synchronous", "sync", "single-threaded") else "threads"


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of Dask's that say that the cluster, not the work, has failed into ours, and spare its warnings.

    What is sent with a graph is thin by design, Y and d × d matrices, and is in it to outlive any worker.
    """
    from dask import config

    quiet = {"distributed.admin.large-graph-warning-threshold": "10GB"} if "distributed" in sys.modules else {}
    try:
        with config.set(quiet):
            yield
    except Error:
        raise
    except Exception as error:
        told = lost(error)
        if told is None:
            raise
        raise told from error


def lost(error: BaseException) -> ClusterError | None:
    """Return what an error of Dask's says of the cluster, None if it is one of the work."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "KilledWorker" in kinds:
        return ClusterError(
            f"workers died again and again over one chunk: {error}. Most likely it does not fit into a worker's memory "
            "with what the work adds. Try smaller chunks (A.rechunk), or workers with more memory"
        )
    if kinds & _GONE:
        return ClusterError(
            f"the cluster's scheduler or client has gone ({type(error).__name__}: {error}). Try connecting a new "
            "client; a run with checkpoint=PATH goes on from its last checkpoint"
        )
    return None


_GONE = {"CancelledError", "FutureCancelledError", "FuturesCancelledError", "ClosedClientError", "CommClosedError"}
