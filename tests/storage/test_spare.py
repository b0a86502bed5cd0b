"""Memory that is lent again and again."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from lopside.storage.spare import Slabs, Spare


def test_nothing_is_lent_as_well() -> None:
    for spare in (Spare(), Slabs(1 << 20)):
        with spare.lent((0, 3), float) as empty:
            assert empty.shape == (0, 3)


@pytest.mark.parametrize("spare", [Spare(), Slabs(1 << 24)])
def test_what_comes_back_is_lent_again(spare: Spare) -> None:
    first = spare.array((1000, 100), float)
    first[:] = 1.0
    where, view = first.ctypes.data, first[500:]
    del first
    gc.collect()
    second = spare.array((1000, 100), float)
    assert second.ctypes.data != where, "somebody still has a part of it"
    assert (view == 1.0).all()
    del view
    gc.collect()
    third = spare.array((1000, 100), float)
    assert third.ctypes.data == where
    assert third.flags.c_contiguous
    assert third.flags.writeable
    assert where % 64 == 0


def test_a_lent_array_is_of_the_shape_and_type_asked_for() -> None:
    spare = Spare()
    with spare.lent((3, 5), np.float32) as first, spare.lent((2,), float) as second:
        assert (first.shape, first.dtype, second.shape, second.dtype) == ((3, 5), np.float32, (2,), np.float64)
        first[:], second[:] = 1.0, 2.0
        assert (first == 1.0).all()
    with spare.lent((0, 4), float) as empty:
        assert empty.shape == (0, 4)


def kept(slabs: Slabs) -> int:
    """Return the bytes that nobody has."""
    return sum(len(piece) for pieces in slabs._by_size.values() for piece in pieces)


def test_slabs_keep_no_more_than_they_may() -> None:
    slabs = Slabs(1 << 20, slab=1 << 20)
    for _ in range(3):
        held = [slabs.array((1 << 15,), float) for _ in range(40)]
        assert len({array.ctypes.data for array in held}) == 40
        del held
        gc.collect()
        assert kept(slabs) <= 1 << 20


def test_sizes_of_long_ago_make_room() -> None:
    slabs = Slabs(1 << 22, slab=1 << 20)
    for size in range(1 << 13, (1 << 13) + 100):
        where = set()
        for _ in range(3):
            array = slabs.array((size,), float)
            where.add(array.ctypes.data)
            del array
        assert len(where) == 1, "the last size is at hand whatever came before"
        assert kept(slabs) <= 1 << 22
