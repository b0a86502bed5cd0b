"""Tall matrices on the workers of a Dask cluster, chunk by chunk like the rows of A."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from lopside.arrays import Array
from lopside.rows import Rows
from lopside.storage import chunk as at_work
from lopside.storage.tasks import Pieces, chunkwise, name

DEPTH = 20
"""Passes after which rows are formed anew from A, so that what a lost worker had is never far to seek."""


class Family:
    """One tall array for each chunk, kept on the workers in bundles; with the sums of the pass it comes from.

    Rows of a run come out of a chain of passes, each of which needs those before. A family knows itself as
    Σ F_j P_j + A Z as well, over families F_j at the beginning of the chain, with P_j and Z kept here: so the chain
    is cut from time to time, and rows can be found again without any of those between.

    Attributes
    ----------
    pieces : Pieces
    width : int
    dtype : float32 or float64
    origin : dict of Family or None to ndarray
        P_j (width of F_j × width) for each of the first families, and Z (n × width) under None.
    depth : int
        Passes since the beginning of the chain.
    """

    __slots__ = ("depth", "dtype", "origin", "pieces", "width")

    def __init__(
        self,
        pieces: Pieces,
        width: int,
        dtype: Any,
        origin: dict[Family | None, Array] | None = None,
        depth: int = 0,
    ) -> None:
        self.pieces, self.width, self.dtype = pieces, width, np.dtype(dtype)
        self.origin: dict[Family | None, Array] = {self: np.eye(width)} if origin is None else origin
        self.depth = depth


Terms = dict[Any, Any]
"""Σ F_j C_j + A Z: C_j (width of F_j × k) for each family, and Z (n × k) under None."""


class ChunkedRows(Rows):
    """Σ F_j C_j + A Z over families on the workers; arithmetic changes the C_j and Z, which are here.

    What needs the numbers of rows with a Z reads A; a pass forms them from the chunk that it has in hand.

    Parameters
    ----------
    storage : Chunked
    terms : dict of Family to ndarray
    dtype : float32 or float64
    """

    def __init__(self, storage: Any, terms: Terms, dtype: Any) -> None:
        self.storage, self.terms, self.dtype = storage, terms, np.dtype(dtype)
        self.shape = (storage.shape[0], next(iter(terms.values())).shape[1])

    @property
    def depth(self) -> int:
        """Passes since the beginning of the chain."""
        return max((family.depth for family in self.terms if family is not None), default=0)

    @property
    def settled(self) -> bool:
        """Whether they are formed from A and the beginning of the chain: what is here is all there is to know."""
        return all(family is None or family in family.origin for family in self.terms)

    def dot(self, M: Array) -> Self:
        """Return the product with M (k × l)."""
        terms = {family: C @ M for family, C in self.terms.items()}
        return type(self)(self.storage, terms, np.result_type(self.dtype, M))

    def plus(self, other: Any, sign: float) -> Self:
        """Return self + sign·other."""
        terms = dict(self.terms)
        for family, C in other.terms.items():
            terms[family] = terms[family] + sign * C if family in terms else sign * C
        return type(self)(self.storage, terms, np.result_type(self.dtype, other.dtype))

    def beside(self, other: Any) -> Self:
        """Return [self | other]."""
        k, l = self.shape[1], other.shape[1]
        left, right = np.eye(k, k + l), np.eye(l, k + l, k)
        return self.dot(left.astype(self.dtype)).plus(other.dot(right.astype(other.dtype)), 1.0)

    def astype(self, dtype: Any, *, copy: bool = True) -> Self:
        """Return the same rounded to float32, or widened to float64."""
        kind = np.dtype(dtype)
        if kind == self.dtype:
            return self
        return self._anew(kind)

    def inner(self, other: Any) -> Array:
        """Return selfᵀ other (k × l) in float64; sums are added in an order that depends on the chunks alone."""
        rows = (self,) if other is self else (self, other)
        return self.storage.folded("inner", at_work.inner, at_work.added, *rows)

    def peaks(self) -> Array:
        """Return the entry of largest modulus of each column, shape (k,); the first of several."""
        return self.storage.folded("peaks", at_work.peaks, at_work.largest, self)

    def qr(self) -> tuple[Self, Array]:
        """Return Q (m × k) with orthonormal columns and R (k × k): QR of each chunk, and of all their R here."""
        storage = self.storage
        what, graph = storage.work("qr", at_work.factored, (self,))
        for part, take in (("q", at_work.first), ("r", at_work.second)):
            graph |= chunkwise(f"{what}-{part}", take, [storage.keys(what)], None)
        Q, R = storage.keep(Pieces(graph, storage.keys(f"{what}-q")), Pieces(graph, storage.keys(f"{what}-r")))
        tops = storage.unbundled(storage.fetch(R))
        outer, whole = np.linalg.qr(np.vstack(tops))
        cuts = np.cumsum([len(top) for top in tops])[:-1]
        turned = storage.here(np.split(outer, cuts))
        what = name("turned")
        tasks = chunkwise(what, at_work.turned, [Q.keys, turned.keys], None)
        return self._of(what, {**Q.graph, **turned.graph, **tasks}, self.shape[1], self.dtype), whole

    def numpy(self) -> Array:
        """Return all of it as a NumPy array here: m·k numbers."""
        found = self.storage.unbundled(self.storage.fetch(self.family.pieces))
        return np.vstack([at_work.tall(part) for part in found])

    def stored(self) -> dict[str, Any]:
        """Return Z, and each family at the beginning of a chain with its coefficients, whole."""
        origin = self.origin()
        parts = []
        for first, P in origin.items():
            if first is None:
                continue
            if (number := self.storage.number_of(first)) is not None:
                parts.append({"fixed": number, "coefficients": P})
            else:
                rows = type(self)(self.storage, {first: np.eye(first.width)}, first.dtype)
                parts.append({"rows": rows.numpy(), "coefficients": P})
        return {"dtype": self.dtype.name, "Z": origin.get(None), "parts": parts}

    def native(self) -> Any:
        """Return the rows as a Dask array, kept on the workers."""
        from dask import array as dask_array
        from dask._task_spec import Task, TaskRef

        pieces = self.family.pieces
        array = name("rows")
        graph = dict(pieces.graph)
        for numbers, key in zip(self.storage.bundles, pieces.keys, strict=True):
            for place, number in enumerate(numbers):
                graph[(array, number, 0)] = Task((array, number, 0), at_work.tall_at, TaskRef(key), place)
        chunks = (self.storage.heights, (self.shape[1],))
        made: Any = dask_array.Array
        return made(graph, array, chunks, dtype=self.dtype)

    @property
    def family(self) -> Family:
        """The family that these rows are, whole; computed if they are a combination."""
        if len(self.terms) == 1:
            family, C = next(iter(self.terms.items()))
            if (
                family is not None
                and family.dtype == self.dtype
                and C.shape[0] == C.shape[1]
                and np.array_equal(C, np.eye(len(C)))
            ):
                return family
        return self._anew(self.dtype).family

    def origin(self) -> dict[Family | None, Array]:
        """Return the rows as Σ F_j P_j + A Z over the families at the beginning of their chains."""
        found: dict[Family | None, Array] = {}
        for family, C in self.terms.items():
            for first, P in [(None, None)] if family is None else family.origin.items():
                product = C if P is None else P @ C
                found[first] = found[first] + product if first in found else product
        return found

    def _anew(self, kind: Any) -> Self:
        what, graph = self.storage.work("formed", at_work.formed, (self,), np.dtype(kind))
        return self._of(what, graph, self.shape[1], kind, self.origin(), self.depth)

    def _of(
        self,
        what: str,
        graph: dict[Any, Any],
        width: int,
        kind: Any,
        origin: dict[Family | None, Array] | None = None,
        depth: int = 0,
    ) -> Self:
        (pieces,) = self.storage.keep(Pieces(graph, self.storage.keys(what)))
        return type(self)(self.storage, {Family(pieces, width, kind, origin, depth): np.eye(width)}, kind)
