"""Imputers judged by observed entries that are hidden from them, inside scikit-learn's searches.

Two ways, for any imputer that returns the table in its own units:

- `masked_scorer`: the searches split rows as ever; of rows that the fit has not seen, some observed entries are
  hidden, and what they are filled with is compared. This is about rows to come.
- `observed_entries` and `EntryRegressor`: an entry is a sample, so that the searches split entries [W78]. This is about
  the holes of the table at hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from lopside.arrays import Array, as_generator, as_positive
from lopside.errors import InputError, counted
from lopside.estimators.metrics import rmse
from lopside.estimators.versions import validated


class MaskedScorer:
    """Minus the root mean square error on hidden entries; see `masked_scorer`.

    Parameters
    ----------
    share : float
    standardize : bool
    seed : int
    """

    def __init__(self, share: float, standardize: bool, seed: int) -> None:
        if not as_positive(share, "share") < 1.0:
            raise InputError(f"got share = {share}; expected 0 < share < 1")
        as_generator(seed)
        self.share, self.standardize, self.seed = share, standardize, seed

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return −√mean(((filled − actual)/scale)²) over entries of X that are hidden from the estimator.

        Parameters
        ----------
        estimator : imputer
            Fitted.
        X : array_like or frame, shape (m, n)
        y : object
            Not used.

        Raises
        ------
        InputError
            If fewer than two entries are observed, or the estimator drops columns.
        """
        table = _table(X)
        places = np.flatnonzero(~np.isnan(table))
        if len(places) < 2:
            known = counted(len(places), "observed entry", "observed entries")
            raise InputError(f"got {known}; expected two or more, to hide some of them")
        count = min(max(1, round(self.share * len(places))), len(places) - 1)
        hidden = np.zeros(table.shape, np.bool_)
        hidden.flat[as_generator(self.seed).permutation(places)[:count]] = True
        filled = _same_shape(estimator, estimator.transform(_like(X, np.where(hidden, np.nan, table))), table.shape)
        scale = _scale(table) if self.standardize else np.ones(table.shape[1])
        return -rmse((table / scale)[hidden], (filled / scale)[hidden])

    def __repr__(self) -> str:
        return f"masked_scorer({self.share}, standardize={self.standardize}, seed={self.seed})"


def masked_scorer(share: float = 0.2, *, standardize: bool = True, seed: int = 0) -> MaskedScorer:
    """Return a scorer that hides some observed entries of the rows it is given: `scoring` of scikit-learn's searches.

    Parameters
    ----------
    share : float
        Of the observed entries that are hidden, in (0, 1).
    standardize : bool
        Divide errors by the standard deviation of what is observed of their column, so that units do not matter.
    seed : int
        Draws the entries: the same ones for every setting that is tried on the same rows.

    Returns
    -------
    callable
        (estimator, X, y=None) ↦ −√mean(((filled − actual)/scale)²); it can be pickled.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from lopside.estimators.imputer import LowRankImputer
    >>> from lopside.estimators.masked import masked_scorer
    >>> rng = np.random.default_rng(0)
    >>> A = rng.standard_normal((60, 2)) @ rng.standard_normal((2, 8)) + 0.1 * rng.standard_normal((60, 8))
    >>> A[rng.random(A.shape) < 0.2] = np.nan
    >>> search = GridSearchCV(LowRankImputer(ridge=1.0), {"n_components": [1, 2, 8]}, scoring=masked_scorer(), cv=3)
    >>> search.fit(A).best_params_["n_components"]
    2
    """
    return MaskedScorer(share, standardize, seed)


class ObservedEntries(NamedTuple):
    """Entries of a table as samples.

    Attributes
    ----------
    places : ndarray of int64, shape (k, 2)
        Row and column of each.
    values : ndarray, shape (k,)
    """

    places: NDArray[np.int64]
    values: Array


def observed_entries(X: Any) -> ObservedEntries:
    """Return what is known of a table with NaN, for `EntryRegressor` and for `Recommender`.

    Parameters
    ----------
    X : array_like or frame, shape (m, n)
    """
    table = _table(X)
    places = np.argwhere(~np.isnan(table))
    return ObservedEntries(places, table[tuple(places.T)])


