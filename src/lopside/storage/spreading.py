"""Triples in partitions of Dask, checked and dealt out again by rows: what `observations` does in one place.

A partition is read once and checked where it is; its ids, where it has any, are numbered over all partitions here.
Then each hands its entries to the partitions of rows, which put them together in the order of the partitions that
they came from: the same entries in the same order as in one place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.errors import Error, InputError
from lopside.frames import entries
from lopside.ids import Coder
from lopside.observations import (
    NOTHING,
    Extent,
    about_dropped,
    about_duplicates,
    about_long,
    as_triples,
    compressed,
    is_long,
    kind_of,
    require_duplicates,
    size_of,
)
from lopside.sparse_arrays import by_rows
from lopside.storage.executor import Executor, is_on_dask, task
from lopside.storage.known import Known
from lopside.storage.lines import Lines
from lopside.storage.partitioned import Partitioned, cut


class Piece(NamedTuple):
    """Checked entries of one partition, with places or, where there are ids, the numbers of these."""

    rows: NDArray[Any]
    columns: NDArray[Any]
    values: Array
    weights: Array | None
    row_ids: NDArray[Any] | None
    column_ids: NDArray[Any] | None
    about: About


class About(NamedTuple):
    """What all have to know of a piece."""

    entries: int
    dropped: int
    extent: Extent
    size: tuple[int, int] | None


def spread_frame(
    frame: Any, *, row: Hashable, column: Hashable, value: Hashable, weight: Hashable = None, duplicates: str
) -> Known:
    """Return the entries of a frame of Dask, a row each, by their ids; see `lopside.frames.entries`."""
    if not (hasattr(frame, "to_delayed") and hasattr(frame, "npartitions")):
        raise InputError(
            f"got {type(frame).__name__}; expected a frame of Dask. Try Completion.from_frame, for frames in memory, "
            "or Completion, which takes arrays of Dask"
        )
    names = {"row": row, "column": column, "value": value, "weight": weight}
    there = list(frame.columns)
    if missing := [name for name in names.values() if name is not None and name not in there]:
        raise InputError(
            f"got no column {missing[0]!r} in a frame with the columns {', '.join(map(repr, there))}; expected one of "
            "these names"
        )
    wanted = [name for name in there if name in names.values()]
    sources = [(part,) for part in frame[wanted].to_delayed()]
    return _spread(sources, _of_frame, {"names": names}, duplicates)


def spread_arrays(
    rows: Any, columns: Any, values: Any, *, shape: Any = None, weights: Any = None, duplicates: str
) -> Known:
    """Return the entries that arrays of Dask list, chunk by chunk; see `lopside.observations.as_observations`."""
    given = {"rows": rows, "columns": columns, "values": values, "weights": weights}
    arrays = {name: array for name, array in given.items() if array is not None}
    for name, array in arrays.items():
        if not is_on_dask(array):
            raise InputError(
                f"got {name} of type {type(array).__name__} among arrays of Dask; expected all to be of Dask, in the "
                "same chunks. Try dask.array.from_array(x, chunks=values.chunks)"
            )
        if array.ndim != 1 or array.dtype.kind not in "iufb":
            raise InputError(
                f"got {name} of {array.ndim} dimensions and type {array.dtype}; expected numbers in one dimension"
            )
    pattern = values.chunks
    for name, array in arrays.items():
        if len(array.chunks[0]) != len(pattern[0]) or (
            array.chunks != pattern and not np.isnan(array.shape + values.shape).any()
        ):
            raise InputError(
                f"got {name} in the chunks {_shown(array.chunks[0])} and values in {_shown(pattern[0])}; expected the "
                "same. Try rechunk(values.chunks), and before that compute_chunk_sizes() where sizes are unknown"
            )
    blocks = [list(array.to_delayed().ravel()) for array in arrays.values()]
    names = tuple(arrays)
    return _spread(list(zip(*blocks, strict=True)), _of_arrays, {"names": names, "shape": shape}, duplicates)


def _shown(chunks: Sequence[Any]) -> str:
    return f"({', '.join(map(str, chunks[:4]))}{', …' if len(chunks) > 4 else ''})"


def _checked(k: int, read: Callable[..., Piece], chunks: Sequence[Any], options: dict[str, Any]) -> Piece | InputError:
    """Return the piece of a partition, or what is wrong with it."""
    try:
        return read(*chunks, **options)
    except InputError as error:
        return InputError(f"partition {k} (counted from 0): {error}")


def _of_frame(frame: Any, *, names: dict[str, Hashable]) -> Piece:
    if not len(frame):
        nothing = np.zeros(0, np.int64)
        given = as_triples(nothing, nothing, np.zeros(0))
        return Piece(*given[:4], None, None, About(0, 0, given.extent, None))
    long = entries(frame, row=names["row"], column=names["column"], value=names["value"], weight=names["weight"])
    given = as_triples(long.rows, long.columns, long.values, long.weights)
    about = About(len(given.values), given.dropped, given.extent, None)
    return Piece(*given[:4], long.row_ids, long.column_ids, about)


def _of_arrays(*chunks: Any, names: tuple[str, ...], shape: Any) -> Piece:
    given = as_triples(**dict(zip(names, chunks, strict=True)))
    size = size_of(shape, given.rows, given.columns) if len(given.values) else (1, 1)
    return Piece(*given[:4], None, None, About(len(given.values), given.dropped, given.extent, size))


class _Side(NamedTuple):
    """How many lines, what turns the numbers of each piece into theirs (None: nothing has to), and their ids."""

    size: int
    maps: list[NDArray[np.int32]] | list[None]
    ids: NDArray[Any] | None


def _spread(
    sources: Sequence[tuple[Any, ...]], read: Callable[..., Piece], options: dict[str, Any], duplicates: str
) -> Known:
    require_duplicates(duplicates)
    executor = Executor.here()
    pieces, told = _read(executor, [task(_checked)(k, read, list(source), options) for k, source in enumerate(sources)])
    if not (count := sum(about.entries for about in told)):
        raise InputError(NOTHING)
    notes = [about_dropped(dropped)] if (dropped := sum(about.dropped for about in told)) else []
    kind, sides = kind_of([about.extent for about in told]), []
    for number, name in enumerate(("rows", "columns")):
        # Of a frame only ids are known, which have no size.
        size = max((about.size[number] for about in told if about.size), default=0)
        if size and not is_long(size, count):
            sides.append(_Side(size, [None] * len(pieces), None))
            continue
        if size:
            pieces = executor.persist([task(_shortened)(piece, number) for piece in pieces])
        sides.append(_numbered(executor, pieces, number, name))
        if size:
            notes.append(about_long(sides[number].size, size, name))
    rows, columns = sides
    lines, again = _dealt_out(executor, pieces, rows, columns, kind, duplicates)
    if again:
        notes.append(about_duplicates(again, duplicates))
    return Known(lines, (rows.size, columns.size), rows.ids, columns.ids, tuple(notes))


def _dealt_out(
    executor: Executor, pieces: list[Any], rows: _Side, columns: _Side, kind: np.dtype[Any], duplicates: str
) -> tuple[Partitioned, int]:
    """Return the entries by rows, and how many were at a place that was there before."""
    count, put = task(_row_counts), task(_assembled)
    counts = executor.summed([count(piece, to, rows.size) for piece, to in zip(pieces, rows.maps, strict=True)])
    edges = cut(counts, len(pieces))
    deal, bounds = task(_dealt, len(edges) - 1), edges.tolist()
    hands = [deal(*each, edges, kind) for each in zip(pieces, rows.maps, columns.maps, strict=True)]
    made = executor.persist(
        [
            put([hand[k] for hand in hands], first, last - first, columns.size, duplicates)
            for k, (first, last) in enumerate(zip(bounds[:-1], bounds[1:], strict=True))
        ]
    )
    take = task(operator.itemgetter(0)), task(operator.itemgetter(1))
    again = sum(executor.compute([take[1](one) for one in made]))
    return Partitioned(executor.persist([take[0](one) for one in made]), edges, columns.size, executor), again


def _read(executor: Executor, tasks: list[Any]) -> tuple[list[Any], list[About]]:
    """Return the pieces, kept, and what is to be known of them; an error names the first partition that has one."""

    def about(pieces: list[Any]) -> list[Any]:
        return executor.compute([task(_about)(piece) for piece in pieces])

    try:
        pieces = executor.persist(tasks)
        told = about(pieces)
    except Error:
        raise
    except Exception:
        for k, one in enumerate(tasks):
            try:
                about([one])
            except Exception as error:
                raise InputError(
                    f"got partition {k} (counted from 0), which cannot be loaded: {type(error).__name__}: {error}. "
                    "Expected all of them. Try computing it alone"
                ) from error
        raise
    for one in told:
        if isinstance(one, InputError):
            raise one
    return pieces, told


def _about(piece: Piece | InputError) -> About | InputError:
    return piece if isinstance(piece, InputError) else piece.about


def _shortened(piece: Piece, side: int) -> Piece:
    ids, codes = compressed((piece.rows, piece.columns)[side])
    return piece._replace(**{("rows", "columns")[side]: codes, ("row_ids", "column_ids")[side]: ids})


def _numbered(executor: Executor, pieces: list[Any], side: int, name: str) -> _Side:
    """Return numbers for the ids of all pieces."""
    coder = Coder(f"ids of {name}")
    told = executor.compute([task(_ids)(piece, side) for piece in pieces])
    maps = [coder.codes(ids) if ids is not None else np.zeros(0, np.int32) for ids in told]
    ids = coder.finish(*maps).ids
    return _Side(len(ids), maps, ids)


def _ids(piece: Piece, side: int) -> NDArray[Any] | None:
    return (piece.row_ids, piece.column_ids)[side]


def _row_counts(piece: Piece, rows: NDArray[Any] | None, m: int) -> NDArray[np.int64]:
    return np.bincount(piece.rows if rows is None else rows[piece.rows], minlength=m).astype(np.int64)


def _dealt(
    piece: Piece, rows: NDArray[Any] | None, columns: NDArray[Any] | None, edges: NDArray[np.int64], kind: np.dtype[Any]
) -> list[tuple[Any, ...]]:
    """Return the entries for each partition of rows, in the order in which they came."""
    i, j = (x if to is None else to[x] for x, to in ((piece.rows, rows), (piece.columns, columns)))
    a = piece.values.astype(kind, copy=False)
    w = None if piece.weights is None else piece.weights.astype(kind, copy=False)
    whose = np.searchsorted(edges, i, side="right") - 1
    order = np.argsort(whose, kind="stable")
    bounds = np.searchsorted(whose[order], np.arange(len(edges)))
    hands = (order[first:last] for first, last in zip(bounds[:-1], bounds[1:], strict=True))
    return [(i[hand] - edges[k], j[hand], a[hand], None if w is None else w[hand]) for k, hand in enumerate(hands)]


def _assembled(hands: list[tuple[Any, ...]], first: int, rows: int, n: int, duplicates: str) -> tuple[Lines, int]:
    i, j, a = (np.concatenate([hand[k] for hand in hands]) for k in range(3))
    weighed = [hand[3] for hand in hands if hand[3] is not None]
    w = np.concatenate(weighed) if weighed else None
    lines, weights, again = by_rows(i, j, a, w, (rows, n), duplicates, first=first)
    return Lines(lines.indptr, lines.indices, lines.data, weights, n, 1), again
