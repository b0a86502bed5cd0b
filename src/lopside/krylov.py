"""A search space for the leading singular vectors that grows by one read of A: block Krylov, kept orthonormal.

Write M for BᵀB, with B the matrix (A or Aᵀ) divided by a power of two near ‖A‖_F. A `Relation` is

    M V = V H + F C + rounding,      [V F]ᵀ[V F] = I,      H = Hᵀ,

with V (n × D) the search space and F (n × f) what M leads out of it. All that is asked of the space is in the small
matrices H and C: where H Z = Z Θ, the Ritz vectors V Z have the values Θ and the residuals F C Z. A step takes
the first columns of F into V, at the price of one product with M; what that leaves outside of [V F], orthogonalized
twice against all of it, joins F. To restart replaces V by some of its Ritz vectors, which keeps the relation [WS00].

Where the space closes early, because eigenvalues are multiple or zero, F is filled up with random directions; C has
zero rows there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.linalg import tall_inner, tall_times
from lopside.storage import Dense
from lopside.threads import one_blas_thread

EPSILON = 2.0**-52
"""Machine epsilon of float64."""

_GRADED = 1e-8
"""Share of the largest squared norm below which directions of a block are split off and treated by themselves."""

_NOISE = 32.0
"""What M F leaves outside of the space is rounding below this many ε σ₁‖BF‖_F."""

Product = Callable[[Array], tuple[Array, Array]]
"""F (n × f) ↦ M F and (BF)ᵀ(BF)."""


class Columns:
    """An n × capacity buffer that a growing basis fills from the left; whoever comes second to a column gets a copy."""

    def __init__(self, rows: int, capacity: int, size: int) -> None:
        # Rows side by side, as the kernels want them, and no more room than is soon needed: they should lie close.
        self.capacity = capacity
        self.array = np.empty((rows, min(capacity, max(64, 2 * size))))
        self.used = 0

    def with_more(self, size: int, block: Array) -> Columns:
        """Return a buffer whose first `size` columns are this one's and which goes on with `block`."""
        end = size + block.shape[1]
        columns = self
        if self.used != size or end > self.array.shape[1]:
            columns = Columns(len(block), min(len(block), max(self.capacity, end + block.shape[1])), end)
            columns.array[:, :size] = self.array[:, :size]
        columns.array[:, size:end] = block
        columns.used = end
        return columns


def project_out(W: Array, V: Array) -> Array:
    """Subtract V(VᵀW) from W (n × l) in place, V (n × k) orthonormal, and return VᵀW; by the kernels of a pass."""
    if V.shape[1] == 0:
        return np.zeros((0, W.shape[1]))
    held = Dense(V)
    inside = held.transpose_times(W)
    W -= held.times(inside)
    return inside


class Relation(NamedTuple):
    """M V = V H + F C; see above.

    Attributes
    ----------
    columns : Columns
        Holds V in its first D columns.
    H : ndarray, shape (D, D)
    F : ndarray, shape (n, f)
    C : ndarray, shape (f, D)
    locked : int
        Leading columns of V that are left as they are; H and C have no coupling to them.
    restarts : int
        How often V was recombined; each time adds a rounding.
    """

    columns: Columns
    H: Array
    F: Array
    C: Array
    locked: int = 0
    restarts: int = 0

    @property
    def V(self) -> Array:
        """The search space, n × D."""
        return self.columns.array[:, : len(self.H)]

    @property
    def size(self) -> int:
        """D."""
        return len(self.H)


def begin(block: Array, capacity: int) -> Relation:
    """Return the empty search space with the span of `block` (n × f) to be taken in first."""
    n = len(block)
    F, _ = outside(np.array(block, dtype=np.float64), (), EPSILON * np.sqrt(n) * _longest(block))
    return Relation(Columns(n, min(capacity, n), F.shape[1]), np.zeros((0, 0)), F, np.zeros((F.shape[1], 0)))


def extended(product: Product, relation: Relation, width: int, rng: np.random.Generator) -> Relation:
    """Return the space with the first `width` columns of F taken into V; one read of A.

    `rng` draws the directions that fill F up to `width` again where the space closes.
    """
    D, f = relation.size, relation.F.shape[1]
    taken = min(width, f)
    block, outer = np.ascontiguousarray(relation.F[:, :taken]), relation.F[:, taken:]
    W, G = product(block)
    columns = relation.columns.with_more(D, block)
    V = columns.array[:, : D + taken]
    noise = _NOISE * EPSILON * float(np.sqrt(np.trace(G)))
    project_out(W, V)
    outside = project_out(W, outer)
    new, S = orthonormalized(W, noise)
    project_out(new, V)
    project_out(new, outer)
    new, again = orthonormalized(new, 0.5)
    H = np.empty((D + taken, D + taken))
    H[:D, :D], H[D:, :D], H[:D, D:] = relation.H, relation.C[:taken], relation.C[:taken].T
    H[D:, D:] = 0.5 * (G + G.T)
    C = np.block([[np.zeros((len(again), D)), again @ S], [relation.C[taken:], outside]])
    F = np.hstack([new, outer])
    return filled(relation._replace(columns=columns, H=H, F=F, C=C), width, rng)


