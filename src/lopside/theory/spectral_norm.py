"""An upper bound on ‖W‖₂ that is as tight as it has to be, from products with W alone.

Let V (n × D) span a search space, θ₁ ≥ … its Ritz values for WᵀW and C what WᵀW leads out of it. With
h ≥ ‖W(I − VVᵀ)‖₂²,

    ‖W‖₂² ≤ λ_max([[Θ, Cᵀ], [C, hI]])   (`leading_energy`, for one singular value),

of second order in C where θ₁ > h. h comes from Gaussian probes (`deflated_norm`) and holds but for their failure
probability; what the probes find joins the space, so that the bound gets tighter until it is good enough [HMT11].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.krylov import merged
from lopside.theory.deflated_norm import FAILURE, Probes
from lopside.theory.growth import Growth
from lopside.theory.leading_energy import SearchSpace, singular_value_bounds
from lopside.threads import one_blas_thread

_WIDTH = 8
_SPACE = 24
"""Blocks beyond the first that the space may hold before it is restarted."""

_MOST_READS = 60
_MOST_PASSES = 18
"""Passes that one set of probes may take."""


class NormBound(NamedTuple):
    """Between which ‖W‖₂ lies; `high` holds but for the failure probability."""

    low: float
    high: float
    failure_probability: float


def norm_bound(
    problem: Any, block: Array, rng: np.random.Generator, enough: Callable[[float, float], bool]
) -> NormBound:
    """Bound ‖W‖₂ from below and above until that is good enough.

    Parameters
    ----------
    problem : Full
        With the matrix W; metered, its `reads` count.
    block : ndarray, shape (side, f)
        Where to start: what is believed to hold the leading singular vectors. Not 0.
    rng : numpy.random.Generator
        Of the probes.
    enough : callable
        Whether a lower and an upper bound will do; if so, then also with a smaller upper one.
    """
    if problem.norm == 0.0:
        return NormBound(0.0, 0.0, 0.0)
    search = _Search(problem, block, rng)
    failure, low, high = 0.0, 0.0, float("inf")

    def better() -> bool:
        # A search that is restarted knows less than before, but what was proved stays proved.
        nonlocal low, high
        found = search.interval()
        low, high = max(low, found[0]), min(high, found[1])
        return enough(low, high)

    while True:
        search.advance()
        if better() or search.closed or problem.reads >= _MOST_READS:
            return NormBound(low, high, failure)
        failure += FAILURE
        done = search.probe(enough)
        if better() or done:
            return NormBound(low, high, failure)


class _Search(Growth):
    """A search space for the largest singular value."""

    def __init__(self, problem: Any, block: Array, rng: np.random.Generator) -> None:
        width = min(_WIDTH, problem.side)
        capacity = block.shape[1] + _SPACE * width
        super().__init__(problem, 1, block, width=width, capacity=capacity, rng=rng.spawn(1)[0])
        self._probe_rng = rng.spawn(1)[0]

    def space(self, h: float) -> SearchSpace:
        error = np.full(len(self.theta), self.rounding)
        return SearchSpace(self.theta, self.relation.C @ self.Z, error, h, self.rounding)

    def bound(self) -> float:
        """Return the best h known: from probes, or the energy that is left."""
        if self.closed:
            return self.rounding
        return min(self.h, max(0.0, self.base - float(self.theta.sum())) + self.rounding)

    def interval(self, h: float | None = None) -> tuple[float, float]:
        """Return bounds on ‖W‖₂, in the unit of W."""
        with one_blas_thread:
            low, high = singular_value_bounds(self.space(self.bound() if h is None else h), 1)[0]
        return float(low) * self.scale, min(float(high), self.norm) * self.scale

    def probe(self, enough: Callable[[float, float], bool]) -> bool:
        """Send out probes; whether they were enough. What they found joins the space."""
        probes = Probes.drawn(self.relation.V, self._probe_rng)
        for _ in range(_MOST_PASSES):
            probes = probes.extended(self.product)
            self.h = min(self.h, probes.bound(self.bound(), self.norm, self.problem.epsilon))
            if enough(*self.interval()):
                return True
            if not enough(*self.interval(min(self.h, probes.top()))):
                break
        self.take_in(merged(self.relation, *probes.relation()))
        return False
