"""Every way to hold a matrix, and blocks small enough that a small matrix has many."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator

from lopside import arrays
from lopside.storage import Dense, mapped, sparse
from lopside.storage.mapped import Mapped
from lopside.storage.operator import Operator
from lopside.storage.protocol import Storage
from lopside.storage.sparse import Sparse

Maker = Callable[..., Storage]


@pytest.fixture(scope="module")
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK_BYTES", 600)
        patch.setattr(mapped, "BLOCK_BYTES", 2000)
        patch.setattr(mapped, "LEAST_ROWS", 5)
        patch.setattr(sparse, "GROUP_WORK", 32)
        yield


@pytest.fixture(scope="module")
def makers(small_blocks: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Maker]:
    """Return functions (A, threads, scale) that hold diag(scale)·A."""
    folder = tmp_path_factory.mktemp("matrices")
    names = map("{}.npy".format, itertools.count())

    def file(A: np.ndarray) -> Path:
        path = folder / next(names)
        np.save(path, A)
        return path

    def view(A: np.ndarray, threads: int, scale: np.ndarray | None) -> Storage:
        """Hold the last rows of a map of a larger file."""
        return Mapped(np.load(file(np.vstack([A, A])), mmap_mode="r")[len(A) :], threads, scale)

    return {
        "rows": lambda A, threads, scale: Dense(np.ascontiguousarray(A), threads, scale),
        "columns": lambda A, threads, scale: Dense(np.asfortranarray(A), threads, scale),
        "gaps": lambda A, threads, scale: Dense(np.repeat(A, 2, axis=1)[:, ::2], threads, scale),
        "sparse": lambda A, threads, scale: Sparse(scipy.sparse.csr_array(A), threads, scale),
        "file": lambda A, threads, scale: Mapped(file(A), threads, scale),
        "view": view,
        "operator": lambda A, threads, scale: Operator(aslinearoperator(A), scale),
    }