def filled(relation: Relation, width: int, rng: np.random.Generator) -> Relation:
    """Return the relation with F filled up to `width` columns by random directions, as far as there are any."""
    D, (n, f) = relation.size, relation.F.shape
    missing = min(width, n - D) - f
    if missing <= 0:
        return relation
    F = np.hstack([relation.F, fresh(missing, (relation.V, relation.F), rng)])
    return relation._replace(F=F, C=np.vstack([relation.C, np.zeros((F.shape[1] - f, D))]))


def ritz(relation: Relation) -> tuple[Array, Array]:
    """Return the Ritz values (D,) and Z (D × D) with H Z = Z Θ, largest first; locked columns stay where they are."""
    l = relation.locked
    with one_blas_thread:
        theta, Z = np.linalg.eigh(relation.H[l:, l:])
    whole = np.eye(relation.size)
    whole[l:, l:] = Z[:, ::-1]
    return np.concatenate([np.diag(relation.H)[:l], theta[::-1]]), whole


def restarted(relation: Relation, theta: Array, Z: Array, capacity: int) -> Relation:
    """Return the space of the Ritz vectors V Z (Z is D × k) alone, with their values θ (k,); no read of A."""
    k = len(theta)
    columns = Columns(len(relation.F), min(capacity, len(relation.F)), k)
    tall_times(relation.V, Z, out=columns.array[:, :k])
    columns.used = k
    return relation._replace(columns=columns, H=np.diag(theta), C=relation.C @ Z, restarts=relation.restarts + 1)


def focused(relation: Relation, Z: Array) -> Relation:
    """Return the relation with F rotated: what couples most to the vectors V Z comes first."""
    with one_blas_thread:
        U = np.linalg.svd(relation.C @ Z)[0]
    return relation._replace(F=tall_times(relation.F, U), C=U.T @ relation.C)


def merged(relation: Relation, Q: Array, H: Array, F: Array, S: Array) -> Relation:
    """Return the space with Q (n × k) taken in, where (I − VVᵀ)M Q = Q H + F S; no read of A.

    The parts of M Q in V and of M V in Q are the same numbers, Cᵀ(FᵀQ) with the relation's C and F.
    """
    f, shared = relation.F.shape[1], tall_inner(relation.F, Q)
    left, T = orthonormalized(np.hstack([relation.F - tall_times(Q, shared.T), F]), _NOISE * EPSILON)
    left, again = outside(left, (relation.V, Q), 0.5)
    T, coupling = again @ T, relation.C.T @ shared
    return relation._replace(
        columns=relation.columns.with_more(relation.size, Q),
        H=np.block([[relation.H, coupling], [coupling.T, H]]),
        F=left,
        C=np.hstack([T[:, :f] @ relation.C, T[:, f:] @ S]),
    )


def orthonormalized(W: Array, noise: float) -> tuple[Array, Array]:
    """Return Q, S with W = Q S, but for directions of W of norm below `noise`.

    By the eigenvectors of WᵀW, which is Cholesky QR that cannot break down. Directions far smaller than the largest are
    split off first, because WᵀW does not know them. Q is orthonormal to about 1e-8; a second call makes it so to
    rounding.
    """
    with one_blas_thread:
        squares, U = np.linalg.eigh(tall_inner(W, W))
    squares, U = squares[::-1], U[:, ::-1]
    least = max(noise * noise, _GRADED * squares.max(initial=0.0))
    strong = int(np.count_nonzero(squares > least))
    if strong == 0:
        return np.empty((len(W), 0)), np.empty((0, W.shape[1]))
    root = np.sqrt(squares[:strong])
    Q, S = tall_times(W, U[:, :strong] / root), root[:, None] * U[:, :strong].T
    if strong < W.shape[1]:
        rest = tall_times(W, U[:, strong:])
        S = S + project_out(rest, Q) @ U[:, strong:].T
        if _longest(rest) > noise:
            P, T = orthonormalized(rest, noise)
            Q, S = np.hstack([Q, P]), np.vstack([S, T @ U[:, strong:].T])
    return Q, S


def outside(W: Array, spaces: tuple[Array, ...], noise: float) -> tuple[Array, Array]:
    """Return Q, S with Q orthonormal and W = Q S outside of the spaces, orthogonal to each other; W is overwritten."""
    for V in spaces:
        project_out(W, V)
    Q, S = orthonormalized(W, noise)
    for V in spaces:
        project_out(Q, V)
    Q, again = orthonormalized(Q, 0.5)
    return Q, again @ S


def fresh(count: int, spaces: tuple[Array, ...], rng: np.random.Generator) -> Array:
    """Return `count` random orthonormal columns outside of the spaces."""
    return outside(rng.standard_normal((len(spaces[0]), count)), spaces, 0.0)[0]


def _longest(W: Array) -> float:
    return float(np.sqrt(np.square(W).sum(axis=0).max(initial=0.0)))
