"""Checks at the public edge: what comes in is a finite real matrix, an integer rank, a generator.

Code below this edge trusts its arguments.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.errors import InputError, counted

Array = NDArray[np.floating]

BLOCK_BYTES = 1 << 23
"""Rows are visited in blocks of about this size: measured best of 0.5 to 16 MiB with single-threaded BLAS."""

FLOAT32_SAFE = 1e10
"""Float32 entries beyond this (or below its inverse) are widened: A·Y·YᵀX must stay inside 1e±38."""


def as_matrix(A: Any, *, examine: bool = True) -> Array:
    """Return A as a finite two-dimensional float32 or float64 array, without a copy where possible.

    float32 and float64 are kept (float32 is widened to float64 when its largest entry lies outside
    [1e-10, 1e10], where products of three factors would leave the float32 range); float16, integers
    and booleans are converted.

    Parameters
    ----------
    A : array_like, shape (m, n)
        Real, finite, not empty.
    examine : bool
        Look at every entry, for NaN, infinities and the range of float32. With False that is left to the caller.

    Raises
    ------
    InputError
        For anything else; the message names what was found and what to try.
    """
    if hasattr(A, "tocsr") or hasattr(A, "todense"):
        raise InputError(
            f"got a sparse {type(A).__name__} of shape {getattr(A, 'shape', '?')}; expected a dense array here. "
            "Try A.toarray() if it fits in memory"
        )
    if isinstance(A, np.ma.MaskedArray) and np.ma.is_masked(A):
        raise InputError(f"got a masked array; expected every entry known. {MISSING}")
    try:
        A = np.asarray(A)
    except (TypeError, ValueError) as error:
        raise InputError(f"got {type(A).__name__} that is not an array of numbers ({error})") from error
    A = as_float(A)
    if A.ndim != 2:
        raise InputError(f"got an array with {A.ndim} dimensions, shape {A.shape}; expected a matrix. {_reshape(A)}")
    if A.size == 0:
        raise InputError(f"got an empty matrix of shape {A.shape}; expected at least one row and one column")
    if not examine:
        return A
    _require_finite(A)
    if A.dtype == np.float32 and not _within(A, FLOAT32_SAFE):
        return A.astype(np.float64)
    return A


MISSING = (
    "Missing entries are a different problem (Completion: fit the known entries only); to use Full, "
    "fill them in first, or drop those rows"
)


def as_float(A: NDArray[Any]) -> Array:
    """Return real numbers as float32 or float64 in this machine's byte order, without a copy where possible.

    Raises
    ------
    InputError
        If they are complex, wider than float64, or no numbers.
    """
    kind = A.dtype.kind
    if kind == "f" and A.dtype.itemsize > 8:
        raise InputError(f"got {A.dtype} entries; expected float64 or float32. Try A.astype(numpy.float64)")
    if kind == "f":
        return A.astype(np.float32 if A.dtype.itemsize <= 4 else np.float64, copy=False)
    if kind in "iub":
        return A.astype(np.float64)
    if kind == "c":
        raise InputError(f"got complex entries ({A.dtype}); expected real ones. Try A.real, or stack A.real and A.imag")
    if kind == "O":
        raise InputError(
            "got an array of Python objects (mixed types, ragged rows or None); expected real numbers. "
            "Try numpy.asarray(A, dtype=float), which names the first entry it cannot convert"
        )
    raise InputError(f"got {A.dtype} entries (text, dates or records); expected real numbers")


def _reshape(A: NDArray[Any]) -> str:
    if A.ndim == 1:
        return "Try A[:, None] for one column or A[None, :] for one row"
    if A.ndim > 2:
        return f"Try A.reshape({A.shape[0]}, -1)"
    return "Try numpy.atleast_2d(A)"


def row_blocks(shape: tuple[int, int], itemsize: int) -> list[slice]:
    """Cut the rows into blocks whose size depends on the shape alone, so that sums have one order."""
    m, n = shape
    rows = max(1, min(m, BLOCK_BYTES // (n * itemsize)))
    return [slice(i, min(i + rows, m)) for i in range(0, m, rows)]


def _require_finite(A: Array) -> None:
    count, first = 0, None
    for rows in row_blocks(A.shape, A.itemsize):
        finite = np.isfinite(A[rows])
        if finite.all():
            continue
        count += int(finite.size - np.count_nonzero(finite))
        if first is None:
            i, j = (int(k) for k in np.argwhere(~finite)[0])
            first = (rows.start + i, j)
    if first is not None:
        raise not_finite(count, *first, float(A[first]))


def not_finite(count: int, row: int, column: int, value: float) -> InputError:
    """Return the error for so many entries that are not finite, the first of them at this place."""
    return InputError(
        f"got {counted(count, 'entry that is', 'entries that are')} NaN or infinite, the first at "
        f"row {row}, column {column} (counted from 0: {value}); expected finite numbers. {MISSING}"
    )


def _within(A: Array, bound: float) -> bool:
    largest = max(float(A.max()), -float(A.min()))
    return largest == 0.0 or 1.0 / bound <= largest <= bound


def read_only(factor: Array) -> Array:
    """Return a view that cannot be written through."""
    view = factor.view()
    view.flags.writeable = False
    return view


def as_factors(X: Any, Y: Any, shape: tuple[int, int], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return copies of X (m × d) and Y (n × d) in the problem's precision, C-ordered.

    Raises
    ------
    InputError
        If they are not finite matrices with m rows, n rows and the same number of columns.
    """
    X, Y = as_factor(X, "X", shape[0]), as_factor(Y, "Y", shape[1])
    require_pair(X, Y)
    return np.array(X, dtype=dtype, order="C"), np.array(Y, dtype=dtype, order="C")


