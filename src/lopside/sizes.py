"""How a factorization will be done: by which method, with how many columns at a time, in how much memory."""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple, Protocol

from lopside.arrays import as_positive
from lopside.errors import InputError
from lopside.footprint import PROCESS, Parts, Searching, decomposing
from lopside.problems.full import FETCHED
from lopside.solvers.block_krylov import WIDTH, capacity
from lopside.storage import Storage
from lopside.storage.protocol import elsewhere

_LAPACK_WORK = 5e7
"""m·n·min(m, n) below which a whole SVD costs less than a search: some 20 ms."""

_LAPACK_THIN = 1 << 15
"""Entries up to which that holds for a thin matrix too, whose BᵀB takes one read."""

_LAPACK_MOST = 4e9
"""m·n·min(m, n) up to which a whole SVD, of a few seconds, is the way out where a search does not get on."""

_WHOLE_SIDE = 64
"""Up to so many columns BᵀB is formed whole, in one read."""

_MARGIN, _WIDEST_START = 4, 32
"""The first block is wider than the rank by so much, up to so many columns: it then sees all of a cluster at once."""

_BASIS_BYTES = 1 << 28
"""Memory that a basis may take without being asked, or a quarter of A if that is more."""


class Matrix(Protocol):
    """What sizes are chosen for: a `Full`, or one whose numbers nobody has looked at yet."""

    @property
    def storage(self) -> Storage:
        """How A is held."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        ...

    @property
    def side(self) -> int:
        """Columns of the matrix held."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen on the way in."""
        ...

    @property
    def norm(self) -> float:
        """‖A‖_F, NaN where it is not known."""
        ...


