"""Which storage holds what the user gave: one place where forms of a matrix are told apart."""

from __future__ import annotations

import math
from os import PathLike, fspath
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import FLOAT32_SAFE, Array, as_matrix
from lopside.errors import InputError
from lopside.sparse_arrays import as_csr, is_sparse
from lopside.storage.dense import Dense
from lopside.storage.mapped import Mapped
from lopside.storage.operator import Operator
from lopside.storage.protocol import Storage
from lopside.storage.reading import locate
from lopside.storage.shifted import Shifted
from lopside.storage.sparse import Sparse


class Held(NamedTuple):
    """A storage of B, whether B is Aᵀ, and one sentence for each choice that a user may want to know of."""

    storage: Storage
    transposed: bool
    notes: tuple[str, ...]


def as_storage(A: Any, *, threads: int | None = None, center: bool = False, weights: Any = None) -> Held:
    """Hold A in the way that reads it fastest, without a copy where its form allows.

    With weights w the matrix is diag(√w)·A; with `center` it is A − 1μᵀ, μ the column means; with both it is
    diag(√w)·(A − 1μᵀ), μ = Aᵀw/Σw the weighted means.  Neither is ever formed.

    Parameters
    ----------
    A : array_like, sparse matrix, path of an .npy, memmap, linear operator or Storage, shape (m, n)
    threads : int, optional
        See `lopside.threads.thread_count`.
    center : bool
    weights : array_like, shape (m,), optional
        Finite and ≥ 0, one per row, not all zero.

    Returns
    -------
    Held
        The storage, whether it holds Aᵀ (a column-major array, a CSC matrix), and notes.

    Raises
    ------
    InputError
        If A is no finite, non-empty real matrix, or the weights do not fit.
    FileError
        If a file is missing, damaged or of another kind.
    """
    if not isinstance(center, bool | np.bool_):
        raise InputError(f"got center = {center!r}; expected True or False")
    held = _hold(A, threads, weights)
    return _centered(held, weights) if center else held


def _hold(A: Any, threads: int | None, weights: Any) -> Held:
    if hasattr(A, "sweep") and hasattr(A, "residual_norm"):
        if weights is not None:
            raise InputError(
                f"got weights for {type(A).__name__}, a storage; expected the matrix itself. Try building the storage "
                "with scale=numpy.sqrt(weights)"
            )
        return Held(A, False, ())
    if isinstance(A, str | PathLike) or _is_mapped(A):
        return _from_file(A, threads, weights)
    if is_sparse(A):
        return _from_sparse(A, threads, weights)
    if hasattr(A, "shape") and (hasattr(A, "matvec") or hasattr(A, "matmat")):
        return _from_operator(A, weights)
    return _from_array(A, threads, weights)


def _from_array(A: Any, threads: int | None, weights: Any) -> Held:
    A = as_matrix(A, examine=weights is not None)
    held = _as_it_lies(A, threads, _scale(weights, len(A)))
    # ‖A‖_F, which is needed anyway and found by all threads, tells whether every entry has to be looked at.
    norm, safe = held.storage.norm(), A.dtype == np.float64
    if not safe:
        safe = norm == 0.0 or math.sqrt(A.size) / FLOAT32_SAFE <= norm <= FLOAT32_SAFE
    return held if weights is not None or (safe and math.isfinite(norm)) else _as_it_lies(as_matrix(A), threads, None)


def _as_it_lies(A: Array, threads: int | None, scale: Array | None) -> Held:
    itemsize, (down, across) = A.itemsize, A.strides
    if scale is None and down == itemsize and across > itemsize:
        return Held(Dense(A.T, threads), True, ("the column-major array is read as its row-major transpose",))
    storage = Dense(A if scale is None else _roomy(A, scale), threads, scale)
    copied = () if np.shares_memory(storage.A, A) else (f"the array was copied to {storage.dtype} row after row",)
    return Held(storage, False, copied)


def _from_sparse(A: Any, threads: int | None, weights: Any) -> Held:
    # Weights belong to the rows, so a weighted matrix is not transposed.
    csr, transposed, notes = as_csr(A, or_transpose=weights is None)
    scale = _scale(weights, csr.shape[0])
    if scale is None:
        return Held(Sparse(csr, threads), transposed, notes)
    csr.data = _roomy(csr.data, scale)
    return Held(Sparse(csr, threads, scale), False, notes)


def _from_file(A: Any, threads: int | None, weights: Any) -> Held:
    if isinstance(A, str | PathLike) and not fspath(A).endswith(".npy"):
        raise InputError(
            f"got the path {fspath(A)}; expected that of an .npy. Try Full(lopside.io.read_matrix(path).A)"
        )
    place = locate(A)
    storage = Mapped(place, threads, _scale(weights, place.shape[place.transposed]))
    gigabytes = storage.nbytes / 1e9
    notes = [f"{place.path.name} ({gigabytes:.3g} GB) is read block by block"]
    if place.transposed:
        notes.append("the column-major file is read as its row-major transpose")
    return Held(storage, place.transposed, tuple(notes))


def _from_operator(A: Any, weights: Any) -> Held:
    storage = Operator(A, _scale(weights, A.shape[0]))
    count = min(storage.shape)
    note = f"a sweep takes both products of the operator; ‖A‖_F is found from {count} products, and so is each residual"
    return Held(storage, False, (note,))


def _is_mapped(A: Any) -> bool:
    # A copy-on-write map may differ from its file; a view with gaps or of another type is read like any array.
    if not isinstance(A, np.memmap) or A.filename is None or A.mode == "c" or A.ndim != 2 or A.size == 0:
        return False
    packed = A.flags.c_contiguous or A.flags.f_contiguous
    return getattr(A, "_mmap", None) is not None and packed and A.dtype in (np.float32, np.float64)


def _scale(weights: Any, m: int) -> Array | None:
    if weights is None:
        return None
    try:
        w = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"got weights that are no numbers ({error}); expected {m} numbers ≥ 0") from error
    if w.shape != (m,):
        raise InputError(f"got weights of shape {w.shape}; expected ({m},), one number ≥ 0 for each row of A")
    bad = np.flatnonzero(~(np.isfinite(w) & (w >= 0.0)))
    if len(bad):
        raise InputError(f"got weight {w[bad[0]]} for row {bad[0]}; expected finite numbers ≥ 0")
    if not w.any():
        raise InputError("got weights that are all zero; expected at least one > 0")
    return np.sqrt(w)


def _roomy(values: Array, scale: Array) -> Array:
    # Float32 values that the weights lift or lower out of the range for products are widened.
    if values.dtype == np.float64 or values.size == 0:
        return values
    largest = float(max(values.max(), -values.min())) * float(scale.max())
    return values if largest == 0.0 or 1.0 / FLOAT32_SAFE <= largest <= FLOAT32_SAFE else values.astype(np.float64)


def _centered(held: Held, weights: Any) -> Held:
    storage, transposed, notes = held
    m = storage.shape[1] if transposed else storage.shape[0]
    root = np.ones(m) if weights is None else np.sqrt(np.asarray(weights, dtype=np.float64))
    total = float(root @ root)
    sums = storage.times(root[:, None]) if transposed else storage.transpose_times(root[:, None])
    means = sums[:, 0] / total
    shifted = Shifted(storage, means, root) if transposed else Shifted(storage, root, means)
    said = () if shifted.dtype == storage.dtype else (_WIDENED,)
    return Held(shifted, transposed, (*notes, *said))


_WIDENED = "the means are so large against the deviations that float32 data are worked on in float64"
