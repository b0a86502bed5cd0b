"""Block Krylov: the best fit in a growing space of all that products with A have shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import AbilityError, InputError
from lopside.linalg import frobenius, tall_times
from lopside.theory.search import Search, Verdict
from lopside.theory.two_sided import decomposed, gauged, sides

WIDTH = 16
"""Columns in a read of A, unless told otherwise: fewer waste it, and more cost as much again per column."""

_SEED = 0xB10C
"""Of fresh directions and probes; the start is the caller's."""


@dataclass(frozen=True)
class BlockKrylov:
    """X Yᵀ = A V_d V_dᵀ with V_d the leading Ritz vectors of AᵀA in a block Krylov space [HMT11, Sec. 4.5].

    One step is one read of A, for a product of AᵀA with a block, orthogonalized twice against the whole basis. The
    residuals of the Ritz vectors, and with them the distance to the best fit, are known at each step
    (`Stop(excess=1e-6)`). Orientation is the problem's: where it holds Aᵀ, the roles of X and Y are exchanged. Not a
    gradient method: no theorem on its rate is claimed.

    Parameters
    ----------
    block : int, optional
        Columns per read of A, ≥ 1; default 16.
    basis : int, optional
        Columns of the basis at which it is restarted from its leading Ritz vectors; at least d + 4 `block`, and by
        default 2d + 24 `block`. Memory is 8 · side · basis bytes.
    """

    block: int | None = None
    basis: int | None = None
    order: ClassVar[None] = None
    step_size: ClassVar[None] = None

    def __post_init__(self) -> None:
        for name, value in (("block", self.block), ("basis", self.basis)):
            if value is not None and (type(value) is not int or value < 1):
                raise InputError(f"got {name} = {value!r}; expected an integer ≥ 1 or None")

    def begin(self, problem: Any, point: Any, step_size: float | None) -> Memory:
        """Return the search from a point: its factor on B's side if that is not 0, else Bᵀ times the other."""
        if not hasattr(problem, "gram"):
            raise AbilityError(f"got {type(problem).__name__}, which has no gram; BlockKrylov needs Full(A)")
        width = min(WIDTH if self.block is None else self.block, problem.side)
        rank = point.X.shape[1]
        if problem.norm == 0.0:
            return Memory(None, point)
        search = Search(
            problem,
            rank,
            start_block(point, width),
            width=width,
            capacity=capacity(rank, width, self.basis),
            rng=np.random.default_rng(_SEED),
        )
        return Memory(search, point)

    def step(self, problem: Any, memory: Memory) -> Memory:
        """Return the search after one more read of A."""
        if memory.search is None:
            return memory
        search = memory.search.copy()
        search.advance()
        return Memory(search, RitzPoint(problem, search))


class Memory(NamedTuple):
    """The search, None for A = 0, and its best fit."""

    search: Search | None
    point: Any


def capacity(rank: int, width: int, basis: int | None = None) -> int:
    """Return the columns of the basis at which it is restarted."""
    return max(2 * rank + 24 * width if basis is None else basis, rank + 4 * width)


def start_block(point: Any, width: int) -> Array:
    """Return where to start from a point: the span of a factor, or `width` columns of the product with the other."""
    side, probe = (M.astype(np.float64) for M in (point.side, point.probe[:, :width]))
    if side.any():
        return side / np.abs(side).max()
    block = np.random.default_rng(_SEED).standard_normal((len(side), width))
    if probe.any():
        block[:, : probe.shape[1]] = probe / np.abs(probe).max()
    return block


class RitzPoint:
    """The best fit in a search space, X = U diag(s) and Y orthonormal; the factors are formed when first asked for.

    Parameters
    ----------
    problem : Full
        As metered by the run.
    search : Search
    """

    def __init__(self, problem: Any, search: Search) -> None:
        self.problem = problem
        self.search = search
        self._fit = search.copy()  # the search may find more before it goes on

    def verdict(self, tol: float) -> Verdict:
        """Say whether the fit is proved to be within 1 + tol of the best; may read A."""
        return self.search.settled(tol)

    @cached_property
    def _factors(self) -> tuple[Array, Array]:
        V = self._fit.leading(min(self._fit.rank, len(self._fit.theta)))
        rows = sides(self.problem)[0](V)
        U, s, Z = decomposed(rows)
        X, Y = gauged(U, s, tall_times(V, Z), self.problem.transposed)
        missing = self._fit.rank - len(s)
        if missing:  # the space is still too small
            X, Y = (tall_times(F, np.eye(len(s), self._fit.rank)) for F in (X, Y))
        return X.astype(self.problem.dtype, copy=False), Y.astype(self.problem.dtype, copy=False)

    @property
    def X(self) -> Array:
        """The left factor, m × d."""
        return self._factors[0]

    @property
    def Y(self) -> Array:
        """The right factor, n × d."""
        return self._factors[1]

    @cached_property
    def _energies(self) -> Array:
        fit = self._fit
        theta = np.zeros(fit.rank)
        theta[: len(fit.theta)] = fit.theta[: fit.rank]
        return np.maximum(theta, 0.0) * fit.scale * fit.scale

    @property
    def gram_x(self) -> Array:
        """XᵀX in float64: the Ritz values."""
        return np.diag(self._energies)

    @property
    def gram_y(self) -> Array:
        """YᵀY in float64."""
        return np.diag((np.arange(self._fit.rank) < len(self._fit.theta)).astype(np.float64))

    @cached_property
    def loss(self) -> float:
        """F = ½‖A − A V_d V_dᵀ‖_F²: no read of A, unless the difference ‖A‖² − Σθ is close to its rounding."""
        known = self.problem.norm**2
        loss = 0.5 * (known - float(self._energies.sum()))
        if loss > self.problem.trust * known:
            return loss
        return 0.5 * self.residual_norm * self.residual_norm

    @cached_property
    def residual_norm(self) -> float:
        """‖X Yᵀ − A‖_F from the residual itself; two reads of A."""
        return self.problem.residual_norm(self.X, self.Y)

    @property
    def relative_error(self) -> float:
        """‖X Yᵀ − A‖_F/‖A‖_F, not squared."""
        loss = self.loss
        missed = self.residual_norm if "residual_norm" in self.__dict__ else math.sqrt(2.0 * loss)
        return missed / self.problem.norm

    def gradient_norms(self) -> tuple[float, float]:
        """Return those of X and Y: on B's side the residuals of the Ritz vectors, on the other side 0."""
        fit = self._fit
        residuals = fit.relation.C @ fit.Z[:, : fit.rank] * fit.scale
        if not self.problem.transposed:
            return 0.0, frobenius(residuals) * fit.scale
        # X is on B's side, and carries the singular values.
        s = np.sqrt(np.maximum(fit.theta[: fit.rank], np.finfo(np.float64).tiny))
        return frobenius(residuals / s), 0.0
