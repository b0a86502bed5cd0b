"""What workers do with one chunk of a matrix: the same passes as over a whole one, by one thread."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import MISSING, Array, as_float
from lopside.errors import InputError, counted
from lopside.sparse_arrays import as_csr, is_sparse
from lopside.storage.dense import Dense
from lopside.storage.protocol import Sweep
from lopside.storage.spare import Slabs
from lopside.storage.sparse import Sparse
from lopside.threads import one_blas_thread

_SPARE = Slabs(1 << 28)
"""Of a worker, whose C library gives memory back to the system after each chunk as Dask sets it."""


class Chunk(NamedTuple):
    """Some rows of A.

    Attributes
    ----------
    A : ndarray or csr_array
    scale : ndarray
        What scales the rows, empty if nothing does.
    number : int
        Of the chunk, from 0.
    end : int or None
        The row of the whole matrix after its last one, if that is known.
    """

    A: Any
    scale: Array
    number: int
    end: int | None

    def storage(self, dtype: Any) -> Any:
        """Return the storage that passes over it."""
        scale = self.scale if self.scale.size else None
        if is_sparse(self.A):
            csr = self.A if self.A.dtype == dtype else self.A.astype(dtype)
            return Sparse(csr, 1, scale, _SPARE)
        return Dense(self.A.astype(dtype, copy=False), 1, scale, _SPARE)


class Found(NamedTuple):
    """What a first look at a chunk tells."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    nbytes: int
    norm: float
    sparse: bool


class Form(NamedTuple):
    """R = Σ F_j C_j over tall matrices F_j, plus A Z: a chunk's rows of R are formed from those of F_j and A."""

    coefficients: tuple[Array | None, ...]
    Z: Array | None
    dtype: np.dtype[Any]

    def rows(self, parts: Any, storage: Any = None) -> Array:
        """Return this chunk's rows from its parts; the first of them is the chunk itself, if Z is there."""
        if storage is None and parts and isinstance(parts[0], Chunk):
            chunk, *parts = parts
            storage = chunk.storage(self.dtype)
        out = None
        if self.Z is not None and storage is not None:
            out = storage.times(self.Z.astype(self.dtype, copy=False))
        with one_blas_thread:
            for part, C in zip(parts, self.coefficients, strict=True):
                if C is None:  # of other rows that are formed from the same parts
                    continue
                F, C = tall(part).astype(self.dtype, copy=False), C.astype(self.dtype, copy=False)
                product = np.dot(F, C, out=_SPARE.array((len(F), C.shape[1]), self.dtype))
                out = product if out is None else np.add(out, product, out=out)
        if out is None:
            raise AssertionError
        return out.astype(self.dtype, copy=False)


def prepared(bundle: list[Any], scales: Any, numbers: tuple[int, ...], ends: list[int | None]) -> list[Chunk]:
    """Return chunks of these numbers in a form that compiled code may trust."""
    return [_prepared(*parts) for parts in zip(bundle, scales or [None] * len(bundle), numbers, ends, strict=True)]


