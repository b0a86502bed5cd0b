"""Missing values filled in: lopside's imputer and scikit-learn's, on entries that were hidden; error and time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.bench.tuning import SPLITS, Range, Settings, Space, mean, paired, rmse, split, tune
from lopside.data import digits, stocks
from lopside.estimators import LowRankImputer
from lopside.threads import thread_count

TRIALS = 12
ROUNDS = 3
OURS = "lopside"
_AS_IT_COMES = "as it comes"

HOLES = {"digits, 30 % hidden": 0.3, "digits, 60 % hidden": 0.6, "Stocks.csv, 10 % hidden": 0.1}
"""What is imputed, and the share of its known entries that is hidden."""

_QUICK = {"digits, 30 % hidden": 0.3}
_INNER = 0.1
"""The share of what remains that is hidden once more, for the choice of the settings."""

_RESULTS = (
    Column("table", "table"),
    Column("method", "method"),
    Column("error", "hidden RMSE", ".4f"),
    Column("difference", "less ours", "+.4f"),
    Column("seconds", "s", ".4f"),
    Column("ratio", "ratio", ".1f"),
    Column("tried", "trials", "d"),
    Column("tuning", "s for all", ".1f"),
    Column("settings", "settings on the first split"),
)


@dataclass(frozen=True)
class Filler:
    """A way to fill in missing values.

    Attributes
    ----------
    name : str
    fill : callable
        (A with NaN, *, one keyword for each setting) ↦ A without.
    space : mapping of str to Range
        Empty where there is nothing to choose: it is then tried once.
    """

    name: str
    fill: Callable[..., Array]
    space: Space


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield one table: errors on hidden entries and seconds of every imputer.

    Parameters
    ----------
    quick : bool
        One case, two splits, four trials.
    say : callable
        Is told what is being measured.
    """
    from threadpoolctl import threadpool_limits

    rows: list[dict[str, Any]] = []
    splits, trials, rounds = (2, 4, 1) if quick else (SPLITS, TRIALS, ROUNDS)
    with threadpool_limits(thread_count(), user_api="blas"):
        for name, held in (_QUICK if quick else HOLES).items():
            rows += compare(name, table(name), held, splits=splits, trials=trials, rounds=rounds, say=say)
    remarks = [
        f"Means of {splits} random choices of what is hidden, with standard errors; less ours: on the same choices.",
        f"Settings from {trials} trials for each method, on a tenth of the remaining entries.",
        f"{_AS_IT_COMES}: nothing chosen, the library's own defaults; ours then chooses its ridge within the fit.",
        "ratio: its time over ours with chosen settings.",
        "The logarithms of Stocks.csv, each column less its mean and divided by its standard deviation.",
    ]
    peers = list(dict.fromkeys(row["method"] for row in rows if not row["method"].startswith(OURS)))
    yield Table("imputation", "Missing values filled in", _RESULTS, rows, peers, remarks)


def table(name: str) -> Array:
    """Return the table that a case of `HOLES` is about, NaN where it has no value."""
    return digits() if name.startswith("digits") else standardized()


def standardized() -> Array:
    """Return the logarithms of `lopside.data.stocks`, each column less its mean and divided by its deviation."""
    A = np.log(stocks().prices)
    return (A - np.nanmean(A, axis=0)) / np.nanstd(A, axis=0)


def hide(A: Array, share: float, seed: int) -> tuple[Array, NDArray[np.bool_]]:
    """Return a copy of A with a share of its known entries replaced by NaN, and True where these are."""
    known = np.flatnonzero(~np.isnan(A))
    hidden = np.zeros(A.shape, dtype=np.bool_)
    hidden.flat[known[split(len(known), seed, share)[1]]] = True
    return np.where(hidden, np.nan, A), hidden


