"""Starts whose entries are independent Gaussians, whatever A is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.errors import AbilityError, InputError
from lopside.storage.protocol import elsewhere
from lopside.theory.ye_du import start_scale


def _pair(problem: Any, rank: int, rng: np.random.Generator, left: float, right: float) -> tuple[Array, Array]:
    n = problem.shape[1]
    first, second = drawn(problem, rank, rng), rng.standard_normal((n, rank))
    return left * first, right * second


def drawn(problem: Any, columns: int, rng: np.random.Generator) -> Any:
    """Return a standard normal matrix along the rows of A, where these live, with the numbers NumPy draws here."""
    m = problem.shape[0]
    there = None if getattr(problem, "transposed", False) else elsewhere(getattr(problem, "storage", None))
    return there.drawn(columns, rng) if there else rng.standard_normal((m, columns))


@dataclass(frozen=True)
class Gaussian:
    """X₀ = s·Φ₁/√m, Y₀ = s·Φ₂/√n with standard normal Φ₁ (m × d), Φ₂ (n × d) [WK23, Section 6, "Random"].

    Parameters
    ----------
    scale : float
        s > 0; the paper uses 1/10.
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        as_positive(self.scale, "scale")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀)."""
        m, n = problem.shape
        return _pair(problem, rank, rng, self.scale / np.sqrt(m), self.scale / np.sqrt(n))


@dataclass(frozen=True)
class UnbalancedGaussian:
    """X₀ = s·Φ₁/√(ηm), Y₀ = s√η·Φ₂/√n with standard normal Φ₁, Φ₂ [WK23, Section 6, "Random-Asym"].

    Parameters
    ----------
    scale : float
        s > 0; the paper uses 1/10.
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        as_positive(self.scale, "scale")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀)."""
        m, n = problem.shape
        root = np.sqrt(step_size)
        return _pair(problem, rank, rng, self.scale / (root * np.sqrt(m)), self.scale * root / np.sqrt(n))


@dataclass(frozen=True)
class SmallGaussian:
    """X₀, Y₀ with independent N(0, ρ²) entries [JCD22].

    The principal components are then learned one after another; the smaller ρ, the more cleanly.

    Parameters
    ----------
    scale : float
        ρ > 0, in units of √σ₁(A).
    """

    scale: float = 1e-3

    def __post_init__(self) -> None:
        as_positive(self.scale, "scale")

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀)."""
        return _pair(problem, rank, rng, self.scale, self.scale)


@dataclass(frozen=True)
class YeDu:
    """X₀, Y₀ with independent N(0, ε²) entries, ε = c·σ_d/(√(d^p σ₁)·(m + n)) [YD21, Thm 1.1].

    Parameters
    ----------
    exponent : float
        p: 1 in the conference version, 3 in later ones.
    constant : float
        c > 0, hidden in the source (there also a power of a logarithm).

    Raises
    ------
    InputError
        When called on a matrix of rank below d: the theorem sets d = rank(A).
    AbilityError
        When called on a problem that does not know all of A.
    """

    exponent: float = 1.0
    constant: float = 1.0

    def __post_init__(self) -> None:
        as_positive(self.constant, "constant")
        as_positive(self.exponent, "exponent", zero=True)

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return (X₀, Y₀); the first call on a matrix computes its singular values."""
        if not hasattr(problem, "svd"):
            raise AbilityError(
                f"got {type(problem).__name__}, whose singular values are not known; the Ye–Du scale needs Full(A). "
                "Try SmallGaussian with a scale of your own"
            )
        s = problem.svd()[1]
        if s[rank - 1] <= max(problem.shape) * 2.0**-53 * s[0]:
            raise InputError(
                f"got rank {rank}, but A has numerical rank {int((s > max(problem.shape) * 2.0**-53 * s[0]).sum())}; "
                "the Ye–Du scale needs σ_d(A) > 0. Try a smaller rank, or SmallGaussian with a scale of your own"
            )
        scale = start_scale(
            float(s[0]),
            float(s[rank - 1]),
            rank,
            problem.shape,
            rank_exponent=self.exponent,
            hidden_factor=self.constant,
        )
        return _pair(problem, rank, rng, scale, scale)