def require_pair(X: Any, Y: Any) -> None:
    """Refuse factors with different numbers of columns.

    Raises
    ------
    InputError
    """
    if X.shape[1] != Y.shape[1]:
        raise InputError(
            f"got X with {X.shape[1]} columns and Y with {Y.shape[1]}; expected the same number d, "
            "so that X Yᵀ has the shape of A"
        )


def as_factor(F: Any, name: str, rows: int) -> Array:
    """Return one factor as a finite matrix with so many rows; see `as_factors`."""
    try:
        F = as_matrix(F)
    except InputError as error:
        raise InputError(f"factor {name}: {error}") from error
    if F.shape[0] != rows:
        raise InputError(f"got {name} of shape {F.shape}; expected {rows} rows, as A ≈ X Yᵀ needs")
    return F


def as_rank(rank: Any, shape: tuple[int, int]) -> int:
    """Return the rank d as an int with 1 ≤ d ≤ min(m, n).

    Raises
    ------
    InputError
        If it is no integer or out of range.
    """
    largest = min(shape)
    try:
        if isinstance(rank, bool | np.bool_):
            raise TypeError
        d = operator.index(rank)
    except TypeError:
        raise InputError(f"got rank {rank!r}; expected an integer from 1 to {largest}") from None
    if not 1 <= d <= largest:
        raise InputError(
            f"got rank {d}; expected 1 ≤ rank ≤ min(m, n) = {largest} for a matrix of shape {shape[0]} × {shape[1]}"
        )
    return d


def as_generator(rng: Any) -> np.random.Generator:
    """Return a Generator from an int seed or a Generator.

    Raises
    ------
    InputError
        For anything else: None would make a run that nobody can repeat.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        if isinstance(rng, bool | np.bool_):
            raise TypeError
        seed = operator.index(rng)
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise InputError(
            f"got rng {rng!r}; expected a seed (an integer ≥ 0) or a numpy.random.Generator: a run must be repeatable"
        ) from None


def as_positive(value: Any, name: str, *, zero: bool = False) -> float:
    """Return a finite float > 0 (or ≥ 0 with `zero`).

    Raises
    ------
    InputError
        If it is not a number, not finite or of the wrong sign.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if isinstance(value, str | bytes | bool) or not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise InputError(f"got {name} {value!r}; expected a finite number {'≥' if zero else '>'} 0")
    return number
