"""The search for the leading d singular vectors, and the proof that it is over.

A `Search` owns a block Krylov relation (`lopside.krylov`, [HMT11, Sec. 4.5]) for B = A or Aᵀ divided by a power of
two, and what is known about B outside of it: h ≥ ‖B(I − VVᵀ)‖₂². `advance` reads A once for a larger space; `settled`
asks whether the best fit in the space, A V_d V_dᵀ, is proved to be within 1 + tol of the best of all, reading A for
Gaussian probes where only h is missing. What the probes find on the way joins the space, which is how directions get
in that the start block cannot see (singular values of higher multiplicity than it has columns).

*Deep spectra.* Products with BᵀB are blind below about ε σ₁². Directions with σ_i² far above that noise which have
converged to it are locked; the search goes on from fresh directions outside of them, where the noise is ε σ₁ σ_top
with σ_top the largest singular value left, and so on down to ε σ₁. What a lock leaves behind is measured from the
residual, not by subtraction.
"""

from __future__ import annotations

import copy
import math
import time
from enum import Enum
from typing import Any, Self

import numpy as np

from lopside import krylov
from lopside.arrays import Array
from lopside.krylov import EPSILON, Relation
from lopside.linalg import frobenius, one_blas_thread, tall_times
from lopside.theory.deflated_norm import FAILURE, Probes
from lopside.theory.leading_energy import SearchSpace, arrow, energy_excess
from lopside.theory.two_sided import sides

_CLEAR = 1e3
"""A Ritz value this many times above the noise of the products is one of A, not of rounding."""

_CONVERGED = 100.0
"""A residual below this many times the noise will not get smaller."""

_PATIENCE = 3
"""Steps between two sets of probes at least."""

_MOST_PASSES = 5
"""Passes that one set of probes may take."""


class Verdict(Enum):
    """What a search has come to."""

    SEARCHING = "the space has to grow"
    PROVED = "the best fit in the space is proved to be close enough to the best of all"
    BLIND = "the products with AᵀA show no more; what is left is below their rounding"


