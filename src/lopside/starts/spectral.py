"""Starts that already know the leading directions of A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.linalg import range_basis


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
class Spectral:
    """X₀ = U_d √Σ_d, Y₀ = V_d √Σ_d from the leading d singular triplets of A: the best answer itself [EY36].

    The baseline that gradient methods are compared with. It computes LAPACK's SVD of A.
    """

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀)."""
        U, s, Vt = problem.svd()
        root = np.sqrt(s[:rank])
        return U[:, :rank] * root, Vt[:rank].T * root
