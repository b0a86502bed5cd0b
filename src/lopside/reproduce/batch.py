"""Many runs of gradient descent on one matrix at once, in the textbook form that the papers print.

All runs share the matrix, the number of columns and the step size; the residual is formed in every step, so the
errors are right at any size. `lopside.solve` arranges the same iteration so that large matrices are read once;
here the matrices are tiny, and one stack of runs costs little more than one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lopside.arrays import Array
from lopside.linalg import frobenius
from lopside.problems.protocol import Order
from lopside.threads import one_blas_thread

_EXPLODED = 1e6
"""A relative error above this, from starts near 1, is called diverged; the same limit as in `lopside.solve`."""

_IN_CACHE = 50_000
"""How many numbers the residuals of one stack may have."""


@dataclass
class Track:
    """What is kept of one run.

    Attributes
    ----------
    steps, relative_errors : list
        At the steps of `grid` and at the last step; ‖X Yᵀ − A‖_F/‖A‖_F, not squared.
    reached : int or None
        The first step whose relative error is at most the tolerance.
    diverged : bool
    factors : (ndarray, ndarray)
        X and Y at the last step; not to be used if the run diverged.
    """

    steps: list[int] = field(default_factory=list)
    relative_errors: list[float] = field(default_factory=list)
    reached: int | None = None
    diverged: bool = False
    factors: tuple[Array, Array] = (np.empty(0), np.empty(0))


def grid(max_steps: int) -> list[int]:
    """Return the steps at which a curve is kept: every step at first, then 5 % apart, and the last.

    >>> grid(50)[-5:]
    [42, 44, 46, 48, 50]
    """
    steps = [0]
    while steps[-1] < max_steps:
        steps.append(min(max_steps, max(steps[-1] + 1, round(1.05 * steps[-1]))))
    return steps


def shrink(U: Array, sigma: Array, V: Array, X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """Rotate A = U diag(σ) Vᵀ and factors into the few directions that gradient steps ever use.

    Every X_t has its columns in span[U, X₀] and every Y_t in span[V, Y₀], so in orthonormal bases of these the
    whole trajectory is one of (r + d)-rowed factors, with the same errors, norms and singular values.

    Parameters
    ----------
    U, sigma, V : ndarray, shapes (m, r), (r,) and (n, r)
    X, Y : ndarray, shapes (m, d) and (n, d)

    Returns
    -------
    A, X, Y : ndarray, shapes (r + d, r + d), (r + d, d) and (r + d, d)
    """
    r, d = len(sigma), X.shape[1]
    small = np.zeros((r + d, r + d))
    small[range(r), range(r)] = sigma
    return small, _rotate(U, X), _rotate(V, Y)


def _rotate(basis: Array, factor: Array) -> Array:
    with one_blas_thread:
        inside = basis.T @ factor
        return np.vstack([inside, np.linalg.qr(factor - basis @ inside, mode="r")])


def descend(
    A: Array,
    starts: Sequence[tuple[Array, Array]],
    step_size: float,
    order: Order,
    *,
    max_steps: int,
    tolerance: float,
    floor: float,
) -> list[Track]:
    """Run gradient descent from every start until its relative error is at most `floor`, or `max_steps`.

    X⁺ = X − η(XYᵀ − A)Y, then Y⁺ = Y − η(X̂Yᵀ − A)ᵀX̂ with X̂ = X⁺ if alternating [WK23, (A1a), (A1b)], X if
    simultaneous.

    Parameters
    ----------
    A : ndarray, shape (m, n)
    starts : sequence of (ndarray, ndarray), shapes (m, d) and (n, d)
    step_size : float
        η > 0.
    order : "alternating" or "simultaneous"
    max_steps : int
    tolerance : float
        What `Track.reached` counts.
    floor : float
        ≤ tolerance; looked at on the steps of `grid` only.

    Returns
    -------
    list of Track
        One for each start, in order.
    """
    tracks = [Track() for _ in starts]
    size = max(1, _IN_CACHE // A.size)
    for first in range(0, len(starts), size):
        part = slice(first, first + size)
        _descend(A, starts[part], tracks[part], step_size, order, max_steps, tolerance, floor)
    return tracks


def _descend(
    A: Array,
    starts: Sequence[tuple[Array, Array]],
    tracks: list[Track],
    step_size: float,
    order: Order,
    max_steps: int,
    tolerance: float,
    floor: float,
) -> None:
    X, Y = (np.stack(factors) for factors in zip(*starts, strict=True))
    running, norm, kept = tracks, frobenius(A), set(grid(max_steps))
    # Squares, so that the common step, in which nothing is noted, costs two comparisons.
    least, most = (tolerance * norm) ** 2, (_EXPLODED * norm) ** 2
    with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
        for step in range(max_steps + 1):
            E = X @ Y.transpose(0, 2, 1)
            E -= A
            squares = np.einsum("bij,bij->b", E, E)
            if step in kept or not squares.max() <= most or squares.min() <= least:
                errors = np.sqrt(squares) / norm
                ended = ~(errors <= _EXPLODED) | (step == max_steps)
                if step in kept:
                    ended |= errors <= floor
                _note(running, step, errors, ended, tolerance, keep=step in kept)
                for i in np.flatnonzero(ended):
                    running[i].factors = X[i], Y[i]
                running = [track for track, done in zip(running, ended, strict=True) if not done]
                X, Y, E = X[~ended], Y[~ended], E[~ended]
                if not running:
                    break
            X_new = X - step_size * (E @ Y)
            seen = X
            if order == "alternating":
                seen = X_new
                E = X_new @ Y.transpose(0, 2, 1)
                E -= A
            X, Y = X_new, Y - step_size * (E.transpose(0, 2, 1) @ seen)


def _note(running: list[Track], step: int, errors: Array, ended: Array, tolerance: float, *, keep: bool) -> None:
    for track, error, done in zip(running, errors.tolist(), ended.tolist(), strict=True):
        if not error <= _EXPLODED:
            track.diverged = True
            continue
        if error <= tolerance and track.reached is None:
            track.reached = step
        if keep or done:
            track.steps.append(step)
            track.relative_errors.append(error)
