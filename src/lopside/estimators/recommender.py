"""`Recommender`: ratings that are not known, what to recommend, and what is alike, from ratings that are."""

from __future__ import annotations

import copy
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.estimators.completing import Completing
from lopside.estimators.leading import Ranked, leading
from lopside.estimators.ratings import Triples, pairs, stated, triples
from lopside.estimators.versions import Progress, with_callbacks
from lopside.ids import Ids, factorized
from lopside.observations import as_observations
from lopside.problems.prediction import Cold


class Recommender(RegressorMixin, Completing):
    """a_ij ≈ μ + b_i + c_j + x_i·y_j, fitted to known entries with a ridge; rows are users, say, and columns films.

    It minimizes ½ Σ w_ij(μ + b_i + c_j + x_i·y_j − a_ij)² + ½ λ Σ s_i(‖x_i‖² + ρ b_i²) + ½ λ Σ t_j(‖y_j‖² + ρ c_j²).

    Entries come as pairs of ids with values, `fit(pairs, values)`, which cross-validation and searches of scikit-learn
    split as they do samples; or as a matrix, `fit(matrix)`, whose places then are the ids.

    Parameters
    ----------
    n_components : int, optional
        d, from 1 to the lesser number of rows and of columns. Default: 16 or that.
    ridge : float or "auto"
        λ ≥ 0; "auto" chooses the one that predicts some entries best which are held out.
    ridge_scaling : "none", "counts" or "smoothed"
        s_i and t_j as for `lopside.Completion`.
    bias : "none", "mean", "rows", "columns" or "both"
        Which of μ, b and c are fitted.
    bias_ridge_ratio : float
        ρ > 0.
    duplicates : "error", "mean" or "last"
        For several values at one place.
    cold : "mean", "raise" or "nan"
        For ids that were not there in `fit`: what is known without them, an error, or NaN.
    clip : (low, high), "observed" or None
        Bounds of what is predicted; "observed" stands for the least and the largest value of the fit.
    tol : float
        > 0: the fit ends with √(‖∇_X F‖² + ‖∇_Y F‖²) ≤ tol·‖a − μ‖^{3/2} …
    gap : float, optional
        … or in place of this where F is proved to be within this share of itself of the least possible at any rank.
    max_iter : int
    validation_fraction : float
        Share of the entries that is held out to choose λ.
    random_state : int, RandomState, Generator or None
        Draws these; None draws a seed from NumPy's global state.

    Attributes
    ----------
    row_ids_, column_ids_ : ndarray, shapes (m,) and (n,)
        Sorted.
    row_factors_, column_factors_ : ndarray, shapes (m, d) and (n, d)
        X and Y, in the precision of the values.
    row_biases_, column_biases_ : ndarray, shapes (m,) and (n,)
        b and c, 0 where none are fitted.
    mean_, ridge_ : float
        μ and λ.
    ridge_path_ : ndarray, shape (k, 2)
        λ as tried, and the error of each on the entries held out; only with "auto".
    n_components_, n_iter_ : int
    certificate_ : Certificate
        About F; of entries that are not known it says nothing.
    trace_ : Trace

    Examples
    --------
    >>> from lopside.estimators.recommender import Recommender
    >>> seen = [("ada", "Alien"), ("ada", "Brazil"), ("bob", "Alien"), ("bob", "Casablanca"), ("eve", "Brazil")]
    >>> fitted = Recommender(1, ridge=0.1).fit(seen, [5, 4, 4, 2, 5])
    >>> fitted.recommend(["eve"], k=1).found.tolist()
    ['Alien']
    >>> fitted.predict([("ada", "Casablanca"), ("zoe", "Alien")]).round(1).tolist()
    [2.5, 4.5]
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        ridge: Any = "auto",
        ridge_scaling: Any = "smoothed",
        bias: Any = "both",
        bias_ridge_ratio: float = 1.0,
        duplicates: Any = "error",
        cold: Cold = "mean",
        clip: Any = None,
        tol: float = 1e-3,
        gap: float | None = None,
        max_iter: int = 300,
        validation_fraction: float = 0.1,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.ridge = ridge
        self.ridge_scaling = ridge_scaling
        self.bias = bias
        self.bias_ridge_ratio = bias_ridge_ratio
        self.duplicates = duplicates
        self.cold = cold
        self.clip = clip
        self.tol = tol
        self.gap = gap
        self.max_iter = max_iter
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to known entries.

        Parameters
        ----------
        X : array_like, list of pairs, or frame, shape (k, 2)
            Ids of row and column of each entry: text, whole numbers, dates.
            Or, without y, a sparse matrix whose stored entries are known, or an array with NaN for what is not.
        y : array_like, shape (k,), optional
            Values.
        sample_weight : array_like, shape (k,) or that of X, optional
            w ≥ 0; an entry of weight 0 counts as unknown.

        Returns
        -------
        self

        Raises
        ------
        InputError
            For entries and parameters that cannot be used.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` steps were not enough; lopside's and scikit-learn's in one.
        """
        self._check()
        given = stated(triples(X, y, sample_weight, self.duplicates), self.duplicates, self._penalty())
        progress = Progress(self, X, y)
        lines = given.problem.by_rows
        low, high = (float(bound(lines.values)) + given.problem.mean for bound in (np.min, np.max))
        X_, self._known = self._complete(given.problem, progress)
        self._columns, self._observed = Ids(given.column_ids), (low, high)
        self._set_rows(Ids(given.row_ids), X_, lines.indptr, lines.indices)
        progress.end()
        return self

    def predict(self, X: Any) -> Array:
        """Return μ + b_i + c_j + x_i·y_j for pairs of ids.

        Parameters
        ----------
        X : array_like, list of pairs, or frame, shape (k, 2)

        Returns
        -------
        ndarray, shape (k,)

        Raises
        ------
        InputError
            With cold="raise", if an id was not there.
        """
        check_is_fitted(self)
        rows, columns = pairs(X)
        i, j = self._rows.codes(rows, "row ids"), self._columns.codes(columns, "column ids")
        return self._clipped(self._known.predicted(self._X, i, j, cold=self.cold))

    def recommend(self, rows: Any = None, k: int = 10, *, exclude_seen: bool = True) -> Ranked:
        """Return the columns with the largest predicted values, best first, equal ones in the order of their ids.

        Parameters
        ----------
        rows : array_like, shape (r,), optional
            Ids; default: all rows of the fit.
        k : int
            How many for each row, or all there are.
        exclude_seen : bool
            Leave out columns of which the row has an entry.

        Returns
        -------
        Ranked
            `asked` are rows, `found` columns, `scores` as predicted (ordered before they are clipped). To rows that
            were not there, columns are recommended as `cold` says: by their biases, not at all ("nan"), or an error.
        """
        check_is_fitted(self)
        asked = self.row_ids_ if rows is None else np.asarray(rows)
        i = self._rows.codes(self.row_ids_ if rows is None else rows, "row ids")
        if self.cold == "raise" and (i < 0).any():
            raise InputError(f"got the row id {asked[int(np.argmin(i))]!r}, which was not there. Try cold='mean'")
        X = np.where(i[:, None] < 0, self._known.nothing(1), self._X[i])
        hidden = i < 0 if self.cold == "nan" else np.zeros(len(i), np.bool_)

        def scores(block: slice) -> Array:
            found = X[block] @ self._known.Y.T
            found += found.dtype.type(self.mean_)
            found[hidden[block]] = -np.inf
            if exclude_seen:
                found[self._seen_of(i[block])] = -np.inf
            return found

        at, columns, best = leading(scores, len(i), len(self._columns), k)
        return Ranked(asked[at], self.column_ids_[columns], self._clipped(best))

    def similar(self, ids: Any, k: int = 10, *, axis: Literal["rows", "columns"] = "columns") -> Ranked:
        """Return the rows or columns whose factors have the largest cosines with those of the ones given.

        Parameters
        ----------
        ids : array_like, shape (r,)
            Known ones.
        k : int
            How many for each, or all there are.
        axis : "rows" or "columns"

        Returns
        -------
        Ranked
            `asked` and `found` are of the same kind, `scores` cosines from −1 to 1, 0 for factors of 0; biases are left
            out, and nothing is found similar to itself.

        Raises
        ------
        InputError
            If an id was not there, whatever `cold` is.
        """
        check_is_fitted(self)
        if axis not in ("rows", "columns"):
            raise InputError(f"got axis = {axis!r}; expected 'rows' or 'columns'")
        known, F = (self._rows, self.row_factors_) if axis == "rows" else (self._columns, self.column_factors_)
        i = known.codes(ids)
        if (i < 0).any():
            raise InputError(f"got the id {np.asarray(ids)[int(np.argmin(i))]!r}, which was not among the {axis}")
        lengths = np.linalg.norm(F, axis=1, keepdims=True)
        F = F / np.where(lengths > 0.0, lengths, 1.0)

        def scores(block: slice) -> Array:
            cosines = F[i[block]] @ F.T
            cosines[np.arange(len(cosines)), i[block]] = -np.inf
            return cosines

        at, others, best = leading(scores, len(i), len(known), k)
        return Ranked(known.ids[i[at]], known.ids[others], np.clip(best, -1.0, 1.0))

    def fold_in(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Return a recommender that knows these rows in place of its own, without another fit.

        Columns stay as they are; each row gets the factors and the bias that are best for its entries. It costs as
        much as these entries, however many rows there were. A row may be one of the fit, with other entries.

        Parameters
        ----------
        X, y, sample_weight
            All entries of these rows, as in `fit`. Those in columns that were not there are left out, or refused with
            cold="raise".

        Returns
        -------
        Recommender
            Shares what is known of columns with this one, which is not changed. `certificate_` is not there.
        """
        check_is_fitted(self)
        given = triples(X, y, sample_weight, self.duplicates)
        rows = factorized(given.rows, "row ids")
        columns = self._columns.codes(given.columns, "column ids")
        there = columns >= 0
        if self.cold == "raise" and not there.all():
            raise InputError(f"got {int((~there).sum())} entries in columns that were not there. Try cold='mean'")
        if len(there) != len(rows.codes) or len(there) != len(given.values):
            raise InputError(f"got {len(there)} columns and {len(given.values)} values; expected one for each row id")
        return self._with_rows(given, rows.codes, columns, rows.ids, there)
