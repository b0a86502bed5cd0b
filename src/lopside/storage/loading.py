"""A Dask array's chunks before the first pass: where they lie, what they are, and which are worked on together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import Error, FileError, InputError
from lopside.storage import chunk as at_work
from lopside.storage.bundles import Whereabouts, bundled
from lopside.storage.chunk import Found
from lopside.storage.chunked_work import ChunkedWork
from lopside.storage.tasks import FAN_IN, Pieces, carries_arrays, client_of, explained, holds_futures, lost, name


class Loaded(NamedTuple):
    """Chunks that have any rows.

    Attributes
    ----------
    work : ChunkedWork
    found : list of Found
        What there is to know about each.
    held : bool
        Whether the workers keep them.
    """

    work: ChunkedWork
    found: list[Found]
    held: bool


def loaded(A: Any, scale: Array | None) -> Loaded:
    """Look at all chunks of a Dask array once, and put those in bundles that lie on the same worker.

    Raises
    ------
    InputError
        If a chunk is no finite real matrix with as many columns as the array has.
    FileError
        If a chunk cannot be loaded.
    """
    from dask.base import optimize

    if not holds_futures(A.__dask_graph__()):  # which Dask's optimization would drop
        (A,) = optimize(A)
    graph: dict[Any, Any] = dict(A.__dask_graph__())
    sources, heights = [row[0] for row in A.__dask_keys__()], A.chunks[0]
    client = client_of(graph)
    held = client is not None and (holds_futures(graph) or carries_arrays(graph))
    work = ChunkedWork(graph, sources, tuple((number,) for number in range(len(sources))))
    if held:
        if not all(hasattr(graph[key], "client") for key in sources):
            graph = dict(work.keep(Pieces(graph, sources))[0].graph)
        places = _places(client, [graph[key] for key in sources])
        work = ChunkedWork(graph, sources, bundled(_sizes(client, [graph[key] for key in sources], A.dtype), places))
    known = not any(math.isnan(height) for height in heights)
    ends = np.cumsum(heights).astype(int).tolist() if known else [None] * len(sources)
    _prepare(work, graph, sources, ends, scale)
    if held:
        work.settle()
    own, tasks = work.work("examined", at_work.examined, reads=True)
    found = work.unbundled(work.fetch(*work.keep(Pieces(tasks, work.keys(own)))))
    at_work.require_shapes(found, heights, int(A.shape[1]))
    whole = [number for number, each in enumerate(found) if each.shape[0]]
    if not whole:
        raise InputError(f"got a Dask array of {len(found)} chunks without any rows; expected at least one row")
    if len(whole) < len(found):
        work = _without_empty(work, {number: place for place, number in enumerate(whole)})
        if held:
            work.settle()
    return Loaded(work, [found[number] for number in whole], held)


def _places(client: Any, futures: Sequence[Any]) -> Whereabouts:
    """Return where the chunks are, once they are there."""
    from distributed import wait

    with explained(), client.as_current():
        wait(futures)
    for number, future in enumerate(futures):
        if future.status == "error":
            error = future.exception()
            if isinstance(error, Error):
                raise error
            if (told := lost(error)) is not None:
                raise told from error
            raise FileError(
                f"chunk {number} of {len(futures)} cannot be loaded: {type(error).__name__}: {error}. Try "
                f"A.blocks[{number}].compute()"
            ) from error
    with explained():
        return Whereabouts.of(client, futures)


def _sizes(client: Any, futures: Sequence[Any], dtype: Any) -> list[int]:
    """Return the bytes of the chunks, of what is no float as the float64 it becomes."""
    known = client.nbytes([future.key for future in futures], summary=False)
    larger = 1 if dtype.kind == "f" else max(1, 8 // dtype.itemsize)
    return [larger * int(known.get(future.key, 0)) for future in futures]


def _prepare(work: ChunkedWork, graph: dict[Any, Any], sources: list[Any], ends: list[Any], scale: Any) -> None:
    """Put the chunks in a form that may be trusted, and in bundles."""
    from dask._task_spec import DataNode, List, Task, TaskRef

    base = work.keys(name("chunks"))
    scales: list[Any] = [DataNode(None, None)] * len(base)
    if scale is not None:
        shares = work.here(np.split(scale, ends[:-1]))
        graph |= shares.graph
        scales = [TaskRef(key) for key in shares.keys]
    parts = (work.bundled(sources), work.bundled(ends), work.bundles, scales)
    for key, chunks, lasts, numbers, share in zip(base, *parts, strict=True):
        graph[key] = Task(key, at_work.prepared, List(*(TaskRef(one) for one in chunks)), share, numbers, lasts)
    work.base, work.graph = base, graph


def _without_empty(work: ChunkedWork, places: Mapping[int, int]) -> ChunkedWork:
    """Return the chunks that have a place, numbered by it; a bundle stays within what is added together."""
    from dask._task_spec import Task, TaskRef

    tasks, base, bundles = dict(work.graph), [], []
    what = name("chunks")
    for below, numbers in zip(work.base, work.bundles, strict=True):
        nodes: dict[int, list[int]] = {}
        for index, number in enumerate(numbers):
            if number in places:
                nodes.setdefault(places[number] // FAN_IN, []).append(index)
        for picked in nodes.values():
            key = (what, len(base))
            tasks[key] = Task(key, at_work.picked, TaskRef(below), picked)
            base.append(key)
            bundles.append(tuple(places[numbers[index]] for index in picked))
    return ChunkedWork(tasks, base, tuple(bundles), tuple(places), sum(map(len, work.bundles)))
