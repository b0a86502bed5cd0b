"""What is done with all chunks of a matrix at once: tasks put together, started, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lopside.arrays import Array
from lopside.errors import ClusterError, Error, FileError
from lopside.storage import chunk as at_work
from lopside.storage.chunk import Form
from lopside.storage.chunked_rows import ChunkedRows
from lopside.storage.tasks import Pieces, chunkwise, client_of, fetched, folded, kept, name


class ChunkedWork:
    """The chunks of a matrix in bundles, and the work on them: one task for each bundle.

    Attributes
    ----------
    graph : dict
        Tasks, or what came of them.
    base : list
        The keys of the bundles there.
    bundles : tuple of tuple of int
        The numbers of the chunks in each. A bundle has chunks that lie together, as far as that is known.
    sources : tuple of int
        The number of each chunk in the array that was given; chunks without any rows are not among them.
    whole : int
        How many that array has.
    """

    def __init__(
        self,
        graph: dict[Any, Any],
        base: list[Any],
        bundles: tuple[tuple[int, ...], ...],
        sources: tuple[int, ...] = (),
        whole: int = 0,
    ) -> None:
        self.graph, self.base, self.bundles = graph, base, bundles
        count = sum(map(len, bundles))
        self.sources, self.whole = sources or tuple(range(count)), whole or count

    def settle(self) -> None:
        """Have the workers keep the bundles."""
        (pieces,) = self.keep(Pieces(self.graph, self.base))
        self.graph, self.base = dict(pieces.graph), pieces.keys

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
        columns = [self.base] * reads + [family.pieces.keys for family in families]
        graph = dict(self.graph) if reads else {}
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
            numbers = self._failing()
            if not numbers:
                raise
            given = [self.sources[number] for number in numbers]
            which = f"chunk {given[0]}" if len(given) == 1 else f"one of chunks {', '.join(map(str, given))}"
            raise FileError(
                f"{which} of {self.whole} cannot be loaded: {type(error).__name__}: {error}. Try "
                f"A.blocks[{given[0]}].compute()"
            ) from error

    def _failing(self) -> tuple[int, ...]:
        for numbers, key in zip(self.bundles, self.base, strict=True):
            what = name("tried")
            tasks = chunkwise(what, at_work.height, [[key]], None)
            try:
                fetched(*kept(Pieces({**self.graph, **tasks}, [(what, 0)])))
            except ClusterError:
                raise
            except Exception:
                return numbers
        return ()

    def keys(self, what: str) -> list[tuple[str, int]]:
        """Return the keys of tasks of this name, one for each bundle."""
        return [(what, number) for number in range(len(self.bundles))]

    def bundled(self, parts: Sequence[Any]) -> list[list[Any]]:
        """Return what there is for each chunk as one list for each bundle."""
        return [[parts[number] for number in numbers] for numbers in self.bundles]

    def unbundled(self, results: Sequence[Sequence[Any]]) -> list[Any]:
        """Return lists of results, one for each bundle, as one in the order of the chunks."""
        found = {
            number: part
            for numbers, bundle in zip(self.bundles, results, strict=True)
            for number, part in zip(numbers, bundle, strict=True)
        }
        return [found[number] for number in range(len(found))]

    def keep(self, *pieces: Pieces) -> tuple[Pieces, ...]:
        """Start tasks; see `lopside.storage.tasks.kept`."""
        with self._naming_chunks():
            return kept(*pieces, client=client_of(self.graph))

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
        size: int = 0,
    ) -> Any:
        """Return the results of a chunkwise task on rows, of about this many bytes each, folded into one."""
        own, graph = self.work(what, task, rows, shared, reads=reads)
        tree, last = folded(f"{own}-sum", self.keys(own), self.bundles, fold, size)
        (pieces,) = self.keep(Pieces(graph | tree, last))
        return fold(self.fetch(pieces))

    def here(self, parts: Sequence[Array]) -> Pieces:
        """Return arrays of this machine, one for each chunk, as pieces; they are sent to the workers once."""
        return self.keep(self.given("given", parts))[0]

    def given(self, what: str, parts: Sequence[Any]) -> Pieces:
        """Return what there is for each chunk as the beginning of a graph."""
        from dask._task_spec import DataNode

        keys = self.keys(name(what))
        graph = {key: DataNode(key, bundle) for key, bundle in zip(keys, self.bundled(parts), strict=True)}
        return Pieces(graph, keys)
