"""Linear maps 𝒜 from m × n matrices to k numbers: a stack of matrices, or a pair of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np

from lopside.arrays import Array, as_float, row_blocks
from lopside.errors import InputError
from lopside.linalg import frobenius
from lopside.sparse_arrays import as_csr, is_sparse
from lopside.threads import one_blas_thread, ordered_map, thread_count

Takes = Literal["matrix", "factors"]

_PARTS = 16
"""A stack is read in so many parts at most, fixed by k, because each has a partial sum of the adjoint, m × n."""

_DRAWS = 4
"""Random matrices, and random vectors: the adjoint is tested on all 16 pairs."""

_AGREE = {"float64": 1e-7, "float32": 1e-3}
"""Largest |⟨𝒜(Z), v⟩ − ⟨Z, 𝒜*(v)⟩|, over lengths of what is multiplied, that passes for rounding."""


class Map(Protocol):
    """What `Sensing` asks of a map."""

    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    nbytes: int

    def apply(self, X: Array, Y: Array) -> Array:
        """Return 𝒜(X Yᵀ), shape (k,), for X (m × c) and Y (n × c)."""
        ...

    def adjoint(self, v: Array) -> Any:
        """Return 𝒜*(v), m × n: an array, or what has a shape, `@` and `.T` like one."""
        ...

    def gain(self) -> float:
        """Return the mean of ‖𝒜(Z)‖²/‖Z‖_F² over all directions Z."""
        ...


class Stack:
    """𝒜(Z)_i = ⟨A_i, Z⟩, the A_i as the rows of a k × mn matrix, dense or CSR.

    Parameters
    ----------
    rows : ndarray or CSR array, shape (k, m·n)
        Finite float32 or float64; row i is A_i row by row.
    shape : (m, n)
    threads : int
    """

    def __init__(self, rows: Any, shape: tuple[int, int], threads: int) -> None:
        self.rows, self.shape, self.threads = rows, shape, threads
        self.count, self.dtype = rows.shape[0], rows.dtype
        self.sparse = is_sparse(rows)
        self.nbytes = rows.data.nbytes + rows.indices.nbytes if self.sparse else rows.nbytes
        cuts = np.linspace(0, self.count, min(_PARTS, self.count) + 1).astype(int).tolist()
        self._parts = [slice(first, last) for first, last in zip(cuts, cuts[1:], strict=False)]

    def apply(self, X: Array, Y: Array) -> Array:
        """Return 𝒜(X Yᵀ), shape (k,)."""
        with one_blas_thread:
            z = (X @ Y.T).ravel().astype(self.dtype, copy=False)
            if self.sparse:
                return self.rows @ z
            return np.concatenate(ordered_map(lambda part: self.rows[part].dot(z), self._parts, self.threads))

    def adjoint(self, v: Array) -> Array:
        """Return 𝒜*(v) = Σ v_i A_i, m × n."""
        v = v.astype(self.dtype, copy=False)
        with one_blas_thread:
            if self.sparse:
                return (self.rows.T @ v).reshape(self.shape)
            sums = ordered_map(lambda part: v[part].dot(self.rows[part]), self._parts, self.threads)
        return sum(sums[1:], sums[0]).reshape(self.shape)

    def gain(self) -> float:
        """Return the mean of ‖𝒜(Z)‖²/‖Z‖_F² over all directions Z: Σ ‖A_i‖_F²/(mn)."""
        m, n = self.shape
        if self.sparse:
            return frobenius(self.rows.data) ** 2 / (m * n)
        return sum(frobenius(self.rows[part]) ** 2 for part in row_blocks(self.rows.shape, self.dtype.itemsize)) / (
            m * n
        )


class Functions:
    """𝒜 and its adjoint as the caller's functions; tested on random matrices when made.

    Parameters
    ----------
    forward : callable
        Z ↦ 𝒜(Z), or with `takes="factors"` (X, Y) ↦ 𝒜(X Yᵀ); shape (k,).
    adjoint : callable
        v ↦ 𝒜*(v): an m × n array, sparse matrix or LinearOperator.
    count : int
        k.
    shape : (m, n)
    dtype : dtype
    takes : "matrix" or "factors"

    Raises
    ------
    InputError
        If a result has a wrong shape or is no finite real number, or the two are not linear and adjoint.
    """

    nbytes = 0

    def __init__(
        self,
        forward: Callable[..., Any],
        adjoint: Callable[[Array], Any],
        count: int,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        takes: Takes,
    ) -> None:
        self._forward, self._adjoint, self._takes = forward, adjoint, takes
        self.count, self.shape, self.dtype = count, shape, dtype
        self._gain = self._tested()

    def apply(self, X: Array, Y: Array) -> Array:
        """Return 𝒜(X Yᵀ), shape (k,)."""
        if self._takes == "factors":
            result = self._forward(X, Y)
        else:
            with one_blas_thread:
                Z = X @ Y.T
            result = self._forward(Z)
        result = np.asarray(result)
        if result.shape != (self.count,) or result.dtype.kind not in "fiu":
            raise InputError(
                f"got {result.dtype} of shape {result.shape} from forward; expected {self.count} real numbers, one for "
                f"each value. Try calling it as forward({'Z' if self._takes == 'matrix' else 'X, Y'})"
            )
        return result.astype(self.dtype, copy=False)

    def adjoint(self, v: Array) -> Any:
        """Return 𝒜*(v), m × n."""
        M = self._adjoint(v)
        if not (hasattr(M, "shape") and hasattr(M, "__matmul__") and hasattr(M, "T")):
            M = np.asarray(M)
        if tuple(M.shape) != self.shape:
            raise InputError(
                f"got shape {tuple(M.shape)} from adjoint; expected {self.shape}: Σ v_i A_i as an array, a sparse "
                "matrix or a LinearOperator"
            )
        return np.asarray(M, dtype=self.dtype) if isinstance(M, np.ndarray) else M

    def gain(self) -> float:
        """Return about the mean of ‖𝒜(Z)‖²/‖Z‖_F² over all directions Z, from four random Z of rank one."""
        return self._gain

    def _tested(self) -> float:
        """Return the gain, from trials that show whether the functions are linear and adjoint."""
        # A fixed seed: whether functions are accepted must not change from run to run. Signs, because 𝒜 may pick
        # entries: the gain is then exact.
        rng = np.random.default_rng(0)
        m, n = self.shape
        U, V, W = (rng.choice([-1.0, 1.0], (side, _DRAWS)).astype(self.dtype) for side in (m, n, self.count))
        there = np.column_stack([self.apply(U[:, [j]], V[:, [j]]) for j in range(_DRAWS)]).astype(np.float64)
        back = [self.adjoint(W[:, i]) for i in range(_DRAWS)]
        whole = self.apply(U, V).astype(np.float64)
        MV, MU = (np.array([product(M, F) for M in Ms], np.float64) for Ms, F in ((back, V), ([M.T for M in back], U)))
        if not all(np.isfinite(F).all() for F in (there, whole, MV, MU)):
            raise InputError("got NaN or infinity from forward or adjoint of ±1; expected finite numbers")
        self._require_linear(whole, there)
        lengths = np.sqrt(self.count) * np.linalg.norm(there, axis=0) + np.sqrt(m) * np.linalg.norm(MV, axis=1)
        right, turned = (U * MV).sum(axis=1), (V * MU).sum(axis=1)
        self._require_adjoint(W.T.astype(np.float64) @ there, right, lengths, "𝒜*(v)")
        self._require_adjoint(right, turned, lengths, "the transpose of 𝒜*(v), transposed")
        return float(np.square(there).sum(axis=0).mean() / (m * n))

    def _require_linear(self, whole: Array, parts: Array) -> None:
        gap, allowed = frobenius(whole - parts.sum(axis=1)), _AGREE[self.dtype.name]
        if gap > allowed * np.linalg.norm(parts, axis=0).sum():
            raise InputError(
                f"got a forward that is not linear: 𝒜(Z₁ + … + Z₄) and 𝒜(Z₁) + … + 𝒜(Z₄) are {gap:.3g} apart, "
                f"{frobenius(whole):.3g} long; expected the same. Try moving a constant part into the values"
            )

    def _require_adjoint(self, there: Array, back: Array, lengths: Array, name: str) -> None:
        gap = np.abs(there - back) / np.where(lengths > 0.0, lengths, 1.0)
        i, j = np.unravel_index(np.argmax(gap), gap.shape)
        if gap[i, j] > _AGREE[self.dtype.name]:
            raise InputError(
                f"got an adjoint that is not forward's: for random Z and v, ⟨𝒜(Z), v⟩ = {there[i, j]:.6g} but "
                f"⟨Z, {name}⟩ = {back[i, j]:.6g}; expected the same. Try comparing forward of unit matrices with "
                "adjoint of unit vectors on a small case"
            )


def linear_operator(
    shape: tuple[int, int], matvec: Callable[[Array], Array], rmatvec: Callable[[Array], Array], dtype: Any
) -> Any:
    """Return SciPy's LinearOperator with these products."""
    from scipy.sparse.linalg import LinearOperator

    make: Any = LinearOperator
    return make(shape, matvec=matvec, rmatvec=rmatvec, dtype=dtype)


