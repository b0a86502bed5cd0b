"""The compiled pass: right for every shape, the same bits on any number of threads, cached, and never needed."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.kernels import dense, plain
from lopside.storage import Dense

# Around every edge there is: vectors of 4 to 16 numbers, tiles of up to 24 rows, chunks of rows, stretches of columns.
ROWS, COLUMNS, RANKS = st.integers(1, 70), st.integers(1, 140), st.integers(1, 27)


def operands(m, n, d, l, seed, A_type, kind):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)).astype(A_type)
    X, Y, MN = (rng.standard_normal(shape).astype(kind) for shape in ((m, d), (n, d), (2 * d, d + l)))
    return A, rng.random(m).astype(kind), X, Y, MN


def swept(kernel, A, scale, X, Y, MN, first, chunk):
    m, n = A.shape
    kind, z, k = Y.dtype, MN.shape[1], X.shape[1]
    padded = np.zeros((len(MN), kernel.pitch(z, kind.itemsize)), kind)
    padded[:, :z] = MN
    out = np.empty((m, k), kind)
    PT, G = np.zeros((z - first, kernel.pitch(n, kind.itemsize)), kind), np.zeros((z, kernel.pitch(z, 8)))
    wide = kernel.pack_across(Y.astype(np.float64))
    missed = kernel.sweep(A, scale, X, kernel.pack(Y), wide, padded, k, first, chunk, out, PT, G, True)
    return out, PT[:, :n].T, G[:, :z], missed


@pytest.mark.parametrize("types", ["dd", "ff", "fd"])
@given(m=ROWS, n=COLUMNS, d=RANKS, l=st.integers(0, 3), scaled=st.booleans(),
       chunk=st.integers(1, 40), seed=st.integers(0, 99))  # fmt: skip
def test_the_compiled_sweep_is_the_plain_one(types, m, n, d, l, scaled, chunk, seed):
    A, scale, X, Y, MN = operands(m, n, d, l, seed, *types)
    scale = scale if scaled else scale[:0]
    first = d if l else 0
    ours = swept(dense, A, scale, X, Y, MN, first, chunk)
    theirs = swept(plain, *(B.astype(np.float64) for B in (A, scale, X, Y, MN)), first, 1000)
    u = np.finfo(Y.dtype).eps * (m + n + 4 * d) * 8
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=u * max(1e-3, np.abs(expected).max()))


@given(m=ROWS, n=COLUMNS, d=RANKS, chunk=st.integers(1, 40), seed=st.integers(0, 99))
def test_products_alone(m, n, d, chunk, seed):
    A, scale, X, Y, _ = operands(m, n, d, 0, seed, "d", "d")
    out, PT = np.empty((m, d)), np.zeros((d, dense.pitch(n, 8)))
    dense.times(A, scale, dense.pack(Y), chunk, out)
    dense.transpose_times(A, X, chunk, PT)
    np.testing.assert_allclose(out, scale[:, None] * (A @ Y), rtol=0, atol=1e-12)
    np.testing.assert_allclose(PT[:, :n].T, A.T @ X, rtol=0, atol=1e-12)
    assert not PT[:, n:].any()
    assert dense.residual_square(A, scale, X, dense.pack_across(Y)) == pytest.approx(
        np.linalg.norm(X @ Y.T - scale[:, None] * A) ** 2, rel=1e-13
    )


def test_factors_without_columns():
    storage = Dense(np.ones((5, 3)), 1)
    swept = storage.sweep(None, np.empty((3, 0)), np.empty((0, 0)))
    assert [part.shape for part in swept[:3]] == [(5, 0), (3, 0), (0, 0)]
    assert storage.times(np.empty((3, 0))).shape == (5, 0)
    assert storage.transpose_times(np.empty((5, 0))).shape == (3, 0)


def test_nothing_outside_of_a_row_is_touched():
    """A is a window of a larger array full of NaN: one number too far would show."""
    frame = np.full((40, 77), np.nan)
    A = frame[3:33, 5:66]
    A[:] = np.random.default_rng(0).standard_normal(A.shape)
    X, Y = np.ones((30, 7)), np.ones((61, 7))
    swept_window = Dense(A, 1).sweep(X, Y, np.ones((14, 7)), residual=True)
    swept_copy = Dense(A.copy(), 1).sweep(X, Y, np.ones((14, 7)), residual=True)
    for got, expected in zip(swept_window, swept_copy, strict=True):
        np.testing.assert_array_equal(got, expected)


def fitted(threads: int) -> bytes:
    rng = np.random.default_rng(0)
    A, X, Y = rng.standard_normal((3000, 400)), rng.standard_normal((3000, 9)), rng.standard_normal((400, 9))
    storage = Dense(A, threads)
    M = np.vstack([np.eye(9), 1e-3 * np.eye(9)])
    for _ in range(3):
        swept = storage.sweep(X, Y, M, residual=True)
        X, Y = swept.rows, Y - 1e-6 * swept.probe
    return b"".join(np.asarray(part).tobytes() for part in (*swept, storage.norm(), storage.residual_norm(X, Y)))


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_same_bits_on_any_number_of_threads(threads):
    assert fitted(threads) == fitted(1)


def test_same_bits_when_two_python_threads_work_at_once():
    alone, found = fitted(2), []
    workers = [threading.Thread(target=lambda: found.append(fitted(2))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [alone, alone]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # forking with threads is what is tested
def test_same_bits_after_a_fork():
    expected = fitted(2)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(fitted, (2,)) == expected


SCRIPT = """
import sys, numpy as np, lopside as lo
assert "numba" not in sys.modules, "compiled at import"
A = np.outer(np.arange(1.0, 41.0), np.arange(1.0, 31.0))
from lopside.storage import Dense
swept = Dense(A, 1).sweep(None, np.ones((30, 2)), np.eye(2))
assert np.allclose(swept.probe, A.T @ (A @ np.ones((30, 2))))
print("compiled" if "numba" in sys.modules else "plain")
"""


def told(**environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_kernels_are_kept_on_disk_and_a_folder_that_cannot_be_written_breaks_nothing(tmp_path: Path):
    assert told(NUMBA_CACHE_DIR=str(tmp_path)) == "compiled"
    kept = {path.name for path in tmp_path.rglob("*.nbc")}
    assert any(name.startswith("dense.sweep") for name in kept)
    (tmp_path / "file").touch()
    assert told(NUMBA_CACHE_DIR=str(tmp_path / "file")) == "compiled"


def test_without_numba_the_work_is_done_all_the_same():
    assert told(LOPSIDE_KERNELS="numpy") == "plain"
