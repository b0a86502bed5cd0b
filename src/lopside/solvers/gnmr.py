"""Gauss–Newton for measurements of a low-rank matrix: a linear least-squares problem for both factors at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import AbilityError, InputError
from lopside.linalg import factored_svd

Variant = Literal["setting", "averaging", "updating"]

_ALPHA = {"setting": 1.0, "averaging": 0.0, "updating": -1.0}

_SHARE, _LOOSEST = 1e-3, 1e-6
"""The inner tolerance is this share of the relative error, and never above that bound."""


class Memory(NamedTuple):
    """What is carried from step to step: a point with balanced factors, XᵀX = YᵀY diagonal."""

    point: Any


@dataclass(frozen=True)
class GNMR:
    """X⁺ = ½(1 − α)X + X̃ and Y⁺ likewise, (X̃, Ỹ) the smallest of all that minimize ‖𝒜(X̃Yᵀ + XỸᵀ − αXYᵀ) − y‖ [ZN22].

    It recovers matrices from few more measurements than they have degrees of freedom, where gradient methods are slow,
    and converges quadratically near an exact answer. After each step X Yᵀ is split anew into balanced factors: else
    "setting" may end in a cycle of two pairs whose products are both wrong.

    Parameters
    ----------
    variant : "setting", "averaging" or "updating"
        α = 1: (X̃, Ỹ) are the new factors, the smallest ones; α = 0; α = −1: they are the smallest change, which needs
        a start near the answer or many measurements.
    inner_steps : int
        Most iterations of LSQR [PS82] in a step, ≥ 1. It starts at 0, and its tolerance falls with the relative error.
        Far from the answer all are used: 1000 recover as often as the 2000 that were published, at half the cost.
    scaled : bool
        Smallest in ‖X̃(YᵀY)^½‖_F² + ‖Ỹ(XᵀX)^½‖_F², which does not depend on how the product is split and makes LSQR fast
        whatever the condition number of A; with False in ‖X̃‖_F² + ‖Ỹ‖_F², as published.
    """

    variant: Variant = "setting"
    inner_steps: int = 1000
    scaled: bool = True
    step_size: ClassVar[None] = None
    order: ClassVar[None] = None

    def __post_init__(self) -> None:
        if self.variant not in _ALPHA:
            raise InputError(f"got variant = {self.variant!r}; expected one of {', '.join(_ALPHA)}")
        if type(self.inner_steps) is not int or self.inner_steps < 1:
            raise InputError(f"got inner_steps = {self.inner_steps!r}; expected an integer ≥ 1")
        if not isinstance(self.scaled, bool | np.bool_):
            raise InputError(f"got scaled = {self.scaled!r}; expected True or False")

    def begin(self, problem: Any, point: Any, step_size: float | None) -> Memory:
        """Return what is carried from the start on: its product, split into balanced factors."""
        if not hasattr(problem, "tangent"):
            raise AbilityError(
                f"got {type(problem).__name__}, which has no tangent; GNMR needs measurements of A: Sensing, or "
                "Completion without fitted biases"
            )
        if problem.ridge:
            raise InputError(
                f"got ridge = {problem.ridge}; GNMR solves for measurements alone. Try ridge=0, or "
                "AlternatingLeastSquares()"
            )
        if problem.norm > 0.0 and not (point.X.any() and point.Y.any()):
            raise InputError(
                "got a start with X₀ = 0 or Y₀ = 0, whose tangent shows one factor only; try starts.Spectral()"
            )
        return Memory(_balanced(problem, point.X, point.Y))

    def step(self, problem: Any, memory: Memory) -> Memory:
        """Return it after one iteration; two reads for each of LSQR's."""
        from scipy.sparse.linalg import lsqr

        point, alpha = memory.point, _ALPHA[self.variant]
        if problem.norm == 0.0:
            return memory
        operator, target = problem.tangent(point)
        old = np.concatenate([point.X.ravel(), point.Y.ravel()])
        kept = 0.5 * (1.0 - alpha)
        if alpha > -1.0:
            target = target + 0.5 * (1.0 + alpha) * operator.matvec(old)
        units = _units(point) if self.scaled else np.ones_like(old)
        tolerance = max(min(_SHARE * point.relative_error, _LOOSEST), 4.0 * float(np.finfo(old.dtype).eps))
        scaled = _with_units(operator, units)
        solved = lsqr(scaled, target, atol=tolerance, btol=tolerance, iter_lim=self.inner_steps)
        X, Y = np.split(kept * old + units * solved[0], [point.X.size])
        return Memory(_balanced(problem, X.reshape(point.X.shape), Y.reshape(point.Y.shape)))


def _balanced(problem: Any, X: Array, Y: Array) -> Any:
    """Return the point at factors of the same product with XᵀX = YᵀY diagonal."""
    U, s, V = factored_svd(X.astype(np.float64, copy=False), Y.astype(np.float64, copy=False))
    return problem.point(U * np.sqrt(s), V * np.sqrt(s))


def _units(point: Any) -> Array:
    """Return for each entry of (X̃, Ỹ) one over the length of the other factor's column that it is multiplied by."""
    parts = []
    for F, gram in ((point.X, point.gram_y), (point.Y, point.gram_x)):
        squares = np.diag(gram)
        # A column that is rounding would be divided by nothing.
        least = len(squares) * np.finfo(F.dtype).eps * squares.max()
        parts.append(np.tile(1.0 / np.sqrt(np.maximum(squares, least)), len(F)))
    return np.concatenate(parts).astype(point.X.dtype)


def _with_units(operator: Any, units: Array) -> Any:
    from scipy.sparse.linalg import LinearOperator

    def forward(z: Array) -> Array:
        return operator.matvec(units * z)

    def back(v: Array) -> Array:
        return units * operator.rmatvec(v)

    make: Any = LinearOperator
    return make(operator.shape, matvec=forward, rmatvec=back, dtype=operator.dtype)
