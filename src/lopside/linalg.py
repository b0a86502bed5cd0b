"""Dense algebra on d × d matrices and on tall, thin ones: bits that do not depend on thread counts.

Tall matrices may be `Rows`, held where A is: what is tall stays there, what is small comes back as NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.rows import Rows
from lopside.threads import one_blas_thread, ordered_map, thread_count

UNIT_ROUNDOFF = 2.0**-53
"""u, half the spacing of float64 at 1."""


def frobenius(M: Array | Rows) -> float:
    """Return ‖M‖_F in float64 without overflow or underflow of the squares.

    >>> import numpy as np
    >>> bool(np.isclose(frobenius(np.full((2, 2), 1e200)), 2e200, rtol=1e-15, atol=0))
    True
    """
    if isinstance(M, Rows):
        return M.norm()
    if M.size == 0:
        return 0.0
    largest = max(float(M.max()), -float(M.min()))
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    if 1e-120 < largest < 1e120:
        return float(np.sqrt(sum(np.square(M[rows], dtype=np.float64).sum() for rows in chunks(len(M)))))
    unit = 2.0 ** np.floor(np.log2(largest))
    return float(np.sqrt(np.square(M / unit, dtype=np.float64).sum()) * unit)


def gram(X: Array | Rows) -> Array:
    """Return XᵀX (d × d) in float64."""
    if isinstance(X, Rows):
        return X.inner(X)
    if X.dtype == np.float64:
        with one_blas_thread:
            return X.T.dot(X)
    G = np.zeros((X.shape[1], X.shape[1]))
    with one_blas_thread:
        for rows in chunks(len(X)):  # a copy of all of X would take twice the memory of X
            part = X[rows].astype(np.float64)
            G += part.T.dot(part)
    return G


def weighted_gram(X: Array, weights: Array) -> Array:
    """Return Xᵀ diag(weights) X (d × d) in float64."""
    G = np.zeros((X.shape[1], X.shape[1]))
    with one_blas_thread:
        for rows in chunks(len(X)):
            part = X[rows].astype(np.float64)
            G += part.T.dot(part * weights[rows, None])
    return G


def inner(P: Array, Q: Array) -> float:
    """Return ⟨P, Q⟩ = Σ P_ij Q_ij, summed in float64."""
    with one_blas_thread:
        return float(np.vdot(P.astype(np.float64, copy=False), Q.astype(np.float64, copy=False)))


def squared_singular_values(gram: Array) -> Array:
    """Return σ₁² ≥ … ≥ σ_d² of a factor from its Gram matrix (d × d); rounding below zero is cut off.

    Each value is known to about d·u·σ₁² only: callers that prove something subtract that.
    """
    with one_blas_thread:
        return np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0)


def column_norms(M: Array | Rows) -> Array:
    """Return the lengths of the columns."""
    return np.sqrt(np.diag(M.inner(M))) if isinstance(M, Rows) else np.linalg.norm(M, axis=0)


def column_peaks(M: Array | Rows) -> Array:
    """Return the entry of largest modulus of each column, the first of several."""
    return M.peaks() if isinstance(M, Rows) else M[np.argmax(np.abs(M), axis=0), np.arange(M.shape[1])]


def beside(left: Any, right: Any) -> Any:
    """Return [left | right], two matrices held in the same place."""
    return left.beside(right) if isinstance(left, Rows) else np.hstack([left, right])


def here(M: Array | Rows) -> Array:
    """Return the matrix as a NumPy array, wherever it is held."""
    return M.numpy() if isinstance(M, Rows) else M


def orthonormal(M: Any) -> Any:
    """Return an orthonormal basis of the columns of M (n × k, k ≤ n) by Householder QR."""
    return _qr(M)[0]


def _qr(M: Any) -> tuple[Any, Array]:
    if isinstance(M, Rows):
        return M.qr()
    with one_blas_thread:
        return np.linalg.qr(M)


def range_basis(M: Any) -> Any:
    """Return Q (n × k) with orthonormal columns spanning those of M, and zero columns where M has lower rank.

    QR of a rank-deficient M fills Q with arbitrary directions; those have a diagonal entry of R at rounding level.
    """
    Q, R = _qr(M)
    size = np.abs(np.diag(R))
    return Q * (size > max(M.shape) * np.finfo(M.dtype).eps * frobenius(M))


def thin_svd(M: Array) -> tuple[Array, Array, Array]:
    """Return U (m × k), s (k), Vᵗ (k × n) with M = U diag(s) Vᵗ, k = min(m, n), signs fixed by `fix_signs`."""
    with one_blas_thread:
        U, s, Vt = np.linalg.svd(M, full_matrices=False)
    return fix_signs(U, s, Vt)


def fix_signs(U: Array, s: Array, Vt: Array) -> tuple[Array, Array, Array]:
    """Make the entry of largest modulus in each row of Vᵗ positive: the same signs on every machine."""
    flip = _signs(Vt)
    return U * flip, s, Vt * flip[:, None]


def _signs(Vt: Array) -> Array:
    flip = np.sign(Vt[np.arange(len(Vt)), np.argmax(np.abs(Vt), axis=1)])
    flip[flip == 0] = 1.0
    return flip


def factored_svd(X: Any, Y: Any) -> tuple[Any, Array, Any]:
    """Return U (m × d), s (d) and V (n × d) with X Yᵀ = U diag(s) Vᵀ, signs as in `fix_signs`, from two thin QRs.

    Never forms the m × n product; the cost is O((m + n)d²).
    """
    (Qx, Rx), (Qy, Ry) = _qr(X), _qr(Y)
    with one_blas_thread:
        U, s, Vt = np.linalg.svd(Rx @ Ry.T)
        left, right = Qx @ U, Qy @ Vt.T
    flip = np.sign(column_peaks(right))
    flip[flip == 0] = 1.0
    return left * flip, s, right * flip


def largest_singular_value(
    gram_pass: Callable[[Array], tuple[Array, Array]],
    n: int,
    *,
    tolerance: float = 1e-3,
    max_passes: int = 30,
) -> float:
    """Estimate σ₁(A) from below by a short block power iteration.

    V ← orth(AᵀA V) on four columns; the estimate is the largest Ritz value, √λ_max((AV)ᵀ(AV)) ≤ σ₁(A).
    It stops when one more pass gains less than `tolerance`, relative.

    Parameters
    ----------
    gram_pass : callable
        V (n × k) ↦ (AᵀAV, (AV)ᵀ(AV)).
    n : int
        Columns of A.

    Returns
    -------
    float
        At most σ₁(A) up to rounding. The rule bounds the last gain, not the error: where the spectrum has no gap the
        estimate can be some 5 % too small, with one it is far better.
    """
    # The seed is fixed: the estimate belongs to the matrix, not to the run.
    V = orthonormal(np.random.default_rng(0).standard_normal((n, min(n, 4))))
    estimate = 0.0
    for _ in range(max_passes):
        W, G = gram_pass(V)
        previous, estimate = estimate, float(np.sqrt(squared_singular_values(G)[0]))
        if estimate <= previous * (1.0 + tolerance):
            break
        V = orthonormal(W)
    return estimate


_TALL = 8192
"""Rows per chunk of a tall product: a constant, so that sums have one order on any number of threads."""


def chunks(rows: int) -> list[slice]:
    """Return the rows of a tall matrix in pieces that fit in cache."""
    return [slice(i, min(i + _TALL, rows)) for i in range(0, rows, _TALL)]


def tall_inner(V: Any, W: Any) -> Array:
    """Return VᵀW (k × l) for tall V (n × k) and W (n × l), on all threads and with the same bits on any number."""
    if isinstance(V, Rows):
        return V.inner(W)
    with one_blas_thread:
        parts: list[Array] = ordered_map(lambda rows: V[rows].T.dot(W[rows]), chunks(len(V)), thread_count())
    return sum(parts[1:], parts[0])


def tall_times(V: Any, Z: Array, out: Array | None = None) -> Any:
    """Return V Z (n × l) for tall V (n × k) and small Z (k × l), on all threads; into `out` if given."""
    if isinstance(V, Rows):
        return V.dot(Z)
    result = np.empty((len(V), Z.shape[1]), np.result_type(V, Z)) if out is None else out

    def chunk(rows: slice) -> None:
        result[rows] = V[rows].dot(Z)

    with one_blas_thread:
        ordered_map(chunk, chunks(len(V)), thread_count())
    return result


def remove_span(W: Array, V: Array) -> Array:
    """Subtract V(VᵀW) from W (n × l) in place, V (n × k) orthonormal, and return VᵀW (k × l)."""
    inside = tall_inner(V, W)

    def chunk(rows: slice) -> None:
        W[rows] -= V[rows].dot(inside)

    with one_blas_thread:
        ordered_map(chunk, chunks(len(V)), thread_count())
    return inside


def tall_qr(W: Any, *, overwrite: bool = False) -> tuple[Any, Array]:
    """Return Q (n × k) and R (k × k) of tall W (n × k) from QR of chunks of rows, stable column by column.

    With `overwrite` Q takes the place of W.
    """
    pieces = [rows for rows in chunks(len(W)) if rows.stop - rows.start >= W.shape[1]]
    if len(pieces) < 2 or isinstance(W, Rows):
        return _qr(W)
    pieces[-1] = slice(pieces[-1].start, len(W))
    out = W if overwrite else np.empty(W.shape, np.result_type(W, np.float32))
    k = W.shape[1]

    def first(rows: slice) -> Array:
        out[rows], R = np.linalg.qr(W[rows])
        return R

    def second(share: tuple[slice, Array]) -> None:
        rows, Q = share
        out[rows] = out[rows].dot(Q)

    with one_blas_thread:
        Q, R = np.linalg.qr(np.vstack(ordered_map(first, pieces, thread_count())))
        ordered_map(second, [(rows, Q[i * k : (i + 1) * k]) for i, rows in enumerate(pieces)], thread_count())
    return out, R


def leading_triplets(
    times: Callable[[Array], Array],
    transpose_times: Callable[[Array], Array],
    shape: tuple[int, int],
    rank: int,
    *,
    spare: int = 8,
    powers: int = 2,
    kind: Any = np.float64,
) -> tuple[Array, Array, Array]:
    """Return about the leading singular triplets U (m × d), s, Vᵗ of A, from a few steps of subspace iteration.

    Parameters
    ----------
    times, transpose_times : callable
        Y (n × k) ↦ A Y and X (m × k) ↦ AᵀX.
    shape : (m, n)
    rank : int
        d ≤ min(m, n).
    spare : int
        Columns beyond d that are carried along.
    powers : int
        Products with AᵀA before the last one [HMT11, Algorithm 4.4].
    kind : dtype
        Of the work: float32 takes half the memory.
    """
    # The seed is fixed: the answer belongs to the matrix.
    V = np.random.default_rng(0).standard_normal((shape[1], min(rank + spare, *shape))).astype(kind)
    for _ in range(powers):
        V = transpose_times(tall_qr(times(V), overwrite=True)[0])
        V = tall_qr(V, overwrite=True)[0]
    Q, R = tall_qr(times(V), overwrite=True)
    with one_blas_thread:
        U, s, Wt = np.linalg.svd(R)
    Vt = tall_times(V, Wt[:rank].T).T
    signs = _signs(Vt)
    return tall_times(Q, U[:, :rank] * signs), s[:rank], Vt * signs[:, None]
