"""Fits for falling ridges, each begun at the one before: from λ_max, where the factors are 0, down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array, as_generator, as_positive, as_rank
from lopside.errors import AbilityError, InputError
from lopside.linalg import factored_svd
from lopside.problems import Completion
from lopside.problems.held_out import Withheld
from lopside.run import Run
from lopside.solution import Solution
from lopside.stopping import Stop

_ALIVE = 1e-3
"""Singular values below this share of the largest count as 0: their columns are begun anew from the residual."""

_FARTHEST = 1e-4
"""The search for the best goes on below the least λ asked for, while that predicts best, to this share of λ_max."""

_ON_THE_WAY = Stop(max_steps=8)
"""For each ridge that is tried, begun at the one before: the error on entries held out hardly moves any more."""

_PATIENCE = 2
"""Ridges in a row that may predict worse than the best before the search for it ends."""

_ENOUGH, _MOST_SPLITS = 1000, 10
"""Entries held out by which a ridge is chosen with confidence; few entries are split again and again for them."""


class OnPath(NamedTuple):
    """A fit for one λ, and the error on entries held out, if there were any: over all splits, the fit to the first."""

    ridge: float
    solution: Solution
    error: float | None


def ridge_path(
    problem: Completion,
    rank: int,
    *,
    ridges: Sequence[float] | None = None,
    count: int = 12,
    least: float = 0.01,
    solver: Any = None,
    stop: Stop | None = None,
    held: Withheld | None = None,
) -> Iterator[OnPath]:
    """Yield the fits for falling λ.

    Each begins at the last one's factors; columns that were 0 there begin at the leading singular vectors of the
    residual whose singular values exceed λ, the directions in which the loss falls.

    Parameters
    ----------
    problem : Completion
        Its own λ is not used.
    rank : int
    ridges : sequence of float, optional
        Falling, > 0. Default: `count` of them, evenly spaced in the logarithm from λ_max to `least`·λ_max.
    count : int
    least : float
        In (0, 1).
    solver : Solver, optional
        Default: alternating least squares.
    stop : Stop, optional
        For each λ; default: 20 steps, or a gap of 1 %.
    held : Withheld, optional
        Entries that each fit is judged by; see `Completion.split`.
    """
    _require_completion(problem)
    d, before = as_rank(rank, problem.shape), None
    levels = _levels(problem, count, least) if ridges is None else _falling(ridges)
    for ridge in levels:
        handle = problem.with_ridge(ridge)
        run = Run(
            handle, solver, start=_begun(handle, d, before), stop=Stop(max_steps=20, gap=1e-2) if stop is None else stop
        )
        for _ in run:
            pass
        solution = run.solution()
        before = solution.X, solution.Y
        yield OnPath(ridge, solution, None if held is None else handle.error(solution, held))


class Choice(NamedTuple):
    """The λ that predicts entries held out best, and what was tried for it."""

    ridge: float
    tried: tuple[OnPath, ...]


def choose_ridge(
    problem: Completion,
    rank: int,
    *,
    share: float = 0.1,
    rng: int | np.random.Generator = 0,
    count: int = 12,
    least: float = 0.01,
    solver: Any = None,
    stop: Stop | None = None,
) -> Choice:
    """Return the λ on the path whose fit to some of the entries predicts the others best.

    Parameters
    ----------
    problem : Completion
    rank : int
    share : float
        Of the entries that are held out, in (0, 1). Where these are fewer than 1000, other splits are drawn, up to ten,
        and the error is that over them all.
    rng : int or numpy.random.Generator
        Draws them.
    count, least, solver, stop
        As for `ridge_path`, but 8 steps for each λ where nothing is said. It ends early where two λ in a row predict
        worse than the best before, and goes on in the same steps, to 1e-4·λ_max at most, while the last predicts best.

    Raises
    ------
    AbilityError
        If the problem is none of completion.
    InputError
        For entries that are fewer than two, or all equal: there is nothing to choose by.

    Examples
    --------
    >>> import numpy as np, lopside as lo
    >>> A = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 2.0]) + 0.1
    >>> problem = lo.Completion.from_dense(A)
    >>> choice = lo.choose_ridge(problem, rank=1, share=0.2)
    >>> choice.ridge < problem.largest_ridge()
    True
    """
    search = ridge_search(problem, rank, share=share, rng=rng, count=count, least=least, solver=solver, stop=stop)
    return best_of(tuple(search))


def ridge_search(
    problem: Completion,
    rank: int,
    *,
    share: float = 0.1,
    rng: int | np.random.Generator = 0,
    count: int = 12,
    least: float = 0.01,
    solver: Any = None,
    stop: Stop | None = None,
) -> Iterator[OnPath]:
    """Yield the fits that `choose_ridge` chooses from, one by one; parameters are the same."""
    _require_completion(problem)
    if problem.entries < 2:
        raise InputError("got one entry, and none to hold out for the choice of a ridge. Try a ridge of your own")
    splits = _splits(problem, share, as_generator(rng))
    asked = _levels(splits[0][0], count, least)
    ratio = asked[-1] / asked[-2] if count > 1 else least
    further = int(np.log(min(1.0, _FARTHEST / least)) / np.log(ratio))
    ridges = [*asked, *(asked[-1] * ratio**k for k in range(1, further + 1))]
    tried: list[OnPath] = []
    stop = _ON_THE_WAY if stop is None else stop
    paths = [ridge_path(kept, rank, ridges=ridges, solver=solver, stop=stop, held=held) for kept, held in splits]
    for fits in zip(*paths, strict=True):
        error = float(np.sqrt(np.mean([_error(fit) ** 2 for fit in fits])))
        tried.append(fits[0]._replace(error=error))
        yield tried[-1]
        since = len(tried) - 1 - tried.index(min(tried, key=_error))
        if since >= _PATIENCE or (since and len(tried) >= count):
            return


def _splits(problem: Completion, share: float, rng: np.random.Generator) -> list[tuple[Completion, Withheld]]:
    splits = [problem.split(share, rng)]
    asked = -(-_ENOUGH // len(splits[0][1].values))
    more = (problem.split(share, rng) for _ in range(1, min(asked, _MOST_SPLITS)))
    return splits + [(kept, held) for kept, held in more if kept.largest_ridge() > 0.0]


def best_of(tried: tuple[OnPath, ...]) -> Choice:
    """Return the choice among fits of which there is at least one."""
    return Choice(min(tried, key=_error).ridge, tried)


def _error(fit: OnPath) -> float:
    return np.inf if fit.error is None else fit.error


def _require_completion(problem: Any) -> None:
    if not isinstance(problem, Completion):
        raise AbilityError(f"got {type(problem).__name__}; ridges are chosen for a lopside.Completion")


def _levels(problem: Completion, count: int, least: float) -> list[float]:
    if count < 1 or int(count) != count or not 0.0 < least < 1.0:
        raise InputError(f"got count = {count} and least = {least}; expected an integer ≥ 1 and a share in (0, 1)")
    top = problem.largest_ridge()
    if top == 0.0:
        raise InputError(
            "got entries that all equal the mean, which every ridge fits; expected some that differ. Try one"
        )
    return [top * least ** (k / count) for k in range(1, count + 1)]


def _falling(ridges: Sequence[float]) -> list[float]:
    levels = [as_positive(ridge, "ridges") for ridge in ridges]
    if not levels or any(b >= a for a, b in zip(levels, levels[1:], strict=False)):
        raise InputError(f"got ridges {levels}; expected at least one, and each below the one before")
    return levels


def _begun(problem: Completion, rank: int, before: tuple[Array, Array] | None) -> tuple[Array, Array]:
    """Return the factors before, balanced, with columns that were 0 replaced by directions in which the loss falls."""
    if before is None:
        U, s, Vt = problem.leading(rank)
        return U * np.sqrt(s), Vt.T * np.sqrt(s)
    point = problem.located(*before)
    d = point.layout.shared
    U, s, V = factored_svd(point.X[:, :d], point.Y[:, :d])
    alive = int(np.count_nonzero(s > _ALIVE * s.max(initial=0.0)))
    left, right = U[:, :alive] * np.sqrt(s[:alive]), V[:, :alive] * np.sqrt(s[:alive])
    if alive < d:
        U, s, Vt = problem.residual(point.X, point.Y).triplets(d - alive)
        root = np.sqrt(np.maximum(s - problem.ridges("x").mean(), _ALIVE * s))
        left, right = np.hstack([left, U * root]), np.hstack([right, Vt.T * root])
    return np.hstack([left, point.X[:, d:]]), np.hstack([right, point.Y[:, d:]])
