"""`Recommender`: ratings that are not known, what to recommend, and what is alike, from ratings that are."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from lopside.errors import InputError, counted
from lopside.estimators.ratings import seen, stated, triples
from lopside.estimators.recommending import Recommending
from lopside.estimators.settled import settling
from lopside.estimators.versions import Progress, with_callbacks
from lopside.ids import Ids, factorized
from lopside.observations import as_observations
from lopside.problems.prediction import Cold


class Recommender(Recommending):
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
    [3.0, 4.7]
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

    @settling
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
        self._X, self._known = self._complete(given.problem, progress)
        self._rows, self._columns, self._bounds = Ids(given.row_ids), Ids(given.column_ids), given.bounds
        self._seen = given.problem.by_rows.indptr, given.problem.by_rows.indices
        progress.end()
        return self

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
            strange = counted(int((~there).sum()), "entry", "entries")
            raise InputError(f"got {strange} in columns that were not there. Try cold='mean'")
        if not len(there) == len(rows.codes) == len(given.values):
            raise InputError(f"got {len(there)} columns and {len(given.values)} values; expected one for each row id")
        folded = copy.copy(self)
        folded._rows, folded._proof = rows.ids, None
        m, n = len(rows.ids), len(self._columns)
        folded._X, folded._seen = self._known.nothing(m), (np.zeros(m + 1, np.int64), np.zeros(0, np.int32))
        if there.any():
            values, weights = (None if part is None else np.asarray(part)[there] for part in given[2:])
            known = as_observations(
                rows.codes[there],
                columns[there],
                values,
                shape=(m, n),
                weights=weights,
                duplicates=self.duplicates,
            )
            folded._X, folded._seen = self._known.known(known, m), seen(known, m)
        return folded

    def _check(self) -> None:
        if self.cold not in ("mean", "raise", "nan"):
            raise InputError(f"got cold = {self.cold!r}; expected 'mean', 'raise' or 'nan'")
        if self.clip is None or (isinstance(self.clip, str) and self.clip == "observed"):
            return
        try:
            low, high = self.clip
            sound = low < high
        except (TypeError, ValueError):
            sound = False
        if not sound:
            raise InputError(f"got clip = {self.clip!r}; expected (low, high) with low < high, 'observed' or None")
