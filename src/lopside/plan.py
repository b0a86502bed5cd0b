"""How a factorization will be done: by which method, with how many columns at a time, in how much memory."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

from lopside.arrays import as_positive
from lopside.errors import InputError
from lopside.problems import Full
from lopside.solvers.block_krylov import WIDTH, capacity
from lopside.theory.deflated_norm import PROBES

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

_PART_ROWS, _MOST_PARTS = 2048, 64
"""A read sums AᵀX apart for each so many rows, in at most so many parts."""

_BASIS_BYTES = 1 << 28
"""Memory that a basis may take without being asked, or a quarter of A if that is more."""


class Plan(NamedTuple):
    """How the work will be done.

    Attributes
    ----------
    method : {"zero", "lapack", "search"}
    start, width, basis : int
        Columns of the first read of A, of the others, and of the basis.
    most : int
        Columns of the basis at which the search is given up for a whole SVD.
    room : int
        Bytes in which A times the basis may be kept, which saves a read at the end.
    memory : int
        Bytes of the arrays held at most beside A.
    choices : tuple of str
    """

    method: str
    start: int
    width: int
    basis: int
    most: int
    room: int
    memory: int
    choices: tuple[str, ...]


def plan(problem: Full, rank: int | None, memory_limit: float | None = None) -> Plan:
    """Choose a method and its sizes; see `factorize`.

    Raises
    ------
    InputError
        If no basis that can do the work fits into the memory allowed.
    """
    (m, n), side = problem.shape, problem.side
    rows, notes = m + n - side, tuple(problem.notes)
    allowed = _half_the_machine() if memory_limit is None else as_positive(memory_limit, "memory_limit")
    if problem.norm == 0.0:
        return Plan("zero", 1, 1, 1, 1, 0, 8 * (m + n), (*notes, "A = 0"))
    # A, scaled, as LAPACK copies it, its outputs and work
    whole = 8 * (6 * m * n + 10 * min(m, n) ** 2)
    small = m * n * min(m, n) <= _LAPACK_WORK and (side > _WHOLE_SIDE or m * n <= _LAPACK_THIN)
    if small and whole <= allowed:
        return Plan("lapack", 1, 1, 1, 1, 0, whole, (*notes, f"LAPACK: a {m} × {n} matrix is decomposed whole"))
    d = rank or 1
    width = side if side <= _WHOLE_SIDE and 8 * rows * side <= _BASIS_BYTES else min(side, WIDTH)
    start = min(side, max(width, min(8 * math.ceil((d + _MARGIN) / 8), _WIDEST_START)))
    parts = min(_MOST_PARTS, max(4, rows // _PART_ROWS))

    def needed(basis: int) -> int:
        # basis and what a restart keeps of it, blocks in flight, what probes may add, partial sums of a read
        across = basis + 2 * d + start + 8 * width + 8 * PROBES + parts * max(start, width)
        # a read's two products; the factors, their orthogonal parts and copies
        return 8 * (side * across + rows * (2 * max(start, width) + 6 * d))

    # A larger basis never needs more reads, and restarts cost many where singular values lie close.
    affordable = int(max(_BASIS_BYTES, problem.storage.nbytes // 4) / (8 * side))
    wanted = min(side, max(capacity(d, width), affordable) if rank else side)
    basis, least = wanted, min(side, d + 4 * width)
    while needed(basis) > allowed and basis > least:
        basis = max(least, int(0.8 * basis))
    if needed(basis) > allowed:
        given = "half the memory of this machine" if memory_limit is None else "memory_limit"
        raise InputError(
            f"got {given} = {allowed:.4g} bytes; rank {d} of a {m} × {n} matrix needs {needed(basis):.4g} beside A, "
            f"with the least basis of {basis} columns. Try a larger memory_limit, or a smaller rank"
        )
    what = "all of AᵀA in one read" if width == side else f"{width} columns per read of A"
    choices = [*notes, f"block Krylov, {what}, a basis of at most {basis} columns ({problem.storage.layout})"]
    if basis < wanted:
        choices.append(f"a smaller basis than {wanted} columns, to stay within {allowed:.4g} bytes")
    most = max(10 * WIDTH, side // 4)
    if m * n * min(m, n) > _LAPACK_MOST or needed(basis) + whole > allowed or most >= basis:
        most, whole = side + 1, 0
    room = int(min(_BASIS_BYTES, problem.storage.nbytes, 8 * rows * basis, allowed - needed(basis) - whole))
    return Plan("search", start, width, basis, most, room, needed(basis) + whole + room, tuple(choices))


def factors_memory(problem: Full, ranks: int) -> int:
    """Return the bytes that so many more columns of the factors take than were planned for."""
    m, n = problem.shape
    return 8 * ranks * (6 * (m + n - problem.side) + 2 * problem.side)


def _half_the_machine() -> float:
    try:
        return 0.5 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        return math.inf
