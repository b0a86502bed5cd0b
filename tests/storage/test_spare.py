"""Memory that is lent again and again."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from lopside.storage.spare import Slabs, Spare


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


def test_slabs_keep_no_more_than_they_may() -> None:
    slabs = Slabs(1 << 20, slab=1 << 20)
    for _ in range(3):
        held = [slabs.array((1 << 15,), float) for _ in range(40)]
        assert len({array.ctypes.data for array in held}) == 40
        del held
        gc.collect()
        kept = sum(len(piece) for pieces in slabs._by_size.values() for piece in pieces)
        assert kept <= 1 << 20
