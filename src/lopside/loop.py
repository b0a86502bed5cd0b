"""The loop: a generator of states, in the caller's hands or in a `Run`'s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from lopside.arrays import Array, as_positive, read_only
from lopside.errors import DivergedError, InputError
from lopside.step_sizes import resolve
from lopside.threads import one_blas_thread

_EXPLODED = 1e12
"""A loss this many times above both the first one and ½‖A‖² is called diverged: no method here recovers."""


class State:
    """Where the loop stands: `step` is 0 at the start and k after k iterations.

    Attributes
    ----------
    X, Y : ndarray, shapes (m, d) and (n, d)
        Read-only; a new pair every step.
    loss : float
        f = ½‖X Yᵀ − A‖_F²; computed when first read.
    relative_error : float
        ‖X Yᵀ − A‖_F/‖A‖_F, not squared.
    passes : int
        How often A has been read by the run so far.
    point : Point
        What the problem knows at (X, Y).
    """

    __slots__ = ("_problem", "point", "step")

    def __init__(self, step: int, point: Any, problem: Any) -> None:
        self.step = step
        self.point = point
        self._problem = problem

    @property
    def X(self) -> Array:
        """The left factor, m × d."""
        return handed(self._problem, self.point.X)

    @property
    def Y(self) -> Array:
        """The right factor, n × d."""
        return handed(self._problem, self.point.Y)

    @property
    def loss(self) -> float:
        """F = ½‖X Yᵀ − A‖_F²."""
        return self.point.loss

    @property
    def relative_error(self) -> float:
        """‖X Yᵀ − A‖_F/‖A‖_F, not squared."""
        return self.point.relative_error

    @property
    def passes(self) -> int:
        """How often A has been read by the run so far."""
        return self._problem.reads

    @property
    def scaled_gradient_norm(self) -> float:
        """√(‖∇_X f‖_F² + ‖∇_Y f‖_F²)/‖A‖_F^{3/2}; reads A once."""
        norm = float(np.hypot(*self.point.gradient_norms()))
        # Two divisions: ‖A‖^{3/2} itself leaves the range of float64 near the ends.
        return norm / self._problem.norm / np.sqrt(self._problem.norm) if self._problem.norm else norm

    def __repr__(self) -> str:
        return f"State(step={self.step}, loss={self.loss:.6g})"


def handed(problem: Any, factor: Any) -> Any:
    """Return a factor as the user of the problem holds matrices: a read-only array, or what lives where A does."""
    return problem.handed(factor) if hasattr(problem, "handed") else read_only(factor)


def iterate(problem: Any, solver: Any, X: Any, Y: Any, *, sigma1: float | None = None) -> Iterator[State]:
    """Yield the state at the start and after each iteration, for ever: the loop in the caller's hands.

    Parameters
    ----------
    problem : Problem
        For example `Full(A)`.
    solver : Solver
    X, Y : array_like, shapes (m, d) and (n, d)
        The start; copied.
    sigma1 : float, optional
        σ₁(A), for step sizes that are multiples of 1/σ₁; estimated if needed and not given.

    Yields
    ------
    State

    Raises
    ------
    DivergedError
        When the loss is no longer finite or has grown 1e12-fold; it carries the last factors before that.

    Examples
    --------
    >>> import lopside as lo
    >>> problem = lo.Full([[2.0, 0.0], [0.0, 1.0]])
    >>> states = lo.iterate(problem, lo.solvers.GradientDescent(0.25), [[1.0], [1.0]], [[1.0], [1.0]])
    >>> [round(next(states).loss, 4) for _ in range(3)]
    [1.5, 1.1582, 0.978]
    """
    run = problem.metered()
    point = run.point(X, Y)
    sigma1 = None if sigma1 is None else as_positive(sigma1, "sigma1")
    walk = Walk(run, solver, point, resolve(solver.step_size, run, point.X.shape[1], sigma1))
    while True:
        yield walk.state
        walk.step()


class Walk:
    """The loop itself: the state reached, what the solver carries, and the loss that no run comes back from.

    Parameters
    ----------
    problem : Problem
        Its reads are counted.
    solver : Solver
    point : Point
        The start.
    step_size : float or None
        Resolved.
    """

    def __init__(self, problem: Any, solver: Any, point: Any, step_size: float | None) -> None:
        self.state = State(0, point, problem)
        if not np.isfinite(self.state.loss):
            raise InputError(
                "got a start whose loss overflows; expected finite X Yᵀ − A. Try smaller factors or rescaling A"
            )
        self.limit = min(_EXPLODED * max(self.state.loss, 0.5 * problem.norm**2), float(np.finfo(np.float64).max))
        self._problem, self._solver, self._step_size = problem, solver, step_size
        self._memory = solver.begin(problem, point, step_size)
        self._whole = getattr(solver, "stretch", None)

    @classmethod
    def resumed(cls, problem: Any, solver: Any, step_size: float | None, saved: Mapping[str, Any]) -> Self:
        """Return the loop where `saved` was taken."""
        walk = cls.__new__(cls)
        walk._problem, walk._solver, walk._step_size = problem, solver, step_size
        walk.state = State(saved["step"], saved["point"], problem)
        walk.limit, walk._memory = saved["limit"], saved["memory"]
        walk._whole = getattr(solver, "stretch", None) if saved["whole"] else None
        return walk

    def saved(self) -> dict[str, Any]:
        """Return all that the steps to come depend on."""
        step, point = self.state.step, self.state.point
        return {
            "step": step,
            "point": point,
            "limit": self.limit,
            "memory": self._memory,
            "whole": self._whole is not None,
        }

    def step(self) -> State:
        """Take one step and return the state after it.

        Raises
        ------
        DivergedError
        """
        with one_blas_thread:
            memory = self._solver.step(self._problem, self._memory)
            state = State(self.state.step + 1, memory.point, self._problem)
            if not state.loss <= self.limit:
                raise self._diverged()
        self.state, self._memory = state, memory
        return state

    def stretch(self, steps: int, *, low: float) -> list[float]:
        """Take up to `steps` steps in one call where solver and problem can, and return the loss after each.

        It ends after the first step whose loss is at most `low` and short of one whose loss is beyond the limit; none
        is an answer too, and the last: what could not be done once is not tried again.
        """
        if self._whole is None:
            return []
        with one_blas_thread:
            memory, losses = self._whole(self._problem, self._memory, steps, low=low, high=self.limit)
        if losses:
            self.state = State(self.state.step + len(losses), memory.point, self._problem)
            self._memory = memory
        else:
            self._whole = None
        return losses

    def _diverged(self) -> DivergedError:
        last, order = self.state, self._solver.order
        if order is None:
            with_what = f"with {self._solver}; expected it to fall. Try a smaller step size (a pure number where it "
            with_what += "is scaled by Gram matrices), or a start with Y₀ = 0 and larger X₀"
        else:
            with_what = f"with step size {self._step_size:.6g}; expected it to fall. Try a smaller step, for example "
            with_what += 'step_size="0.5/sigma1"; simultaneous descent cannot settle above 1/σ₁(A)'
        return DivergedError(
            f"the loss left every bound at step {last.step + 1} (it was {last.loss:.3g}, the limit is "
            f"{self.limit:.3g}) {with_what}",
            X=last.X,
            Y=last.Y,
            step=last.step,
        )
