"""Starts whose X₀ = AΦ lies in the column span of A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.errors import InputError
from lopside.linalg import gram, squared_singular_values


@dataclass(frozen=True)
class Unbalanced:
    """Ward and Kolda's start: X₀ large and inside the column span of A, Y₀ tiny [WK23, Assumption 2].

    X₀ = AΦ₁/(√η √d C σ₁), Y₀ = √η D σ₁ Φ₂/√n with Φ₁, Φ₂ (n × d) standard normal and D = Cν/9.

    Parameters
    ----------
    C : float, optional
        ≥ 1; the theorems ask for 4. A misestimate of σ₁ by a factor c acts as C·c. With None, the least C ≥ 4
        for which this draw has √η‖X₀‖ ≤ 3/4, which is what they need it for: 4 is enough with high probability
        where d is at least about the rank of A, and far too little where it is much smaller.
    nu : float
        ν in (0, 1): how far Y₀ may move f away from ½‖A‖².
    """

    C: float | None = 4.0
    nu: float = 1e-10

    def __post_init__(self) -> None:
        if self.C is not None and as_positive(self.C, "C") < 1.0:
            raise InputError(f"got C = {self.C}; expected C ≥ 1 (the theorems ask for 4)")
        if as_positive(self.nu, "nu") >= 1.0:
            raise InputError(f"got nu = {self.nu}; expected 0 < nu < 1")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀); one read of A."""
        if sigma1 == 0.0:  # A = 0: X₀ = 0 is in its column span and already optimal
            return np.zeros((problem.shape[0], rank)), np.zeros((problem.shape[1], rank))
        n, root = problem.shape[1], np.sqrt(step_size)
        first, second = rng.standard_normal((n, rank)), rng.standard_normal((n, rank))
        X = problem.times(first / (np.sqrt(rank) * sigma1))
        C = max(4.0, 4.0 / 3.0 * _norm(X)) if self.C is None else self.C
        return X / (root * C), (root * C * self.nu / 9.0 * sigma1 / np.sqrt(n)) * second


def _norm(X: Array) -> float:
    return float(np.sqrt(squared_singular_values(gram(X))[0]))


@dataclass(frozen=True)
class ColumnSpan:
    """X₀ = s·AΦ₁/√d, Y₀ = s′·Φ₂/√n with Φ₁, Φ₂ (n × d) standard normal [WK23, Section 6, "ColSpan(A)"].

    With s′ = 0 it is the Nyström start of the scaled methods [LZMH25], and with large s the unbalanced one of
    Nesterov's [XWZWT24].

    Parameters
    ----------
    scale : float
        s > 0; the papers use 1/10, 1, and 50 or more.
    right_scale : float, optional
        s′ ≥ 0; default s. With 0, Y₀ = 0.
    relative : bool
        Divide X₀ by √σ₁(A) and multiply Y₀ by it: the start then belongs to A in any unit.
    """

    scale: float = 0.1
    right_scale: float | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        as_positive(self.scale, "scale")
        if self.right_scale is not None:
            as_positive(self.right_scale, "right_scale", zero=True)
        if not isinstance(self.relative, bool | np.bool_):
            raise InputError(f"got relative = {self.relative!r}; expected True or False")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀); one read of A."""
        n = problem.shape[1]
        right = self.scale if self.right_scale is None else self.right_scale
        unit = np.sqrt(sigma1) if self.relative and sigma1 > 0.0 else 1.0
        first, second = rng.standard_normal((n, rank)), rng.standard_normal((n, rank))
        return problem.times(self.scale / (np.sqrt(rank) * unit) * first), right * unit / np.sqrt(n) * second