class Search:
    """A growing search space for rank d, with what is proved about the rest of A.

    Parameters
    ----------
    problem : Full
        A metered handle; its `reads` count.
    rank : int
        d; may be changed on the way.
    block : ndarray, shape (side, f)
        Where to start; what is wider than `width` is taken in bit by bit.
    width : int
        Columns per read of A.
    capacity : int
        Columns of the basis at which it is restarted; at least d + 3 `width`, or `side`.
    rng : numpy.random.Generator
        Of fresh directions and of the probes, which must not be that of `block`.
    room : int
        Bytes in which B V may be kept as it grows: `image` then needs no read of A.
    """

    def __init__(
        self,
        problem: Any,
        rank: int,
        block: Array,
        *,
        width: int,
        capacity: int,
        rng: np.random.Generator,
        room: int = 0,
    ) -> None:
        self.problem, self.rank, self.width = problem, rank, width
        self.capacity = min(capacity, problem.side)
        self.scale = 2.0 ** round(math.log2(problem.norm))
        self.norm = problem.norm / self.scale
        self.relation: Relation = krylov.begin(block, self.capacity)
        self.base = self.norm**2  # ‖B‖_F² outside of the locked columns
        self.top = self.norm  # √ of the largest Ritz value outside of them, or a bound
        self.h = float("inf")
        self.failure_probability = 0.0
        self.exhausted = False
        self.probe_reads, self.probe_seconds = 0, 0.0
        self._rng = rng
        self._probe_rng = rng.spawn(1)[0]
        self._ritz: tuple[Array, Array] | None = None
        self._patience = 0
        self._room, self._seen = room, []
        self._images: list[Array] | None = [] if room else None

    def copy(self) -> Self:
        """Return a search that goes its own way from here."""
        twin = copy.copy(self)
        twin._seen, twin._images = [], None
        twin._rng, twin._probe_rng = copy.deepcopy(self._rng), copy.deepcopy(self._probe_rng)
        return twin

    def product(self, F: Array) -> tuple[Array, Array]:
        """Return BᵀB F and (BF)ᵀ(BF) for the scaled B."""
        swept = self.problem.image(F / self.scale)
        if self._images is not None:
            self._seen.append(swept.rows)
        return swept.probe / self.scale, swept.gram

    def _keep_images(self) -> None:
        """Keep B times the columns that have just joined the space."""
        if self._images is not None:
            self._images += self._seen
            if sum(part.nbytes for part in self._images) > self._room:
                self._images = None
        self._seen = []

    def image(self, count: int) -> tuple[Array, Array]:
        """Return the `count` leading Ritz vectors and B (not scaled) times them; reads A if it has not been kept."""
        V = self.leading(count)
        # Ctrl-C may have come between a product and its being kept.
        known = sum(part.shape[1] for part in self._images or ())
        if known < self.relation.size or V.shape[1] > known:
            return V, sides(self.problem)[0](V)
        return V, self._combined(self.Z[:, : V.shape[1]] * self.scale)

    def _combined(self, Z: Array) -> Array:
        rows, at = np.zeros((self.problem.storage.shape[0], Z.shape[1])), 0
        for part in self._images or ():
            rows += tall_times(part, Z[at : at + part.shape[1]])
            at += part.shape[1]
        return rows

    @property
    def theta(self) -> Array:
        """The Ritz values of the scaled BᵀB, largest first."""
        return self._values()[0]

    @property
    def Z(self) -> Array:
        """Coordinates (D × D) of the Ritz vectors V Z."""
        return self._values()[1]

    def _values(self) -> tuple[Array, Array]:
        if self._ritz is None:
            self._ritz = krylov.ritz(self.relation)
            if self.relation.locked == 0 and self.relation.size:
                self.top = math.sqrt(max(self._ritz[0][0], 0.0))
        return self._ritz

    @property
    def closed(self) -> bool:
        """Whether the search space is everything."""
        return self.relation.size == self.problem.side

    @property
    def noise(self) -> float:
        """What products with BᵀB outside of the locked columns are typically off by."""
        return 8.0 * EPSILON * self.norm * self.top

    def missed(self) -> float:
        """Return ‖B − B V_d V_dᵀ‖_F², the squared error of the best fit in the space, in the scale of the search."""
        l = self.relation.locked
        return max(0.0, self.base - float(self.theta[l : self.rank].sum()))

    def beneath(self, level: float) -> bool:
        """Whether the best fit in the space misses less than `level` ‖B‖_F, as far as that is known."""
        return self.missed() + 2.0 * self.rounding <= 0.5 * (level * self.norm) ** 2

    def leading(self, count: int) -> Array:
        """Return the `count` leading Ritz vectors, side × count; random directions where the space has fewer."""
        count = min(count, self.problem.side)
        V = tall_times(self.relation.V, self.Z[:, :count])
        if V.shape[1] < count:
            V = np.hstack([V, krylov.fresh(count - V.shape[1], (self.relation.V,), copy.deepcopy(self._rng))])
        return V

    def advance(self) -> None:
        """Let the space grow by one read of A."""
        self._patience = max(0, self._patience - 1)
        if self.closed or self.exhausted:
            return
        if self.relation.size + self.width > self.capacity < self.problem.side:
            self._restart()
        if self.relation.F.shape[1] > self.width and self.relation.size:
            self.relation = krylov.focused(self.relation, self.Z[:, : self.rank])
        first = self.relation.size == self.relation.locked
        # The first block is taken in whole: factors of a fit are to be in the space.
        width = self.relation.F.shape[1] if first else self.width
        self.relation = krylov.extended(self.product, self.relation, width, self._rng)
        self._ritz = None
        self._keep_images()
        l = self.relation.locked
        if first:
            self.top = math.sqrt(max(self.theta[l], 0.0)) if len(self.theta) > l else 0.0
            self.exhausted = l > 0 and self.top <= 8.0 * EPSILON * self.norm
        elif l and len(self.theta) > l:
            self.top = max(self.top, math.sqrt(max(self.theta[l], 0.0)))

    def _restart(self) -> None:
        keep = min(self.rank + self.width + max(self.rank // 2, self.width), self.capacity - 2 * self.width)
        theta, C = self.theta, self.relation.C @ self.Z
        if math.isfinite(self.h):  # what is dropped goes over to the rest
            with one_blas_thread:
                rest = float(np.linalg.eigvalsh(arrow(theta[keep:], C[:, keep:], self.h))[-1])
            self.h = max(self.h, rest) + self.rounding
        if self._images is not None:
            self._images = [self._combined(self.Z[:, :keep])]
        self.relation = krylov.restarted(self.relation, theta[:keep], self.Z[:, :keep], self.capacity)
        self._ritz, self._patience = None, 0

    @property
    def rounding(self) -> float:
        """Bound on what rounding does to M V, column by column, and to sums of Ritz values."""
        size = 10 + self.relation.size + self.relation.restarts
        return size * EPSILON * (self.norm**2 if self.relation.locked == 0 else self.norm * self.top)

    def space(self, h: float | None = None) -> SearchSpace:
        """Return the part of the space outside of the locked columns, for the bounds of `leading_energy`."""
        l = self.relation.locked
        theta, Z, H = self.theta[l:], self.Z[l:, l:], self.relation.H[l:, l:]
        with one_blas_thread:  # what LAPACK's eigenvectors are off by, on top of the products
            error = self.rounding + frobenius(H @ Z - Z * theta)
        return SearchSpace(
            theta=theta,
            C=self.relation.C[:, l:] @ Z,
            error=np.full(len(theta), error),
            h=self.bound() if h is None else h,
            rounding=error,
            failure_probability=self.failure_probability,
        )

    def bound(self) -> float:
        """Return the best h known: from probes, or the energy that is left."""
        if self.closed:
            return self.rounding
        return min(self.h, max(0.0, self.base - float(self.theta[self.relation.locked :].sum())) + self.rounding)

    def excess(self, h: float | None = None) -> float:
        """Bound ‖B − B V_d V_dᵀ‖_F over the least possible, minus 1; infinity where nothing is proved."""
        missed = self.missed() - self.rounding
        surplus = energy_excess(self.space(h), self.rank - self.relation.locked)
        if not surplus < missed:
            return float("inf")
        return math.expm1(-0.5 * math.log1p(-surplus / missed))

    def settled(self, tol: float, *, deep: bool = True) -> Verdict:
        """Say whether to go on until `excess` ≤ tol is proved; may read A, for probes or (if `deep`) to lock."""
        if self.exhausted or self.relation.locked >= self.rank:
            return Verdict.BLIND
        if self.relation.size < min(self.rank, self.problem.side):
            return Verdict.SEARCHING
        if not self.closed and self._far(tol):
            return Verdict.SEARCHING
        done = Verdict.PROVED if self.relation.locked == 0 else Verdict.BLIND
        if self._enough(tol):
            return done
        if not self.closed and not self._floor(tol):
            return Verdict.SEARCHING
        return self._deeper(lock=deep)

    def _far(self, tol: float) -> bool:
        """Whether the residuals alone, which cost nothing to look at, say that the space has to grow."""
        l, missed = self.relation.locked, self.missed()
        theta = self.theta[l : self.rank]
        squares = np.square(self.relation.C @ self.Z[:, l : self.rank]).sum(axis=0)
        if missed <= 100.0 * self.rounding or not (theta > 0.0).all() or squares.sum() <= 1e4 * self.rounding**2:
            return False
        return float((squares / theta).sum()) > 2.0 * tol * missed  # at most S_d, as K_d ⪰ 0

    def _enough(self, tol: float) -> bool:
        bound = self.bound()
        likely = min(bound, self._guess())
        hoped = self.excess(likely)
        if not hoped <= tol or likely == bound:
            return hoped <= tol
        return self.excess() <= tol or (hoped <= 0.5 * tol and self._probed(tol))

    def _guess(self) -> float:
        """Guess ‖B(I − VVᵀ)‖²: the first Ritz value after the d-th that is far from converged."""
        theta, C = self.theta, self.relation.C @ self.Z
        rough = np.square(C).sum(axis=0) > 0.1 * np.square(theta)
        rough[: self.rank] = False
        return float(theta[np.argmax(rough)]) if rough.any() else float(theta[-1])

    def _probed(self, tol: float) -> bool:
        began, before = time.perf_counter(), self.problem.reads
        try:
            return self._probe(tol)
        finally:
            self.probe_reads += self.problem.reads - before
            self.probe_seconds += time.perf_counter() - began

    def _probe(self, tol: float) -> bool:
        """Raise the passes of the probes while h is what limits the proof; then let the space have what they found."""
        if self._patience > 0:
            return False
        probes = Probes.drawn(self.relation.V, self._probe_rng)
        self._patience = _PATIENCE
        self.failure_probability += FAILURE
        for _ in range(_MOST_PASSES):
            probes = probes.extended(self.product)
            self.h = min(self.h, probes.bound(self.bound(), self.norm))
            if self.excess() <= tol:
                self._seen = []
                return True
            if not self.excess(min(self.h, probes.top())) <= tol:
                break
        merged = krylov.merged(self.relation, *probes.relation())
        self.relation, self._ritz = krylov.filled(merged, self.width, self._rng), None
        self._keep_images()
        return False

    def _floor(self, tol: float) -> bool:
        """Whether rounding alone keeps the proof from succeeding."""
        space = self.space(min(self.bound(), self._guess()))
        missed = self.missed()
        if missed <= 100.0 * self.rounding:
            return True
        least = energy_excess(space._replace(C=np.zeros_like(space.C)), self.rank - self.relation.locked)
        return not least <= 0.5 * tol * 2.0 * missed

    def _deeper(self, *, lock: bool) -> Verdict:
        """Decide how to go below the rounding of products with BᵀB; may lock what has converged and read A once."""
        l, theta = self.relation.locked, self.theta
        clear = int(np.count_nonzero(theta >= _CLEAR * self.noise))
        couplings = np.linalg.norm(self.relation.C @ self.Z, axis=0)
        waiting = (couplings[l : min(clear, self.rank)] > _CONVERGED * self.noise).any()
        if waiting and not self.closed:
            return Verdict.SEARCHING
        if clear >= self.rank or not lock:
            return Verdict.BLIND
        if clear <= l:
            self.exhausted = True
            return Verdict.BLIND
        self._lock(clear)
        return Verdict.SEARCHING

    def _lock(self, count: int) -> None:
        relation = krylov.restarted(self.relation, self.theta[:count], self.Z[:, :count], self.capacity)
        V = relation.V
        width = min(self.width, len(V) - count)
        F = krylov.fresh(width, (V,), self._rng)
        self.relation = relation._replace(F=F, C=np.zeros((width, count)), locked=count)
        rows = sides(self.problem)[0](V)
        X, Y = (V, rows) if self.problem.transposed else (rows, V)
        self.base = (self.problem.residual_norm(X, Y) / self.scale) ** 2
        self.h, self._ritz, self._patience, self._images = float("inf"), None, 0, None
