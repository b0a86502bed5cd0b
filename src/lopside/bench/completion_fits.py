"""Our completions in the form of the peers', the entries they are compared on, and how they are judged and tuned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from lopside.bench.completion_peers import RIDGES, Entries, Fitted, Method
from lopside.bench.tuning import Range, Settings, Space, Tuned, rmse, split, tune
from lopside.bench.worker import Worker
from lopside.data.power_law import planted_entries
from lopside.data.ratings import movielens
from lopside.problems import Completion
from lopside.problems.penalty import RidgeScaling
from lopside.run import Run
from lopside.solvers import AlternatingLeastSquares
from lopside.stopping import Stop

_SWEEPS = Range(2, 40, whole=True)
_RANK = Range(4, 128, whole=True)


def fitted(
    known: Entries, *, rank: int, ridge: float, steps: int, scaling: RidgeScaling, inner_steps: int | None = None
) -> Fitted:
    """Fit mean, biases and factors by alternating least squares, from the triples on."""
    problem = Completion(
        known.rows, known.cols, known.values, shape=known.shape, ridge=ridge, ridge_scaling=scaling, bias="both"
    )
    stop = Stop(max_steps=steps)
    run = Run(problem, AlternatingLeastSquares(inner_steps=inner_steps), rank=rank, stop=stop, trace_every=10**9)
    for _ in run:
        pass
    X, Y = run.state.X, run.state.Y
    return Fitted(problem.mean, X[:, rank], Y[:, rank + 1], X[:, :rank], Y[:, :rank])


def _space(scaling: str) -> Space:
    return {"rank": _RANK, "ridge": RIDGES["none" if scaling == "none" else "counts"], "steps": _SWEEPS}


_SCALINGS: tuple[RidgeScaling, ...] = ("none", "counts", "smoothed")
OURS = tuple(
    Method(
        f"lopside, {how}, λ × {scaling}",
        "lopside",
        partial(fitted, scaling=scaling, inner_steps=inner),
        _space(scaling),
    )
    for how, inner in (("Cholesky", None), ("CG", 3))
    for scaling in _SCALINGS
)


class Judged(NamedTuple):
    """Training entries and others to judge by, whose values are clipped to the range seen in training."""

    known: Entries
    unseen: Entries

    def error(self, method: Method, settings: Mapping[str, float]) -> float:
        """Return the root-mean-square error of a fit on the unseen entries."""
        return self.of(method.fit(self.known, **settings))

    def of(self, fit: Fitted) -> float:
        """Return that of a fit that is there."""
        low, high = self.known.values.min(), self.known.values.max()
        return rmse(np.clip(fit(self.unseen.rows, self.unseen.cols), low, high), self.unseen.values)


def judged(entries: Entries, seed: int) -> Judged:
    """Hold a tenth of the entries out, drawn by the seed."""
    kept, held = split(len(entries.values), seed)
    return Judged(entries.take(kept), entries.take(held))


def tuned(method: Method, known: Entries, fixed: Settings, trials: int, worker: Worker, limit: float) -> Tuned:
    """Choose the settings on a tenth of the training entries; those in `fixed` are given.

    A trial that takes longer than `limit` seconds has failed.
    """
    inner = judged(known, seed=1000)
    space = dict(method.space) | {name: Range(value, value, whole=name != "ridge") for name, value in fixed.items()}
    return tune(space, lambda settings: worker(inner.error, method, settings, limit=limit), trials)


def ratings() -> Entries:
    """Return MovieLens-100K, ids counted from 0."""
    found = movielens()
    rows, cols = (np.unique(ids, return_inverse=True)[1].astype(np.int32) for ids in (found.users, found.films))
    return Entries(rows, cols, found.ratings.astype(np.float32), (int(rows.max()) + 1, int(cols.max()) + 1))


def planted(entries: int, rank: int) -> Entries:
    """Return planted entries with power-law degrees, 33 a row and 133 a column on average."""
    m, n = max(40, 3 * entries // 100), max(20, 3 * entries // 400)
    found = planted_entries(m, n, rank, entries, rng=7)
    return Entries(found.rows, found.columns, found.values, found.shape)


def written(settings: Settings) -> str:
    """Return settings as text."""
    return ", ".join(f"{name} {value:.3g}" for name, value in settings.items())
