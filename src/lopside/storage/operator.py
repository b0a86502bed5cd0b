"""A known only by its products with vectors: a SciPy LinearOperator or anything like one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.linalg import frobenius, tall_inner, tall_times
from lopside.storage.protocol import EPSILON, Sweep, Widths, require_fit, require_sweep
from lopside.threads import one_blas_thread

_DRAWS = 4
"""Random vectors on each side: the adjoint is tested on all 16 pairs, for two products."""

_AGREE = {"float64": 1e-7, "float32": 1e-3}
"""Largest |⟨u, Av⟩ − ⟨Aᵀu, v⟩| over ‖u‖‖Av‖ + ‖Aᵀu‖‖v‖ that passes for rounding."""

_ROUNDING = {"float64": EPSILON, "float32": 2.0**-23}

_CHUNK_BYTES = 1 << 25
"""A is looked at by blocks of columns of about this size, where it has to be written out."""


class Operator:
    """A pair of products A·V and Aᵀ·U; A itself is never seen.

    A sweep needs both products, so it reads A twice.  ‖A‖_F and every residual norm write A out, by blocks of
    columns (rows if they are fewer): min(m, n) products with unit vectors.

    Parameters
    ----------
    linear_operator : object with shape, dtype and matmat/rmatmat, or matvec/rmatvec
        Its products are called from the calling thread only, with C-ordered matrices.
    scale : ndarray, shape (m,), optional
        Stands for diag(scale)·A.

    Raises
    ------
    InputError
        If it is complex, empty, lacks a product, returns something else than finite numbers of the right shape,
        or if its two products are not adjoint to each other.
    """

    reads_per_sweep = 2
    keeps_workspace = False
    nbytes = 0
    layout = "a linear operator, known by its products"

    def __init__(self, linear_operator: Any, scale: Array | None = None) -> None:
        self._operator = _with_products(linear_operator)
        self.shape: tuple[int, int] = _shape(linear_operator)
        self.dtype: np.dtype[Any] = _precision(linear_operator)
        self._scale = None if scale is None else np.asarray(scale, dtype=np.float64)[:, None]
        self._norm: float | None = None
        self._test_adjoint()

    def _test_adjoint(self) -> None:
        # A fixed seed: whether an operator is accepted must not change from run to run.
        rng = np.random.default_rng(0)
        m, n = self.shape
        U, V = (rng.standard_normal((side, _DRAWS)).astype(self.dtype) for side in (m, n))
        AV, AtU = self._product("matmat", V, m), self._product("rmatmat", U, n)
        U, V, AV, AtU = (F.astype(np.float64) for F in (U, V, AV, AtU))
        with one_blas_thread:
            there, back = U.T @ AV, AtU.T @ V
        length = _lengths(U)[:, None] * _lengths(AV) + _lengths(AtU)[:, None] * _lengths(V)
        gap = np.abs(there - back) / np.where(length > 0.0, length, 1.0)
        # An error in random directions shows in ⟨u, Av⟩ by 1/√m of its length only.
        self.epsilon = max(_ROUNDING[self.dtype.name], float(gap.max()) * math.sqrt(max(m, n)))
        i, j = np.unravel_index(np.argmax(gap), gap.shape)
        allowed = _AGREE[self.dtype.name]
        if gap[i, j] > allowed:
            raise InputError(
                f"got an operator whose adjoint is wrong: for random u and v, ⟨u, A v⟩ = {there[i, j]:.6g} but "
                f"⟨Aᵀu, v⟩ = {back[i, j]:.6g}, a difference of {gap[i, j]:.1e} of their lengths; expected at most "
                f"{allowed:.0e}. Try checking rmatvec (rmatmat) against the transpose of a small case"
            )

    def _product(self, name: str, V: Array, rows: int) -> Array:
        try:
            product = np.asarray(getattr(self._operator, name)(V))
        except (NotImplementedError, AttributeError, TypeError) as error:
            raise InputError(f"got an operator without a working {name}: {error}. {_BOTH}") from error
        except ValueError as error:  # SciPy, of a product of the wrong length
            raise InputError(
                f"got an operator whose {name} fails: {error}. Expected {rows} numbers for a column. Try checking the "
                f"operator's shape, {self.shape}, and its products"
            ) from error
        if product.shape != (rows, V.shape[1]):
            raise InputError(
                f"got {name} of a {V.shape[0]} × {V.shape[1]} matrix of shape {product.shape}; expected "
                f"({rows}, {V.shape[1]}). Try checking the operator's shape, {self.shape}, and its {name}"
            )
        if product.dtype.kind == "c":
            raise InputError(f"got complex numbers from {name}; expected real ones. Try taking their real part in it")
        if product.dtype.kind not in "fiu":
            raise InputError(f"got {product.dtype} from {name}; expected real numbers. Try returning float64")
        # Products of an overflowing factor are the loop's business: it says that the run diverged.
        if not np.isfinite(product).all() and np.isfinite(V).all() and float(np.abs(V).max()) < 1e100:
            raise InputError(f"got NaN or infinity from {name} of finite numbers; expected finite ones. {_FINITE}")
        return product.astype(np.result_type(self.dtype, V), copy=False)

    def times(self, Y: Array) -> Array:
        """Return A Y, shape (m, d)."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        product = self._product("matmat", np.ascontiguousarray(Y), self.shape[0])
        return product if self._scale is None else product * self._scale.astype(product.dtype)

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        X = X if self._scale is None else X * self._scale.astype(np.result_type(X, self.dtype))
        return self._product("rmatmat", np.ascontiguousarray(X), self.shape[1])

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A twice (thrice with `residual`); see `lopside.storage.Storage.sweep`."""
        require_sweep(self.shape, R, Y, M, N, residual=residual)
        AY = self.times(Y)
        rows = _combine(R, AY, M)
        probed = rows if N is None else _combine(R, AY, N)
        both = (rows if N is None else np.hstack([rows, probed])).astype(np.float64, copy=False)
        missed = self.residual_norm(R, Y) ** 2 if residual and R is not None else None
        return Sweep(rows, self.transpose_times(probed), tall_inner(both, both), missed)

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes of a sweep; what the operator's own products take is not known. See `Storage.workspace`."""
        m, size = self.shape[0], widths.itemsize
        combined = widths.kept * size * (2 if widths.depth else 0)
        apart = widths.apart * size + 8 * (widths.kept + widths.apart) if widths.apart else 0
        return {"products": m * (widths.columns * size + combined + apart)}

    def first_rows(self, count: int) -> Operator:
        """Return the operator itself, which has no part that takes less time."""
        return self

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, by blocks of columns, in float64."""
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        m, n = self.shape
        across = n <= m
        side, other = (n, m) if across else (m, n)
        width = max(1, min(side, _CHUNK_BYTES // (8 * other)))
        tall, wide = (X, Y) if across else (Y, X)
        norms = []
        for first in range(0, side, width):
            part = slice(first, min(first + width, side))
            unit = np.zeros((side, part.stop - first))
            unit[np.arange(first, part.stop), np.arange(part.stop - first)] = 1.0
            E = self.times(unit) if across else self.transpose_times(unit)
            with one_blas_thread:
                E = E - tall.astype(np.float64, copy=False) @ wide[part].astype(np.float64, copy=False).T
            norms.append(frobenius(E))
        return frobenius(np.array([norms]))

    def norm(self) -> float:
        """Return ‖A‖_F in float64, from min(m, n) products the first time."""
        if self._norm is None:
            self._norm = self.residual_norm(np.zeros((self.shape[0], 1)), np.zeros((self.shape[1], 1)))
        return self._norm


_BOTH = (
    "Expected matvec and rmatvec (or matmat and rmatmat). Try scipy.sparse.linalg.LinearOperator(shape, matvec=..., "
    "rmatvec=..., dtype=float)"
)
_FINITE = "Try calling it with numpy.ones to see which entries go wrong"


def _with_products(operator: Any) -> Any:
    if hasattr(operator, "matmat") and hasattr(operator, "rmatmat"):
        return operator
    from scipy.sparse.linalg import aslinearoperator

    if not (hasattr(operator, "matvec") and hasattr(operator, "rmatvec")):
        raise InputError(f"got {type(operator).__name__} without both products. {_BOTH}")
    return aslinearoperator(operator)


def _shape(operator: Any) -> tuple[int, int]:
    shape = tuple(operator.shape)
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"got an operator of shape {shape}; expected at least one row and one column")
    return int(shape[0]), int(shape[1])


def _precision(operator: Any) -> np.dtype[Any]:
    given = getattr(operator, "dtype", None)
    kind = np.dtype(np.float64 if given is None else given)
    if kind.kind == "c":
        raise InputError(f"got a complex operator ({kind}); expected a real one. Try splitting real and imaginary part")
    return np.dtype(np.float32) if kind == np.float32 else np.dtype(np.float64)


def _combine(R: Array | None, AY: Array, M: Array) -> Array:
    # [R | AY] M without building K.
    if R is None:
        return tall_times(AY, M)
    p = R.shape[1]
    return tall_times(R, M[:p]) + tall_times(AY, M[p:])


def _lengths(F: Array) -> Array:
    return np.array([frobenius(column[None, :]) for column in F.T])