class Sizes(NamedTuple):
    """How the work will be done.

    Attributes
    ----------
    method : {"zero", "lapack", "search"}
    shape : (m, n)
        Of the matrix held.
    search : Searching or None
        Columns of the reads of A and of the basis, and the memory that they take.
    most : int
        Columns of the basis at which the search is given up for a whole SVD; more than there are where it never is.
    allowed : float
        Bytes that may be taken beside A.
    choices : tuple of str
    """

    method: str
    shape: tuple[int, int]
    search: Searching | None
    most: int
    allowed: float
    choices: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns of a read of A but for the first, 1 without a search."""
        return self.search.width if self.search else 1

    @property
    def basis(self) -> int:
        """Columns of the basis, 1 without a search."""
        return self.search.capacity if self.search else 1

    @property
    def last_step(self) -> int | None:
        """The step at which a search is given up for a whole SVD, None where it never is."""
        if self.search is None or self.most > self.shape[1]:
            return None
        return 1 + max(0, -(-(self.most - self.search.start) // self.search.width))

    @property
    def memory(self) -> int:
        """Bytes held at most beside A, whatever A is."""
        return total(self.parts())

    def needed(self, steps: int, *, rank: int, blind: bool = True) -> int:
        """Return the bytes of `parts` after so many steps, and of the process itself."""
        return total(self.parts(steps, rank=rank, blind=blind))

    def parts(self, steps: int | None = None, *, rank: int | None = None, blind: bool = True) -> Parts:
        """Return what is held at most beside A, after so many steps (default: at the worst) and with so many columns.

        Parameters
        ----------
        steps : int, optional
        rank : int, optional
            Where it was not known before the search.
        blind : bool
            Whether the fit may have to be polished.
        """
        m, n = self.shape
        if self.search is None:
            return {"factors": 8 * (m + n)} if self.method == "zero" else decomposing(self.shape)
        search = self.search if rank is None else self.search._replace(rank=rank)
        last = self.last_step
        found = []
        if self.method == "lapack" or (steps is None and last is not None):
            found.append(search.decomposed(steps or last or 1))
        found.append(search.blind(steps) if blind else search.after(steps))
        return max(found, key=total)


def total(parts: Parts) -> int:
    """Return the bytes of all parts, with what the process takes for itself."""
    return sum(parts.values()) + PROCESS


def choose(problem: Matrix, rank: int | None, memory_limit: float | None = None) -> Sizes:
    """Choose a method and its sizes; see `factorize`.

    Raises
    ------
    InputError
        If no basis that can do the work fits into the memory allowed.
    """
    storage, side, notes = problem.storage, problem.side, tuple(problem.notes)
    (m, n), held = problem.shape, problem.storage.shape
    allowed = half_the_machine() if memory_limit is None else as_positive(memory_limit, "memory_limit")
    if problem.norm == 0.0:
        return Sizes("zero", held, None, 1, allowed, (*notes, "A = 0"))
    whole = Sizes("lapack", held, None, 1, allowed, (*notes, f"LAPACK: a {m} × {n} matrix is decomposed whole"))
    small = m * n * min(m, n) <= _LAPACK_WORK and (side > _WHOLE_SIDE or m * n <= _LAPACK_THIN)
    if small and whole.memory <= allowed:
        return whole
    wanted = _wanted(storage, rank, 0)
    fitted = _fitted(wanted, allowed)
    if fitted is None:
        raise _too_little(problem, rank, wanted, allowed, given=memory_limit is not None)
    width, basis = wanted.width, fitted.capacity
    what = "all of AᵀA in one read" if width == side else f"{width} columns per read of A"
    choices = [*notes, f"block Krylov, {what}, a basis of at most {basis} columns ({storage.layout})"]
    if basis < wanted.capacity:
        choices.append(f"a smaller basis than {wanted.capacity} columns, to stay within {allowed:.4g} bytes")
    most = max(10 * WIDTH, side // 4)
    sizes = Sizes("search", held, fitted, most, allowed, tuple(choices))
    far = elsewhere(storage) is not None and m * n > FETCHED
    if far or m * n * min(m, n) > _LAPACK_MOST or most >= basis or sizes.memory > allowed:
        sizes = sizes._replace(most=side + 1)
    return _with_room(sizes)


def _wanted(storage: Storage, rank: int | None, room: int) -> Searching:
    """Return the search as it is done where memory is no matter."""
    (rows, side), d = storage.shape, rank or 1
    width = side if side <= _WHOLE_SIDE and 8 * rows * side <= _BASIS_BYTES else min(side, WIDTH)
    start = min(side, max(width, min(8 * math.ceil((d + _MARGIN) / 8), _WIDEST_START)))
    # A larger basis never needs more reads, and restarts cost many where singular values lie close.
    affordable = int(max(_BASIS_BYTES, storage.nbytes // 4) / (8 * side))
    basis = min(side, max(capacity(d, width), affordable) if rank else side)
    return Searching(storage, d, start, width, basis, room)


def _least(search: Searching) -> int:
    """Return the least columns of a basis that can do the work."""
    return min(search.storage.shape[1], search.rank + 4 * search.width)


def _fitted(wanted: Searching, allowed: float) -> Searching | None:
    """Return the search with the largest basis that the memory has room for, None if there is none."""
    basis, least = wanted.capacity, _least(wanted)
    while True:
        search = wanted._replace(capacity=basis)
        if total(search.blind()) <= allowed:
            return search
        if basis <= least:
            return None
        basis = max(least, int(0.8 * basis))


def _with_room(sizes: Sizes) -> Sizes:
    """Return the sizes with as much room for A times the basis as is left."""
    search: Any = sizes.search
    rows = search.storage.shape[0]
    room = min(_BASIS_BYTES, search.storage.nbytes, 8 * rows * search.capacity)
    while room >= 8 * rows * search.start:
        roomy = sizes._replace(search=search._replace(room=room))
        if roomy.memory <= sizes.allowed:
            return roomy
        room = int(0.8 * room)
    return sizes


def _too_little(problem: Matrix, rank: int | None, wanted: Searching, allowed: float, *, given: bool) -> InputError:
    (m, n), name = problem.shape, "memory_limit" if given else "half the memory of this machine"
    least = wanted._replace(capacity=_least(wanted))
    needs = total(least.blind())
    low, high = 0, wanted.rank
    while high - low > 1:
        d = (low + high) // 2
        smaller = _wanted(problem.storage, d, 0)
        fits = total(smaller._replace(capacity=_least(smaller)).blind()) <= allowed
        low, high = (d, high) if fits else (low, d)
    way = f"a rank of at most {low}, which fits" if rank and low else "fewer rows or columns"
    return InputError(
        f"got {name} = {allowed:.4g} bytes; rank {wanted.rank} of a {m} × {n} matrix needs {needs:.4g} beside A, "
        f"with the least basis of {least.capacity} columns. Try memory_limit={1.01 * needs:.3g}, or {way}"
    )


def half_the_machine() -> float:
    """Return half of this machine's memory in bytes, infinity where the system does not tell."""
    try:
        return 0.5 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf
