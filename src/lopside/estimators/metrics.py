"""How good predictions are on entries held out: their errors, and whether what was wanted was recommended."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.estimators.ratings import pairs
from lopside.ids import as_ids, factorized


def rmse(actual: Any, predicted: Any, weights: Any = None) -> float:
    """Return √(Σ w(predicted − actual)²/Σ w), summed in float64.

    Parameters
    ----------
    actual, predicted : array_like, shape (k,)
    weights : array_like, shape (k,), optional
    """
    return float(np.sqrt(np.average(_missed(actual, predicted) ** 2, weights=weights)))


def mae(actual: Any, predicted: Any, weights: Any = None) -> float:
    """Return Σ w|predicted − actual|/Σ w, summed in float64.

    Parameters
    ----------
    actual, predicted : array_like, shape (k,)
    weights : array_like, shape (k,), optional
    """
    return float(np.average(np.abs(_missed(actual, predicted)), weights=weights))


def _missed(actual: Any, predicted: Any) -> Array:
    return np.subtract(predicted, actual, dtype=np.float64)


class Hits(NamedTuple):
    """Means over the rows that have relevant entries.

    Attributes
    ----------
    precision : float
        Relevant ones among the k recommended, over k.
    recall : float
        The same, over the number of relevant ones.
    ndcg : float
        Σ 1/log₂(1 + place) over them, places counted from 1, over the most that can be [JK02].
    rows : int
        How many rows that are.
    """

    precision: float
    recall: float
    ndcg: float
    rows: int


def hits(recommender: Any, X: Any, y: Any, *, k: int = 10, least: float | None = None) -> Hits:
    """Return how many of the entries held out are among the k columns recommended to their rows, unseen ones only.

    Parameters
    ----------
    recommender : Recommender
        Fitted to other entries.
    X : array_like, list of pairs, or frame, shape (h, 2)
        Ids of rows and columns.
    y : array_like, shape (h,)
        Values.
    k : int
    least : float, optional
        Values from here on are relevant; default: all.

    Returns
    -------
    Hits
        NaN where no row has relevant entries.
    """
    rows, columns = (as_ids(ids) for ids in pairs(X))
    relevant = np.ones(len(rows), np.bool_) if least is None else np.asarray(y) >= least
    if not relevant.any():
        return Hits(np.nan, np.nan, np.nan, 0)
    i, asked = factorized(rows[relevant])
    j, names = factorized(columns[relevant])
    wanted = np.unique(i.astype(np.int64) * len(names) + j)
    found = recommender.recommend(asked.ids, k=k)
    row, column = asked.codes(found.asked), names.codes(found.found)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    hit = (column >= 0) & np.isin(row.astype(np.int64) * len(names) + column, wanted)
    many = np.bincount(wanted // len(names), minlength=len(asked))
    got = np.bincount(row[hit], minlength=len(asked))
    gain = np.bincount(row[hit], 1.0 / np.log2(2.0 + place[hit]), len(asked))
    most = np.cumsum(1.0 / np.log2(2.0 + np.arange(k)))[np.minimum(many, k) - 1]
    return Hits(float(np.mean(got / k)), float(np.mean(got / many)), float(np.mean(gain / most)), len(asked))


def precision_at_k(recommender: Any, X: Any, y: Any, *, k: int = 10, least: float | None = None) -> float:
    """Return `hits(...).precision`: a scorer for scikit-learn's searches."""
    return hits(recommender, X, y, k=k, least=least).precision


def recall_at_k(recommender: Any, X: Any, y: Any, *, k: int = 10, least: float | None = None) -> float:
    """Return `hits(...).recall`: a scorer for scikit-learn's searches."""
    return hits(recommender, X, y, k=k, least=least).recall


def ndcg_at_k(recommender: Any, X: Any, y: Any, *, k: int = 10, least: float | None = None) -> float:
    """Return `hits(...).ndcg`: a scorer for scikit-learn's searches."""
    return hits(recommender, X, y, k=k, least=least).ndcg
