"""Missing values filled in: lopside's imputer and scikit-learn's, on entries that were hidden; error and time."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.bench.tuning import SPLITS, Range, Settings, Space, mean, paired, rmse, split, tune
from lopside.data import digits
from lopside.errors import FileError
from lopside.problems import Completion
from lopside.solve import solve
from lopside.solvers import AlternatingLeastSquares
from lopside.stopping import Stop
from lopside.threads import thread_count

TRIALS = 12
ROUNDS = 3
OURS = "lopside"

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
        "ratio: its time over ours.",
        "The logarithms of Stocks.csv, each column less its mean and divided by its standard deviation.",
    ]
    peers = list(dict.fromkeys(row["method"] for row in rows if row["method"] != OURS))
    yield Table("imputation", "Missing values filled in", _RESULTS, rows, peers, remarks)


def table(name: str) -> Array:
    """Return the table that a case of `HOLES` is about, NaN where it has no value."""
    return digits() if name.startswith("digits") else stocks()


def stocks() -> Array:
    """Return matplotlib's Stocks.csv as standardized logarithms of prices: 525 days × 10, 37 % missing.

    Raises
    ------
    FileError
        If matplotlib was installed without its sample data.
    """
    path = Path(import_module("matplotlib").get_data_path()) / "sample_data" / "Stocks.csv"
    if not path.is_file():
        raise FileError(
            "got a matplotlib without its sample data; expected Stocks.csv in it. Try pip install matplotlib"
        )
    with path.open(encoding="utf-8", newline="") as lines:
        records = [record[1:] for record in csv.reader(line for line in lines if not line.startswith("#"))][1:]
    A = np.log(np.array([[float(value or "nan") for value in record] for record in records]))
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


def _low_rank(A: Array, *, rank: int, share: float) -> Array:
    """Return A with the holes filled from a fit whose ridge is this share of the least that makes it 0."""
    problem = Completion.from_dense(A, bias="both")
    problem = problem.with_ridge(share * problem.largest_ridge())
    solution = solve(problem, AlternatingLeastSquares(), rank=rank, stop=Stop(gap=1e-3, max_steps=50))
    return np.where(np.isnan(A), problem.mean + solution.X @ solution.Y.T, A)


def _iterative(A: Array, *, max_iter: int, n_nearest_features: int) -> Array:
    import_module("sklearn.experimental.enable_iterative_imputer")
    imputer = import_module("sklearn.impute").IterativeImputer(
        max_iter=max_iter, n_nearest_features=n_nearest_features, random_state=0, keep_empty_features=True
    )
    return imputer.fit_transform(A)


def _neighbours(A: Array, *, n_neighbors: int, weights: str) -> Array:
    imputer = import_module("sklearn.impute").KNNImputer(
        n_neighbors=n_neighbors, weights=weights, keep_empty_features=True
    )
    return imputer.fit_transform(A)


def _column_means(A: Array) -> Array:
    return import_module("sklearn.impute").SimpleImputer(keep_empty_features=True).fit_transform(A)


def fillers(columns: int) -> tuple[Filler, ...]:
    """Return ours, and after it those of scikit-learn, with the ranges of their settings for so many columns."""
    neighbours = {"n_neighbors": Range(1, 50, whole=True)}
    most = min(32, columns - 1)
    regressed = {"max_iter": Range(2, 10, whole=True), "n_nearest_features": Range(2, columns - 1, whole=True)}
    return (
        Filler(OURS, _low_rank, {"rank": Range(1, most, whole=True), "share": Range(0.003, 0.3)}),
        Filler("IterativeImputer", _iterative, regressed),
        Filler("KNNImputer", partial(_neighbours, weights="uniform"), neighbours),
        Filler("KNNImputer by distance", partial(_neighbours, weights="distance"), neighbours),
        Filler("SimpleImputer", _column_means, {}),
    )