def product(M: Any, F: Array) -> Array:
    """Return M F as an array for any M that `Map.adjoint` returns."""
    return np.asarray(M @ F)


def as_stack(matrices: Any, shape: tuple[int, int] | None, threads: int | None) -> Stack:
    """Return the map of a k × m × n array, of k matrices in a list, or of a k × mn matrix with a `shape`.

    Raises
    ------
    InputError
        If they are no finite real matrices of one shape.
    """
    first = matrices[0] if isinstance(matrices, list | tuple) and matrices else None
    if is_sparse(first):
        rows, shape = _stacked(matrices, shape)
    elif is_sparse(matrices):
        rows = as_csr(matrices).A
        shape = _shape_of(rows.shape, shape)
    else:
        rows, shape = _dense(matrices, shape)
    if not rows.shape[0] or not rows.shape[1]:
        raise InputError(f"got {rows.shape[0]} measurement matrices of shape {shape}; expected at least one, not empty")
    return Stack(rows, shape, thread_count(threads))


def _dense(matrices: Any, shape: tuple[int, int] | None) -> tuple[Array, tuple[int, int]]:
    try:
        held = as_float(np.asarray(matrices))
    except (TypeError, ValueError) as error:
        raise InputError(f"measurement matrices: {error}. Try k matrices of one shape, or a k × m × n array") from error
    if held.ndim == 3:
        own = (int(held.shape[1]), int(held.shape[2]))
        if shape is not None and tuple(shape) != own:
            raise InputError(f"got shape {tuple(shape)} and measurement matrices of shape {own}; leave shape out")
        rows = held.reshape(held.shape[0], -1)
    elif held.ndim == 2:
        own, rows = _shape_of(held.shape, shape), held
    else:
        raise InputError(f"got measurement matrices of shape {held.shape}; expected k × m × n, or k × mn with a shape")
    rows = np.ascontiguousarray(rows)
    for part in row_blocks(rows.shape, rows.itemsize) if rows.size else []:
        if not np.isfinite(rows[part]).all():
            i = part.start + int(np.argmax(~np.isfinite(rows[part]).all(axis=1)))
            raise InputError(f"got NaN or infinity in measurement matrix {i} (counted from 0); expected finite numbers")
    return rows, own


def _stacked(matrices: Any, shape: tuple[int, int] | None) -> tuple[Any, tuple[int, int]]:
    from scipy import sparse

    own = tuple(matrices[0].shape)
    if any(not is_sparse(A) or tuple(A.shape) != own for A in matrices) or (shape is not None and tuple(shape) != own):
        raise InputError(
            f"got measurement matrices of other shapes than {own}, that of the first; expected one for all"
        )
    rows = sparse.vstack([sparse.coo_array(A).reshape(1, -1) for A in matrices], format="csr")
    return as_csr(rows).A, (int(own[0]), int(own[1]))


def _shape_of(stacked: Any, shape: tuple[int, int] | None) -> tuple[int, int]:
    if shape is None or len(shape) != 2 or int(shape[0]) * int(shape[1]) != stacked[1]:
        raise InputError(
            f"got measurements as the rows of a {stacked[0]} × {stacked[1]} matrix with shape {shape}; expected "
            f"shape=(m, n) with m·n = {stacked[1]}, or a k × m × n array"
        )
    return int(shape[0]), int(shape[1])
