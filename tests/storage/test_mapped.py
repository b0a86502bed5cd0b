"""A matrix in a file: what is refused, what happens when the file changes, and how much memory it takes."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import lopside as lo
from lopside.storage import mapped
from lopside.storage.mapped import Mapped
from lopside.storage.passing import Pass
from lopside.storage.reading import BUFFERS


@pytest.fixture
def matrix(tmp_path: Path, small_blocks: None) -> Path:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((400, 30)))
    return tmp_path / "a.npy"


REFUSED = {
    "integers": (np.eye(3, dtype=int), "int64; expected float32 or float64"),
    "foreign": (np.eye(3, dtype=">f8"), r"byte order.*Try saving A.astype\(numpy.float64\)"),
    "half": (np.eye(3, dtype=np.float16), r"float16.*Try saving A.astype\(numpy.float32\)"),
    "complex": (1j * np.eye(3), "complex128.*Try saving real numbers"),
    "vector": (np.ones(3), "expected a matrix"),
    "empty": (np.ones((0, 3)), "expected a matrix"),
    "objects": (np.array([[None]]), "pickled"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path, name):
    A, message = REFUSED[name]
    np.save(tmp_path / "a.npy", A)
    with pytest.raises(lo.errors.FileError, match=message):
        Mapped(tmp_path / "a.npy")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_read_finds_what_is_not_finite(small_blocks, tmp_path, order, value):
    A = np.ones((90, 40), order=order)
    A[71, 3] = A[71, 8] = A[80, 5] = value
    np.save(tmp_path / "a.npy", A)
    with pytest.raises(lo.errors.InputError, match=r"a\.npy with an entry that is NaN.*at row 71, column 3 "):
        Mapped(tmp_path / "a.npy")


def use(storage):
    n = storage.shape[1]
    return (
        lambda: storage.sweep(None, np.ones((n, 2)), np.eye(2)),
        lambda: storage.times(np.ones((n, 2))),
        lambda: storage.transpose_times(np.ones((storage.shape[0], 2))),
        lambda: storage.residual_norm(np.ones((storage.shape[0], 2)), np.ones((n, 2))),
    )


def test_a_file_that_shrinks_between_reads(matrix):
    storage = Mapped(matrix)
    os.truncate(matrix, 50_000)
    for call in use(storage):
        with pytest.raises(lo.errors.FileError, match=r"a\.npy with 50000 bytes; expected 96128.*400 × 30 float64"):
            call()


def test_a_file_that_vanishes(matrix):
    storage = Mapped(matrix)
    matrix.unlink()
    for call in use(storage):
        with pytest.raises(lo.errors.FileError, match=r"cannot read .*a\.npy: No such file.*of 96128 bytes"):
            call()


def test_a_file_that_shrinks_during_a_read(matrix, monkeypatch):
    storage = Mapped(matrix, threads=2)
    seen = []

    def shrinking(whole, block, rows, part):
        if rows.start > 100 and not seen:
            seen.append(rows)
            os.truncate(matrix, 60_000)
        return before(whole, block, rows, part)

    before = Pass.visit
    monkeypatch.setattr(Pass, "visit", shrinking)
    with pytest.raises(lo.errors.FileError, match="with 60000 bytes; expected 96128"):
        storage.sweep(None, np.ones((30, 2)), np.eye(2))
    assert seen


def test_a_map_cut_short_is_refused_at_once(matrix):
    A = np.load(matrix, mmap_mode="r")
    os.truncate(matrix, 60_000)
    with pytest.raises(lo.errors.FileError, match="with 60000 bytes"):
        Mapped(A)


def test_the_reader_ends_when_the_work_on_a_block_fails(matrix, monkeypatch):
    def failing(*_):
        raise KeyboardInterrupt

    storage = Mapped(matrix, threads=2)
    monkeypatch.setattr(Pass, "visit", failing)
    with pytest.raises(KeyboardInterrupt):
        storage.sweep(None, np.ones((30, 2)), np.eye(2))
    assert not [thread for thread in threading.enumerate() if "lopside-read" in thread.name]


def test_float32_outside_the_range_of_products_is_worked_on_in_float64(tmp_path):
    A = np.full((5, 4), 1e30, np.float32)
    np.save(tmp_path / "a.npy", A)
    storage = Mapped(tmp_path / "a.npy")
    assert storage.dtype == np.float64
    np.testing.assert_allclose(storage.times(np.ones((4, 1))), A.astype(float) @ np.ones((4, 1)))


@pytest.mark.parametrize("scale", [None, "rows"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_major_file_is_its_transpose(small_blocks, tmp_path, scale, dtype):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((50, 31)).astype(dtype)
    weights = None if scale is None else rng.uniform(1, 2, 50)
    np.save(tmp_path / "a.npy", np.asfortranarray(A))
    storage = Mapped(tmp_path / "a.npy", scale=weights)
    B = (A if weights is None else A * weights[:, None]).astype(np.float64).T
    assert storage.place.transposed
    assert storage.shape == (31, 50)
    X, Y = rng.standard_normal((31, 3)), rng.standard_normal((50, 3))
    close = {"rtol": 1e-6, "atol": 1e-5}
    np.testing.assert_allclose(storage.times(Y), B @ Y, **close)
    np.testing.assert_allclose(storage.sweep(X, Y, np.eye(6)[:, :3]).probe, B.T @ X, **close)
    assert storage.norm() == pytest.approx(np.linalg.norm(B), rel=1e-6)
    assert storage.residual_norm(X, Y) == pytest.approx(np.linalg.norm(X @ Y.T - B), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_is_four_blocks_and_thin_arrays(tmp_path, monkeypatch, dtype):
    m, n, d, block = 6000, 1000, 4, 1 << 20
    monkeypatch.setattr(mapped, "BLOCK_BYTES", block)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((m, n)).astype(dtype))
    A = np.load(tmp_path / "a.npy", mmap_mode="r")
    X, Y, M = (np.ones(shape, dtype) for shape in ((m, d), (n, d), (2 * d, d)))

    def use() -> None:
        storage = Mapped(A)
        storage.sweep(X, Y, M, residual=True)
        storage.times(Y)
        storage.transpose_times(X)
        storage.residual_norm(X, Y)

    use()  # compiles, imports
    itemsize = np.dtype(dtype).itemsize
    thin = (m + (mapped.LANES + 2) * n) * d * 8
    tracemalloc.start()
    try:
        use()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert BUFFERS * block * 0.9 < peak < 4 * block + 2 * thin
    assert peak < m * n * itemsize / 3


@pytest.mark.skipif("LOPSIDE_LARGE" not in os.environ, reason="reads 9 GB; set LOPSIDE_LARGE to run it")
def test_more_entries_than_32_bits_count(tmp_path):
    m, n = 66_000, 33_000
    place = {1: 3.0, 40_000: 5.0, m - 1: 7.0}
    A = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (m, n))  # all holes
    for row, value in place.items():
        A[row, n - 1 - row % 2] = value
    A.flush()
    assert A.size > 2**31
    storage = Mapped(A)
    assert storage.norm() == pytest.approx(np.sqrt(9 + 25 + 49))
    swept = storage.sweep(None, np.ones((n, 1), np.float32), np.eye(1, dtype=np.float32))
    assert {int(row): float(swept.rows[row, 0]) for row in np.flatnonzero(swept.rows)} == place
    np.testing.assert_array_equal(np.flatnonzero(swept.probe), [n - 2, n - 1])
    assert swept.probe[n - 2, 0] == 9 + 49
