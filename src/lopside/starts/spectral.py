"""Starts that already know the leading directions of A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.errors import InputError
from lopside.linalg import gram, range_basis, squared_singular_values


@dataclass(frozen=True)
class Sketch:
    """X₀ = Q/(√η C) with Q an orthonormal basis of AΦ (zero columns beyond the rank of A), Y₀ = 0.

    The singular values of √η X₀ are all 1/C whatever the condition number of A. With C = 1 one alternating
    step gives X Yᵀ = QQᵀA: the randomized range finder [HMT11, Algorithm 4.1] and its projection.

    Parameters
    ----------
    C : float
        > 0.
    """

    C: float = 1.0

    def __post_init__(self) -> None:
        as_positive(self.C, "C")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀); one read of A."""
        m, n = problem.shape
        Q = range_basis(problem.times(rng.standard_normal((n, rank))))
        return Q / (np.sqrt(step_size) * self.C), np.zeros((n, rank))


@dataclass(frozen=True)
class PowerSketch:
    """X₀ = 0, Y₀ = √σ₁·V/‖V‖ with V = (AᵀA)^a AᵀΦ the best conditioned of several Gaussian draws Φ (m × d) [PSM25].

    Each power takes what Y₀ misses of A down by a factor of about (σ_{d+1}/σ_d)⁴ in squared error, and makes Y₀
    worse conditioned by about κ².

    Parameters
    ----------
    power : int
        a ≥ 0.
    draws : int
        How many Φ are tried, ≥ 1.
    """

    power: int = 0
    draws: int = 20

    def __post_init__(self) -> None:
        for name, value, least in (("power", self.power, 0), ("draws", self.draws, 1)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise InputError(f"got {name} = {value!r}; expected an integer ≥ {least}")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀); a + 1 pairs of products with A, for all draws at once."""
        m, n = problem.shape
        W = rng.standard_normal((m, rank * self.draws))
        if sigma1 == 0.0:
            return np.zeros((m, rank)), np.zeros((n, rank))
        for _ in range(self.power):
            W = problem.times(problem.transpose_times(W)) / sigma1**2
        V = problem.transpose_times(W) / sigma1
        sketches = np.split(V, self.draws, axis=1)
        squared = [squared_singular_values(gram(sketch)) for sketch in sketches]
        best = int(np.argmax([values[-1] / values[0] for values in squared]))
        return np.zeros((m, rank)), np.sqrt(sigma1 / squared[best][0]) * sketches[best]


@dataclass(frozen=True)
class Spectral:
    """X₀ = U_d √Σ_d, Y₀ = V_d √Σ_d from the leading d singular triplets of A: the best answer itself [EY36].

    The baseline that gradient methods are compared with. It computes LAPACK's SVD of A.
    """

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀)."""
        U, s, Vt = problem.leading(rank)
        root = np.sqrt(s)
        return U * root, Vt.T * root