class EntryRegressor(RegressorMixin, BaseEstimator):
    """An imputer as a regressor of entries on their places: scikit-learn then splits entries where it splits samples.

    Parameters
    ----------
    imputer : transformer
        Of tables with NaN.
    shape : (m, n)
        Of the table.

    Attributes
    ----------
    imputer_ : transformer
        Fitted to the entries alone.
    filled_ : ndarray, shape (m, n)
        What it made of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from lopside.estimators.imputer import LowRankImputer
    >>> from lopside.estimators.masked import EntryRegressor, observed_entries
    >>> rng = np.random.default_rng(0)
    >>> A = rng.standard_normal((60, 2)) @ rng.standard_normal((2, 8)) + 0.1 * rng.standard_normal((60, 8))
    >>> A[rng.random(A.shape) < 0.2] = np.nan
    >>> search = GridSearchCV(
    ...     EntryRegressor(LowRankImputer(ridge=1.0), A.shape),
    ...     {"imputer__n_components": [1, 2, 8]},
    ...     scoring="neg_root_mean_squared_error",
    ...     cv=KFold(3, shuffle=True, random_state=0),
    ... )
    >>> search.fit(*observed_entries(A)).best_params_["imputer__n_components"]
    2
    """

    def __init__(self, imputer: Any, shape: tuple[int, int]) -> None:
        self.imputer = imputer
        self.shape = shape

    def fit(self, X: Any, y: Any) -> Self:
        """Fill the table in which nothing but these entries is known.

        Parameters
        ----------
        X : array_like of int, shape (k, 2)
            Places.
        y : array_like, shape (k,)
            Values.

        Returns
        -------
        self

        Raises
        ------
        InputError
            For places outside of the table, and if the imputer drops columns.
        """
        i, j = self._places(X)
        table = np.full(self.shape, np.nan)
        table[i, j] = np.asarray(y, np.float64)
        imputer: Any = clone(self.imputer)
        filled = _same_shape(imputer, imputer.fit_transform(table), table.shape)
        self.imputer_, self.filled_ = imputer, filled
        return self

    def predict(self, X: Any) -> Array:
        """Return what the table is filled with at some places.

        Parameters
        ----------
        X : array_like of int, shape (k, 2)

        Returns
        -------
        ndarray, shape (k,)
        """
        check_is_fitted(self)
        return self.filled_[self._places(X)]

    def _places(self, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        places = np.asarray(X)
        if places.ndim != 2 or places.shape[1] != 2 or places.dtype.kind not in "iu":
            raise InputError(f"got places of shape {places.shape} ({places.dtype}); expected integers (k, 2)")
        if ((places < 0) | (places >= np.array(self.shape))).any():
            raise InputError(f"got places outside of a table of shape {self.shape}; expected them counted from 0")
        return places[:, 0], places[:, 1]


def _table(X: Any) -> Array:
    return validated(BaseEstimator(), X, reset=True, sparse=False, finite="allow-nan")


def _like(X: Any, table: Array) -> Any:
    """Return a table as what X is: an array, or a frame with the names of its columns."""
    if isinstance(X, np.ndarray) or not hasattr(X, "columns"):
        return table
    return type(X)(dict(zip(X.columns, table.T, strict=True)))


def _same_shape(imputer: Any, filled: Any, shape: tuple[int, int]) -> Array:
    """Return what an imputer made of a table, less the columns that say what was missing, which it puts last."""
    filled, indicator = np.asarray(filled), getattr(imputer, "indicator_", None)
    if indicator is not None:
        filled = filled[:, : filled.shape[1] - len(indicator.features_)]
    if filled.shape != shape:
        raise InputError(
            f"got a table of shape {filled.shape} from the imputer for one of shape {shape}; expected the same "
            "columns. Try keep_empty_features=True"
        )
    return filled


def _scale(table: Array) -> Array:
    """Return the standard deviations of what is observed, 1 for columns that are constant or empty."""
    known = ~np.isnan(table)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, table, 0.0).sum(axis=0) / count
    deviations = np.sqrt(np.square(np.where(known, table - mean, 0.0)).sum(axis=0) / count)
    return np.where(deviations > 0.0, deviations, 1.0)
