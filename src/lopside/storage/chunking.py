"""From Dask's collections to chunks of whole rows that fit the workers."""

from __future__ import annotations

import math
from typing import Any

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.storage.chunked import Chunked
from lopside.storage.protocol import Held
from lopside.storage.tasks import client_of

_SHARE = 0.6
"""Of a worker's memory that a chunk may take: beside it the worker holds a copy in the making, and sums."""

_ADVICE = "Try dask.array.from_array(A, chunks=(rows, -1)), or dask.array.from_delayed for pieces of your own"


def from_dask(A: Any, scale: Array | None = None) -> Held:
    """Hold a Dask array or frame by chunks of whole rows.

    Where one chunk spans all rows and there are several across, Aᵀ is held, whose rows those are. Where A is cut both
    ways it is cut anew, which moves numbers between workers.

    Raises
    ------
    InputError
        If it is no matrix, or its chunks are larger than the workers' memory.
    """
    frame = type(A).__module__.startswith("dask.dataframe") and hasattr(A, "to_dask_array")
    if frame:
        A = of_frame(A)
    if not type(A).__module__.startswith("dask.array"):
        raise InputError(f"got a Dask {type(A).__name__}; expected a dask.array or a Dask frame. {_ADVICE}")
    if A.ndim != 2:
        raise InputError(f"got a Dask array with {A.ndim} dimensions, shape {A.shape}; expected a matrix. {_ADVICE}")
    if math.isnan(A.shape[1]):
        raise InputError(
            f"got a Dask array of shape {A.shape}, whose number of columns is unknown; expected a number. "
            "Try A.compute_chunk_sizes()"
        )
    if 0 in A.shape:
        raise InputError(f"got an empty matrix of shape {A.shape}; expected at least one row and one column")
    down, across = (len(cuts) for cuts in A.chunks)
    notes = []
    transposed = across > 1 and down == 1 and A.shape[1] >= A.shape[0] and scale is None
    if transposed:
        A = A.T
        notes.append(f"the {across} chunks of columns are read as rows of the transpose, nothing is moved")
    elif across > 1:
        A = A.rechunk({1: -1})
        notes.append(f"{down} × {across} chunks were cut anew into {len(A.chunks[0])} of whole rows")
    _require_room(A)
    storage = Chunked(A, scale)
    return Held(storage, transposed, (*notes, *storage.notes))


def of_frame(frame: Any) -> Any:
    """Return a Dask frame as a Dask array.

    Raises
    ------
    InputError
        If a column holds no numbers; with its name.
    """
    others = [str(name) for name, kind in frame.dtypes.items() if getattr(kind, "kind", "O") not in "biuf"]
    if others:
        named = ", ".join(map(repr, others[:4])) + " and more" * (len(others) > 4)
        raise InputError(
            f"got a Dask frame with columns of no numbers: {named}; expected numbers in all. Try "
            "frame.select_dtypes('number')"
        )
    return frame.to_dask_array()


def _require_room(A: Any) -> None:
    """Refuse chunks that no worker can hold, before a worker dies of one."""
    if any(math.isnan(height) for height in A.chunks[0]) or type(A._meta).__module__.startswith("scipy"):
        return
    client = client_of(dict(A.__dask_graph__()))
    workers = {} if client is None else client.scheduler_info(n_workers=-1)["workers"]
    limits = [limit for worker in workers.values() if (limit := worker.get("memory_limit"))]
    if not limits:
        return
    rows, columns = max(A.chunks[0]), A.shape[1]
    size, room = rows * columns * A.dtype.itemsize, _SHARE * max(limits)
    if size > room:
        fitting = max(1, int(0.25 * room / (columns * A.dtype.itemsize)))
        raise InputError(
            f"got a chunk of {rows} × {columns} {A.dtype}, {size / 1e9:.3g} GB, and workers with at most "
            f"{max(limits) / 1e9:.3g} GB of memory; expected chunks of at most {room / 1e9:.3g} GB. "
            f"Try A.rechunk({{0: {fitting}, 1: -1}})"
        )
