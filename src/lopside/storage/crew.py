"""What is done with all chunks of a matrix at once: tasks put together, started, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lopside.arrays import Array
from lopside.errors import Error, FileError
from lopside.storage import chunk as at_work
from lopside.storage.chunk import Form
from lopside.storage.chunked_rows import ChunkedRows
from lopside.storage.tasks import Pieces, chunkwise, client_of, fetched, folded, kept, name


class Crew:
    """The chunks of a matrix, and the work on them.

    Attributes
    ----------
    count : int
        Chunks that have any rows.
    """

    count: int
    _graph: dict[Any, Any]
    _base: list[Any]

    def work(
        self,
        what: str,
        task: Callable[..., Any],
        rows: Sequence[ChunkedRows] = (),
        shared: Any = None,
        *,
        reads: bool = False,
    ) -> tuple[str, dict[Any, Any]]:
        """Return the name and the graph of a chunkwise task on rows: `task(*parts, (forms of the rows, shared))`.

        The first part is the chunk of A, where the task reads it or the rows are formed from it.
        """
        families = list(dict.fromkeys(family for each in rows for family in each.terms if family is not None))
        forms = tuple(
            Form(tuple(each.terms.get(family) for family in families), each.terms.get(None), each.dtype)
            for each in rows
        )
        reads = reads or any(form.Z is not None for form in forms)
        own = name(what)
        columns = [self._base] * reads + [family.pieces.keys for family in families]
        graph = dict(self._graph) if reads else {}
        for family in families:
            graph.update(family.pieces.graph)
        return own, graph | chunkwise(own, task, columns, (forms, shared))

    @contextmanager
    def _naming_chunks(self) -> Iterator[None]:
        """Say which chunk it was that failed."""
        try:
            yield
        except Error:
            raise
        except Exception as error:
            number = self._failing()
            if number is None:
                raise
            raise FileError(
                f"chunk {number} of {len(self._base)} cannot be loaded: {type(error).__name__}: {error}. Try "
                f"A.blocks[{number}].compute()"
            ) from error

    def _failing(self) -> int | None:
        for number, key in enumerate(self._base):
            what = name("tried")
            tasks = chunkwise(what, at_work.height, [[key]], None)
            try:
                fetched(*kept(Pieces({**self._graph, **tasks}, [(what, 0)])))
            except Exception:
                return number
        return None

    def keys(self, what: str) -> list[tuple[str, int]]:
        """Return the keys of tasks of this name, one for each chunk."""
        return [(what, number) for number in range(self.count)]

    def keep(self, *pieces: Pieces) -> tuple[Pieces, ...]:
        """Start tasks; see `lopside.storage.tasks.kept`."""
        with self._naming_chunks():
            return kept(*pieces, client=client_of(self._graph))

    def fetch(self, pieces: Pieces) -> list[Any]:
        """Return results of tasks, here."""
        with self._naming_chunks():
            return fetched(pieces)

    def folded(
        self,
        what: str,
        task: Callable[..., Any],
        fold: Callable[[list[Any]], Any],
        *rows: ChunkedRows,
        shared: Any = None,
        reads: bool = False,
    ) -> Any:
        """Return the results of a chunkwise task on rows, folded into one."""
        own, graph = self.work(what, task, rows, shared, reads=reads)
        tree, root = folded(f"{own}-sum", self.keys(own), fold)
        (pieces,) = self.keep(Pieces(graph | tree, [root]))
        return self.fetch(pieces)[0]

    def here(self, parts: Sequence[Array]) -> Pieces:
        """Return arrays of this machine as pieces, one for each chunk; they are sent to the workers once."""
        from dask._task_spec import DataNode

        keys = self.keys(name("given"))
        return self.keep(Pieces({key: DataNode(key, part) for key, part in zip(keys, parts, strict=True)}, keys))[0]
