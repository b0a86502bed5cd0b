"""A matrix less a rank-one matrix, never formed: how centering works on every storage."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.linalg import beside, frobenius, tall_inner, tall_times
from lopside.rows import Rows
from lopside.storage.protocol import Sweep, Widths, elsewhere, require_fit, require_sweep
from lopside.threads import one_blas_thread

_CANCELLATION = 10.0
"""Float32 data whose norm exceeds that of the difference by more is worked on in float64: u₃₂·10 ≈ 6e-7 stays."""


class Shifted:
    """The matrix A − u vᵀ, one read of A per sweep and nothing of its size held.

    Centered columns are u = 1 and v = the column means; under row weights w, where A stands for diag(√w)·A,
    u = √w and v = the weighted means.  u joins the rows and v the columns:

        K = [R | (A − u vᵀ)Y] = [R | u | AY]·[1; −vᵀY on u; 1]    and    (A − u vᵀ)ᵀKN = Aᵀ(KN) − v·(uᵀKN),

    where uᵀKN is summed over the very KN that met Aᵀ: at a mean of 1e6 standard deviations the rounding of KN
    is multiplied by the mean in both terms, and cancels only if it is the same.

    Parameters
    ----------
    storage : Storage
        A, shape (m, n).
    u : ndarray, shape (m,) or (m, 1), or Rows
    v : ndarray, shape (n,)
        Both finite, kept in float64.

    Attributes
    ----------
    dtype : float32 or float64
        That of A, but float64 for float32 data with ‖A‖_F > 10·‖A − u vᵀ‖_F: what cancels took the digits along.
    epsilon : float
        That of A times (‖A‖_F + ‖u‖‖v‖)/‖A − u vᵀ‖_F.
    """

    def __init__(self, storage: Any, u: Array, v: Array) -> None:
        self._inner = storage
        self._u: Any = u if u.ndim == 2 else np.array(u, dtype=np.float64)[:, None]
        if there := elsewhere(storage):
            self._u = there.fixed(there.to_rows(self._u, "the shift", np.float64))
            self.to_rows, self.to_side, self.handed = there.to_rows, there.to_side, there.handed
            self.ones, self.drawn, self.restored, self.fixed = there.ones, there.drawn, there.restored, there.fixed
        self._v = np.array(v, dtype=np.float64)[:, None]
        self.shape = storage.shape
        self.reads_per_sweep = storage.reads_per_sweep
        self.keeps_workspace = storage.keeps_workspace
        self.nbytes = storage.nbytes
        self.layout = f"{storage.layout}, less a rank-one matrix"
        self._norm = storage.residual_norm(self._u, self._v)
        formed = storage.norm() + frobenius(self._u) * frobenius(self._v)
        self.epsilon = storage.epsilon * (formed / self._norm if self._norm else 1.0)
        cancels = storage.dtype == np.float32 and storage.norm() > _CANCELLATION * self._norm
        self.dtype: np.dtype[Any] = np.dtype(np.float64) if cancels else storage.dtype

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A once; see `lopside.storage.Storage.sweep`."""
        require_sweep(self.shape, R, Y, M, N, residual=residual)
        kind = np.result_type(self.dtype, Y, M)
        u, v = self._u.astype(kind, copy=False), self._v.astype(kind, copy=False)
        p, k = M.shape[0] - Y.shape[1], M.shape[1]
        fall = -(v.T @ Y)

        def widened(W: Array) -> Array:
            # The row for v is zero: v is among the columns only to be part of the residual.
            idle = np.zeros((int(residual), W.shape[1]), kind)
            return np.concatenate([W[:p], fall @ W[p:], W[p:], idle], axis=0, dtype=kind)

        with one_blas_thread:
            R = u if R is None else beside(R, u).astype(kind, copy=False)
            Y = np.concatenate([Y, v], axis=1, dtype=kind) if residual else Y.astype(kind, copy=False)
            if N is None:
                swept = self._inner.sweep(R, Y, widened(M), residual=residual)
                along = _sums(self._u, swept.rows)
                return swept._replace(probe=swept.probe - v * along.astype(kind))
            only_u = np.zeros((p + 1 + Y.shape[1], 1), kind)
            only_u[p] = 1.0
            swept = self._inner.sweep(R, Y, np.hstack([widened(M), only_u]), widened(N), residual=residual)
            along, gram = swept.gram[k, k + 1 :], np.delete(np.delete(swept.gram, k, axis=0), k, axis=1)
            probe = swept.probe - v * along.astype(kind)
            rows = swept.rows[:, :k]
            return Sweep(rows if isinstance(rows, Rows) else np.ascontiguousarray(rows), probe, gram, swept.residual2)

    def times(self, Y: Array) -> Array:
        """Return (A − u vᵀ)Y, shape (m, d)."""
        require_fit(len(Y) == self.shape[1], self.shape, Y=Y)
        Y = Y.astype(np.result_type(self.dtype, Y), copy=False)
        product = self._inner.times(Y)
        product -= tall_times(self._u, _sums(self._v, Y)[None]).astype(product.dtype, copy=False)
        return product

    def transpose_times(self, X: Array) -> Array:
        """Return (A − u vᵀ)ᵀX, shape (n, d)."""
        require_fit(len(X) == self.shape[0], self.shape, X=X)
        X = X.astype(np.result_type(self.dtype, X), copy=False)
        product = self._inner.transpose_times(X)
        product -= (self._v * _sums(self._u, X)).astype(product.dtype, copy=False)
        return product

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − (A − u vᵀ)‖_F = ‖[X u][Y v]ᵀ − A‖_F, in float64."""
        require_fit((len(X), len(Y)) == self.shape and X.shape[1] == Y.shape[1], self.shape, X=X, Y=Y)
        return self._inner.residual_norm(beside(X, self._u), np.hstack([Y, self._v]))

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes of the sweep of A with u beside R, and of what is taken from it; `Storage.workspace`."""
        (m, n), size = self.shape, widths.itemsize
        apart = bool(widths.apart)
        inner = self._inner.workspace(widths._replace(depth=widths.depth + 1, kept=widths.kept + apart))
        narrow = widths.kept * 8 if size < 8 and not apart else 0
        after = m * (widths.kept * size * apart + narrow) + 2 * n * widths.probed * size
        return inner | {"less the means": max(0, after - sum(inner.values())) + m * (widths.depth + 1) * size}

    def first_rows(self, count: int) -> Any:
        """Return the first rows of A − u vᵀ as a storage."""
        part = self._inner.first_rows(count)
        # Where rows live elsewhere, any u takes as long.
        u = ones(part) if isinstance(self._u, Rows) else self._u[: part.shape[0]]
        return Shifted(part, u, self._v[:, 0])

    def norm(self) -> float:
        """Return ‖A − u vᵀ‖_F in float64, from the differences: nothing cancels."""
        return self._norm


def ones(storage: Any, across: bool = False) -> Any:
    """Return a column of ones along the rows of A, where these live; or `across` them, along the columns."""
    there = elsewhere(storage)
    if there and not across:
        return there.ones()
    return np.ones((storage.shape[across], 1))


def _sums(u: Any, K: Any) -> Array:
    # uᵀK in float64
    return tall_inner(u, K if isinstance(K, Rows) else K.astype(np.float64, copy=False))[0]
