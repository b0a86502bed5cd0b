"""What solvers may ask of a problem, and what a problem asks of a solver's metric."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol, Self

import numpy as np

from lopside.arrays import Array

Order = Literal["alternating", "simultaneous"]


class Coefficients(NamedTuple):
    """Half a step, X⁺ = X·keep + A(Y·inner)·outer, all d × d; `inner` None stands for the identity.

    In the letters of the formulas B = keep and C = inner·outer. Two factors rather than their product, because Y·inner
    is well conditioned where C is not: rounding then grows with the condition number of Y and not with its square.
    """

    keep: Array
    inner: Array | None
    outer: Array


class Metric(Protocol):
    """A d × d rule that turns gradients into steps: all that separates the first-order methods.

    A rule with an attribute `exact` that is true asks for the minimizer over one factor; where entries are missing that
    is one problem for each row. On a fully known matrix half a step is X⁺ = X B + (A Y) C with (B, C) functions of YᵀY,
    where B = I − YᵀY C in closed form.
    """

    def coefficients(self, gram: Array) -> Coefficients:
        """Return B and C, each d × d, for the other factor's Gram matrix."""
        ...

    def step(self, gradient: Array, gram: Array, scales: Array, ridges: Array) -> Array:
        """Return what to subtract from a factor (N × d) whose row i has the Hessian scales_i·gram + ridges_i·I."""
        ...


class Point(Protocol):
    """The problem at one pair (X, Y), with what the next step and the loss need."""

    X: Array
    Y: Array
    gram_x: Array
    gram_y: Array

    @property
    def loss(self) -> float:
        """f(X, Y) = ½‖X Yᵀ − A‖_F²."""
        ...

    @property
    def relative_error(self) -> float:
        """‖X Yᵀ − A‖_F / ‖A‖_F, not squared."""
        ...

    def gradient_norms(self) -> tuple[float, float]:
        """(‖∇_X f‖_F, ‖∇_Y f‖_F)."""
        ...


class Problem(Protocol):
    """A question about an m × n matrix, answered at points (X, Y).

    `reads` counts how often the data were read through this handle; `metered` gives a second handle
    on the same data with its own count. `norm` is ‖A‖_F.

    A problem may also have `stretch(point, step_size, *, order, steps, low, high) -> (Point, list of losses)`: up to
    `steps` plain gradient steps in one call, with the loss after each. It ends after the first step whose loss is at
    most `low`, short of one whose loss is not at most `high`, and may take none.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    norm: float
    reads: int

    def metered(self) -> Self:
        """Return a handle on the same data whose `reads` starts at 0."""
        ...

    def sigma1(self) -> float:
        """Return an estimate of σ₁(A) from below."""
        ...

    def point(self, X: Array, Y: Array) -> Any:
        """Return the `Point` at (X, Y)."""
        ...

    def advance(self, point: Any, x: Metric, y: Metric, *, order: Order, momentum: float = 0.0) -> Any:
        """Return the `Point` after one iteration: X by `x`, Y by `y`, Y at the new X if alternating."""
        ...