def _prepared(A: Any, scale: Any, number: int, end: int | None) -> Chunk:
    """Return chunk `number`.

    Raises
    ------
    InputError
        If it is no matrix of real numbers.
    """
    scale = np.zeros(0) if scale is None else scale
    if isinstance(A, np.ma.MaskedArray):
        if np.ma.is_masked(A):
            raise InputError(f"got chunk {number} with masked entries; expected every entry known. {MISSING}")
        A = A.data
    try:
        if is_sparse(A):
            return Chunk(as_csr(A).A, scale, number, end)
        A = as_float(np.asarray(A))
    except InputError as error:
        raise InputError(f"chunk {number}: {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"got chunk {number}, a {type(A).__name__} that is no array of numbers ({error})") from error
    if A.ndim != 2:
        raise InputError(f"got chunk {number} of shape {A.shape}; expected a matrix")
    return Chunk(A, scale, number, end)


def picked(bundle: list[Chunk], places: list[int]) -> list[Chunk]:
    """Return some of the chunks."""
    return [bundle[place] for place in places]


def examined(chunk: Chunk, _: Any) -> Found:
    """Return what there is to know about a chunk.

    Raises
    ------
    InputError
        If an entry is NaN or infinite; with its place.
    """
    A, _, number, end = chunk
    if 0 in A.shape:
        return Found(A.shape, A.dtype, 0, 0.0, is_sparse(A))
    storage = chunk.storage(A.dtype)
    norm = storage.norm()
    if not math.isfinite(norm) and not is_sparse(A):
        bad = np.argwhere(~np.isfinite(A))
        if len(bad):
            i, j = (int(k) for k in bad[0])
            row = f"row {i} of the chunk" if end is None else f"row {end - len(A) + i}"
            raise InputError(
                f"got {counted(len(bad), 'entry', 'entries')} of chunk {number} NaN or infinite, the first at {row}, "
                f"column {j} (counted from 0: {A[i, j]}); expected finite numbers. {MISSING}"
            )
    return Found(A.shape, A.dtype, storage.nbytes, norm, is_sparse(A))


def require_shapes(found: list[Found], heights: tuple[float, ...], columns: int) -> None:
    """Refuse chunks of other shapes than their array says; heights may be NaN.

    Raises
    ------
    InputError
    """
    for number, (each, rows) in enumerate(zip(found, heights, strict=True)):
        if each.shape != (each.shape[0] if math.isnan(rows) else rows, columns):
            raise InputError(
                f"got chunk {number} of shape {each.shape[0]} × {each.shape[1]} in a Dask array that says otherwise; "
                f"expected {'any number of' if math.isnan(rows) else rows} rows × {columns} columns. "
                "Try A.compute_chunk_sizes(), or the shape given to dask.array.from_delayed"
            )


def told(found: list[Found]) -> tuple[str, ...]:
    """Return a sentence for each way in which chunks differ."""
    kinds = sorted({each.dtype.name for each in found})
    forms = {each.sparse for each in found}
    said = []
    if len(kinds) > 1:
        said.append(f"chunks of {' and '.join(kinds)} are all worked on in {kinds[-1]}")
    if len(forms) > 1:
        said.append("some chunks are dense and some sparse; each is read as it is")
    return tuple(said)


def height(chunk: Chunk, _: Any) -> int:
    """Return how many rows a chunk has."""
    return chunk.A.shape[0]


def swept(chunk: Chunk, *rest: Any) -> Sweep:
    """Return the rows of a sweep, and its sums."""
    *parts, (forms, (Y, M, N, residual, dtype)) = rest
    storage = chunk.storage(dtype)
    R = forms[0].rows(parts, storage) if forms else None
    return storage.sweep(R, Y, M, N, residual=residual)


def probed(chunk: Chunk, *rest: Any) -> Array:
    """Return AᵀX."""
    *parts, ((form,), dtype) = rest
    storage = chunk.storage(dtype)
    return storage.transpose_times(form.rows(parts, storage))


def multiplied(chunk: Chunk, shared: Any) -> Array:
    """Return A Y."""
    _, (Y, dtype) = shared
    return chunk.storage(dtype).times(Y)


def missed(chunk: Chunk, *rest: Any) -> float:
    """Return ‖X Yᵀ − A‖_F."""
    *parts, ((form,), (Y, dtype)) = rest
    storage = chunk.storage(dtype)
    return storage.residual_norm(form.rows(parts, storage), Y)


def formed(*rest: Any) -> Array:
    """Return the rows that a form describes, in the precision asked for."""
    *parts, ((form,), kind) = rest
    return form.rows(parts).astype(kind, copy=False)


def inner(*rest: Any) -> Array:
    """Return VᵀW in float64, V and W formed from the same parts; there may be one form for both."""
    *parts, (forms, _) = rest
    V, *others = (form.rows(parts).astype(np.float64, copy=False) for form in forms)
    W = others[0] if others else V
    with one_blas_thread:
        return V.T.dot(W)


def factored(*rest: Any) -> tuple[Array, Array]:
    """Return Q and R of the QR factorization of a form's rows."""
    *parts, ((form,), _) = rest
    with one_blas_thread:
        Q, R = np.linalg.qr(form.rows(parts))
    return Q, R


def turned(Q: Array, S: Array, _: Any) -> Array:
    """Return Q S."""
    with one_blas_thread:
        return Q.dot(S)


def peaks(*rest: Any) -> Array:
    """Return the entry of largest modulus in each column."""
    *parts, ((form,), _) = rest
    X = form.rows(parts)
    return X[np.argmax(np.abs(X), axis=0), np.arange(X.shape[1])]


def ones(height: int, _: Any) -> Array:
    """Return a column of ones."""
    return np.ones((height, 1))


def drawn(state: Any, height: int, columns: int) -> Array:
    """Return standard normal numbers of a generator that stands at this state."""
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits).standard_normal((height, columns))


def added(parts: list[Any]) -> Any:
    """Return the sum of matrices, or of the sums of sweeps without their rows, in order."""
    first, *others = parts
    if not isinstance(first, Sweep):
        for other in others:
            first = first + other
        return first
    probe, gram, square = first.probe.copy(), first.gram.copy(), first.residual2
    for other in others:
        probe += other.probe
        gram += other.gram
        square = None if square is None else square + other.residual2
    return Sweep(_NOTHING, probe, gram, square)


_NOTHING = np.zeros((0, 0))


def largest(parts: list[Array]) -> Array:
    """Return the entry of largest modulus of each column, the first of several."""
    stacked = np.array(parts)
    return stacked[np.argmax(np.abs(stacked), axis=0), np.arange(stacked.shape[1])]


def tall(part: Any) -> Array:
    """Return the rows of a sweep, or rows themselves."""
    return part.rows if isinstance(part, Sweep) else part


def tall_at(bundle: list[Any], place: int) -> Array:
    """Return the rows of one chunk of a bundle."""
    return tall(bundle[place])


def first(pair: tuple[Any, Any], _: Any) -> Any:
    """Return the first of two results."""
    return pair[0]


def second(pair: tuple[Any, Any], _: Any) -> Any:
    """Return the second of two results."""
    return pair[1]
