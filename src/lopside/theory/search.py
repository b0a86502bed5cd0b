"""The proof that a search for the leading d singular vectors is over.

A `Search` is a space that grows (`lopside.theory.growth`, [HMT11, Sec. 4.5]) and judges itself: `settled` asks whether
the best fit in the space, A V_d V_dᵀ, is proved to be within 1 + tol of the best of all, reading A for Gaussian probes
where only h ≥ ‖B(I − VVᵀ)‖₂² is missing. What the probes find on the way joins the space, which is how directions get
in that the start block cannot see (singular values of higher multiplicity than it has columns).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Self

import numpy as np

from lopside.arrays import Array
from lopside.krylov import merged
from lopside.linalg import frobenius
from lopside.theory.deflated_norm import FAILURE, Probes
from lopside.theory.growth import Growth
from lopside.theory.leading_energy import SearchSpace, energy_excess
from lopside.threads import one_blas_thread

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


class Search(Growth):
    """A growing search space for rank d, with what is proved about the rest of A; parameters as for `Growth`.

    Attributes
    ----------
    unlocked : SearchSpace or None
        What was known of all of A before the first columns were locked.
    """

    def __init__(self, problem: Any, rank: int, block: Array, *, rng: np.random.Generator, **sizes: int) -> None:
        super().__init__(problem, rank, block, rng=rng, **sizes)
        self.failure_probability = 0.0
        self.proof_reads, self.proof_seconds = 0, 0.0
        self.unlocked: SearchSpace | None = None
        self._probe_rng = rng.spawn(1)[0]
        self._patience = 0
        self._informed = False

    def copy(self) -> Self:
        """Return a search that goes its own way from here."""
        twin = super().copy()
        twin._probe_rng = copy.deepcopy(self._probe_rng)
        return twin

    def advance(self) -> None:
        """Let the space grow by one read of A."""
        restarts = self.relation.restarts
        super().advance()
        self._patience = max(0, self._patience - 1) if self.relation.restarts == restarts else 0

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
        with self._proving():
            verdict = self._verdict(tol)
        return verdict or self._deeper(lock=deep)

    @contextmanager
    def _proving(self) -> Iterator[None]:
        """Count what is done inside as the proof's."""
        began, before = time.perf_counter(), self.problem.reads
        try:
            yield
        finally:
            self.proof_reads += self.problem.reads - before
            self.proof_seconds += time.perf_counter() - began

    def _verdict(self, tol: float) -> Verdict | None:
        """Return None where rounding keeps the proof from succeeding."""
        if self.exhausted or self.relation.locked >= self.rank:
            return Verdict.BLIND
        if self.relation.size < min(self.rank, self.problem.side):
            return Verdict.SEARCHING
        if not self.closed and self._far(tol):
            return Verdict.SEARCHING
        if self._enough(tol):
            return Verdict.PROVED if self.relation.locked == 0 else Verdict.BLIND
        if not self.closed and not self._floor(tol):
            return Verdict.SEARCHING
        return None

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
        return self.excess() <= tol or (hoped <= 0.5 * tol and self._probe(tol))

    def _guess(self) -> float:
        """Guess ‖B(I − VVᵀ)‖²: the first Ritz value after the d-th that is far from converged."""
        theta, C = self.theta, self.relation.C @ self.Z
        rough = np.square(C).sum(axis=0) > 0.1 * np.square(theta)
        rough[: self.rank] = False
        return float(theta[np.argmax(rough)]) if rough.any() else float(theta[-1])

    def _probe(self, tol: float) -> bool:
        """Raise the passes of the probes while h is what limits the proof; then let the space have what they found."""
        if self._patience > 0:
            return False
        probes = Probes.drawn(self.relation.V, self._probe_rng)
        self._patience = _PATIENCE
        self.failure_probability += FAILURE
        for _ in range(_MOST_PASSES):
            probes = probes.extended(self.product_kept)
            self.h = min(self.h, probes.bound(self.bound(), self.norm, self.problem.epsilon))
            if self.excess() <= tol:
                self.forget_images()
                return True
            if not self.excess(min(self.h, probes.top())) <= tol:
                break
        self.take_in(merged(self.relation, *probes.relation()))
        return False

    def _last_probe(self) -> bool:
        """Whether probes were sent out because single precision leaves the proof to this space; once."""
        if self.closed or self._informed or self.problem.dtype == np.float64:
            return False
        self._informed, self._patience = True, 0
        with self._proving():
            self._probe(1.5 * self.excess(min(self.bound(), self._guess())))
        return True

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
        if self._last_probe():
            return Verdict.SEARCHING
        if clear >= self.rank or not lock:
            return Verdict.BLIND
        if clear <= l:
            self.exhausted = True
            return Verdict.BLIND
        if l == 0:
            self.unlocked = self.space()
        self.lock(clear)
        self._patience = 0
        return Verdict.SEARCHING