def compare(
    name: str, A: Array, held: float, *, splits: int, trials: int, rounds: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Return one row for each filler.

    Parameters
    ----------
    name : str
    A : ndarray
    held : float
        Share of the known entries that is hidden for the test.
    splits, trials, rounds : int
    say : callable
    """
    methods = fillers(A.shape[1])
    errors: dict[str, list[float]] = {filler.name: [] for filler in methods}
    chosen: dict[str, Settings] = {}
    seconds: dict[str, float] = dict.fromkeys(errors, 0.0)
    for seed in range(splits):
        holed, hidden = hide(A, held, seed)
        for filler in methods:
            inner = partial(_inner_error, filler, holed, splits + seed)
            tuned = tune(filler.space, inner, trials if filler.space else 1)
            filled = _quietly(filler, holed, tuned.best.settings)
            errors[filler.name].append(rmse(filled[hidden], A[hidden]))
            chosen.setdefault(filler.name, tuned.best.settings)
            seconds[filler.name] += tuned.seconds
        say(f"imputation: {name}, split {seed + 1} of {splits}")
    holed = hide(A, held, 0)[0]
    timings = interleave({f.name: partial(_quietly, f, holed, chosen[f.name]) for f in methods}, rounds)
    rows = []
    for filler in methods:
        timing = timings[filler.name]
        row = {"table": name, "method": filler.name, "error": mean(errors[filler.name]), "seconds": timing.median}
        row |= {"tried": splits * (trials if filler.space else 1), "tuning": seconds[filler.name]}
        if filler.name != OURS:
            row |= {"difference": paired(errors[filler.name], errors[OURS]), "ratio": timing.ratio(timings[OURS])}
        rows.append(row | {"settings": _told(chosen[filler.name])})
    return rows


def _inner_error(filler: Filler, holed: Array, seed: int, settings: Settings) -> float:
    """Return the error on entries hidden once more, none of them of the test."""
    fewer, hidden = hide(holed, _INNER, seed)
    return rmse(_quietly(filler, fewer, settings)[hidden], holed[hidden])


def _quietly(filler: Filler, holed: Array, settings: Settings) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of iterations that were not enough: the error is measured anyway
        return filler.fill(holed, **settings)


def _told(settings: Settings) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in settings.items()) or "none"


def _low_rank(A: Array, *, rank: int, ridge: float) -> Array:
    return LowRankImputer(rank, ridge=ridge).fit_transform(A)


def _low_rank_alone(A: Array) -> Array:
    return LowRankImputer().fit_transform(A)


def _iterative(A: Array, *, max_iter: int = 10, n_nearest_features: int | None = None) -> Array:
    import_module("sklearn.experimental.enable_iterative_imputer")
    imputer = import_module("sklearn.impute").IterativeImputer(
        max_iter=max_iter, n_nearest_features=n_nearest_features, random_state=0, keep_empty_features=True
    )
    return imputer.fit_transform(A)


def _neighbours(A: Array, *, n_neighbors: int = 5, weights: str = "uniform") -> Array:
    imputer = import_module("sklearn.impute").KNNImputer
    return imputer(n_neighbors=n_neighbors, weights=weights, keep_empty_features=True).fit_transform(A)


def _column_means(A: Array) -> Array:
    return import_module("sklearn.impute").SimpleImputer(keep_empty_features=True).fit_transform(A)


def fillers(columns: int) -> tuple[Filler, ...]:
    """Return ours, and after it those of scikit-learn, with the ranges of their settings for so many columns."""
    neighbours = {"n_neighbors": Range(1, 50, whole=True)}
    regressed = {"max_iter": Range(2, 10, whole=True), "n_nearest_features": Range(2, columns - 1, whole=True)}
    return (
        Filler(OURS, _low_rank, {"rank": Range(2, min(64, columns - 1), whole=True), "ridge": Range(0.1, 30.0)}),
        Filler("IterativeImputer", _iterative, regressed),
        Filler("KNNImputer", _neighbours, neighbours),
        Filler("KNNImputer by distance", partial(_neighbours, weights="distance"), neighbours),
        Filler(f"{OURS}, {_AS_IT_COMES}", _low_rank_alone, {}),
        Filler(f"IterativeImputer, {_AS_IT_COMES}", _iterative, {}),
        Filler(f"KNNImputer, {_AS_IT_COMES}", _neighbours, {}),
        Filler("SimpleImputer", _column_means, {}),
    )
