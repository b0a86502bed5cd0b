"""Which storage holds what the user gave: one place where forms of a matrix are told apart."""

from __future__ import annotations

import math
from os import PathLike, fspath
from typing import Any

import numpy as np

from lopside.arrays import FLOAT32_SAFE, Array, as_matrix
from lopside.errors import InputError
from lopside.sparse_arrays import as_csr, is_sparse
from lopside.storage.dense import Dense
from lopside.storage.device_arrays import as_native, is_device_array, to_host
from lopside.storage.mapped import Mapped
from lopside.storage.operator import Operator
from lopside.storage.protocol import Held, elsewhere
from lopside.storage.reading import Place, locate
from lopside.storage.shifted import Shifted, ones
from lopside.storage.sparse import Sparse


def as_storage(
    A: Any, *, threads: int | None = None, center: bool = False, weights: Any = None, device: Any = None
) -> Held:
    """Hold A in the way that reads it fastest, without a copy where its form allows.

    With weights w the matrix is diag(√w)·A; with `center` it is A − 1μᵀ, μ the column means; with both it is
    diag(√w)·(A − 1μᵀ), μ = Aᵀw/Σw the weighted means.  Neither is ever formed.

    Parameters
    ----------
    A : array_like, sparse matrix, path of an .npy, memmap, array of a device, linear operator or Storage, shape (m, n)
    threads : int, optional
        See `lopside.threads.thread_count`.
    center : bool
    weights : array_like, shape (m,), optional
        Finite and ≥ 0, one per row, not all zero.
    device : str or device of an array library, optional
        Where a dense matrix that is here is worked on; see `lopside.Full`.

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
    weights = to_host(weights)
    there = device is not None or is_device_array(A)
    held = _on_device(A, device, weights) if there else _hold(A, threads, weights)
    return _centered(held, weights) if center else held


def _hold(A: Any, threads: int | None, weights: Any) -> Held:
    if hasattr(A, "__dask_graph__"):
        from lopside.storage.chunking import from_dask  # here, as below: most have no use for it

        return from_dask(A, None if weights is None else _scale(weights, _height(A)))
    if hasattr(A, "sweep") and hasattr(A, "residual_norm"):
        if weights is not None:
            raise InputError(
                f"got weights for {type(A).__name__}, a storage; expected the matrix itself. Try building the storage "
                "with scale=numpy.sqrt(weights)"
            )
        return Held(A, False, ())
    if isinstance(A, str | PathLike) or is_mapped(A):
        return _from_file(A, threads, weights)
    if is_sparse(A):
        return _from_sparse(A, threads, weights)
    if _is_operator(A):
        return _from_operator(A, weights)
    return _from_array(A, threads, weights)


def _is_operator(A: Any) -> bool:
    return hasattr(A, "shape") and (hasattr(A, "matvec") or hasattr(A, "matmat"))


def _on_device(A: Any, device: Any, weights: Any) -> Held:
    from lopside.storage.device import Device
    from lopside.storage.device_blocks import Resident, Streamed, brought
    from lopside.storage.site import as_site

    if is_device_array(A):
        site, values, notes = as_native(A)
        if device is not None and as_site(device) != site:
            raise InputError(
                f"got a matrix in {site} and device = {device!r}; expected one of them. Try moving it there, or "
                "numpy.asarray(A), which is copied there or streamed"
            )
        blocks = Resident(site, values)
        return Held(Device(blocks, _scale(weights, blocks.shape[0])), False, (*notes, f"the matrix is {blocks.where}"))
    site = as_site(device)
    source, transposed = _of_this_machine(A)
    blocks = Streamed(site, source, transposed=transposed)
    blocks = brought(blocks) if site.has_room(source.nbytes) else blocks
    storage = Device(blocks, _scale(weights, source.shape[transposed]))
    return Held(storage, transposed, (f"the matrix is {blocks.where}",))


def _of_this_machine(A: Any) -> tuple[Array | Place, bool]:
    """Return a dense matrix as rows to be copied from, and whether these are its columns."""
    if isinstance(A, str | PathLike) or is_mapped(A):
        place = _located(A)
        return place, place.transposed
    if is_sparse(A) or _is_operator(A) or hasattr(A, "sweep") or hasattr(A, "__dask_graph__"):
        raise InputError(
            f"got device with {type(A).__name__}; expected a dense matrix there or here: an array, or an .npy. "
            "Try without device"
        )
    A = as_matrix(A, examine=False)
    return (A.T, True) if A.flags.f_contiguous and not A.flags.c_contiguous else (A, False)


def _from_array(A: Any, threads: int | None, weights: Any) -> Held:
    A = as_matrix(A, examine=weights is not None)
    held = as_it_lies(A, threads, _scale(weights, len(A)))
    # ‖A‖_F, which is needed anyway and found by all threads, tells whether every entry has to be looked at.
    norm, safe = held.storage.norm(), A.dtype == np.float64
    if not safe:
        safe = norm == 0.0 or math.sqrt(A.size) / FLOAT32_SAFE <= norm <= FLOAT32_SAFE
    return held if weights is not None or (safe and math.isfinite(norm)) else as_it_lies(as_matrix(A), threads, None)


def as_it_lies(A: Array, threads: int | None, scale: Array | None) -> Held:
    """Hold an array as its entries lie, without a look at them."""
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


def _located(A: Any) -> Place:
    if isinstance(A, str | PathLike) and not fspath(A).endswith(".npy"):
        raise InputError(
            f"got the path {fspath(A)}; expected that of an .npy. Try Full(lopside.io.read_matrix(path).A)"
        )
    return locate(A)


def _from_file(A: Any, threads: int | None, weights: Any) -> Held:
    place = _located(A)
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


def is_mapped(A: Any) -> bool:
    """Return whether A is a map of a file that can be read in its place."""
    # A copy-on-write map may differ from its file; a view with gaps or of another type is read like any array.
    if not isinstance(A, np.memmap) or A.filename is None or A.mode == "c" or A.ndim != 2 or A.size == 0:
        return False
    packed = A.flags.c_contiguous or A.flags.f_contiguous
    return getattr(A, "_mmap", None) is not None and packed and A.dtype in (np.float32, np.float64)


def _height(A: Any) -> int:
    m = A.shape[0]
    if not isinstance(m, int):
        raise InputError(
            "got weights for a Dask array with an unknown number of rows. Try A.compute_chunk_sizes() first"
        )
    return m


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
    root, total = ones(storage, transposed), float(storage.shape[transposed])
    if weights is not None:
        root = np.sqrt(np.asarray(weights, dtype=np.float64))[:, None]
        total = float(np.sum(np.square(root)))
        there = None if transposed else elsewhere(storage)
        root = there.to_rows(root, "weights", np.float64) if there else root
    sums = storage.times(root) if transposed else storage.transpose_times(root)
    shifted = Shifted(storage, sums / total, root[:, 0]) if transposed else Shifted(storage, root, sums[:, 0] / total)
    said = () if shifted.dtype == storage.dtype else (_WIDENED,)
    return Held(shifted, transposed, (*notes, *said))


_WIDENED = "the means are so large against the deviations that float32 data are worked on in float64"
