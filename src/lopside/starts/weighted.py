"""A start for weighted entries that takes the weights into account before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.errors import AbilityError, InputError


@dataclass(frozen=True)
class WoodruffYasuda:
    """X₀Y₀ᵀ ≈ W^∘⁻¹ ∘ (W∘A)_{ρd} with W = √w, cut to rank d and scaled to fit the entries best [WY24].

    (W∘A)_{ρd} is the best approximation of rank ρd. Where W has rank ρ, W∘B has rank ≤ ρd for every B of rank d, so
    what is divided by W again is at least as near to A, weighted, as any matrix of rank d (times 1 + ε for an inexact
    approximation). That holds before the cut, for a table without holes.

    Parameters
    ----------
    weight_rank : int
        ρ ≥ 1, that of the matrix of √w; 1 where weights are products of one for the row and one for the column.
    """

    weight_rank: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.weight_rank, bool) or not isinstance(self.weight_rank, int) or self.weight_rank < 1:
            raise InputError(f"got weight_rank = {self.weight_rank!r}; expected an integer ≥ 1")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀), balanced.

        Raises
        ------
        AbilityError
            For a problem without weighted entries.
        """
        if not hasattr(problem, "weighted_leading"):
            raise AbilityError(
                f"got {type(problem).__name__}, which has no weights of entries; WoodruffYasuda needs Completion. "
                "Try starts.Spectral()"
            )
        U, s, Vt = problem.weighted_leading(rank, self.weight_rank)
        root = np.sqrt(s)
        return U * root, Vt.T * root
