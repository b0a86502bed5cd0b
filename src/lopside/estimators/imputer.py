"""`LowRankImputer`: what is missing in a table, filled in from a matrix of low rank fitted to what is there."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.estimators.completing import Completing
from lopside.estimators.filler import Columns, Filler
from lopside.estimators.holes import Holes
from lopside.estimators.settled import settling
from lopside.estimators.versions import Progress, with_callbacks
from lopside.problems import Completion


class LowRankImputer(Holes, Completing):
    """Missing entries from X Yᵀ of low rank, fitted to the observed ones of the standardized columns.

    With z_ij = (a_ij − mean_j)/scale_j it minimizes ½ Σ (x_i·y_j + c_j − z_ij)² + ½ λ Σ ‖x_i‖² + ½ λ Σ ‖y_j‖² over the
    observed entries. What is observed stays as it is. New rows need no fit: the x that is best for what is observed
    of a row says the rest.

    Parameters
    ----------
    n_components : int, optional
        d, from 1 to the lesser number of rows and of columns. Default: 50 or that. The ridge holds components that are
        not needed down, so that too many cost time and little else; where it is known that few are needed, a small
        number predicts better still, and `masked_scorer` tells.
    ridge : float or "auto"
        λ ≥ 0; it may depend on how far the columns agree, so "auto" chooses the one that predicts some observed entries
        best which are held out.
    ridge_scaling : "none", "counts" or "smoothed"
        As for `lopside.Completion`.
    bias : "none", "mean", "rows", "columns" or "both"
        Which constants are fitted, with a ridge of their own, beside X Yᵀ.
    bias_ridge_ratio : float
        That ridge over λ.
    standardize : bool
        Bring columns to their observed means and standard deviations. Without it, columns in large units outweigh the
        others; right where all have one unit.
    missing_values : float
        NaN (pandas' NA counts as that), or the number that stands for what is missing.
    add_indicator : bool
        Append columns that say what was missing, as in `SimpleImputer`: for columns in which anything was in `fit`.
    keep_empty_features : bool
        Fill columns in which nothing was observed with 0, rather than drop them.
    tol : float
        > 0: the fit ends with √(‖∇_X F‖² + ‖∇_Y F‖²) ≤ tol·‖z‖^{3/2} …
    gap : float, optional
        … or in place of this where F is proved to be within this share of itself of the least possible at any rank.
    max_iter : int
    validation_fraction : float
        Share of the observed entries that is held out to choose λ.
    random_state : int, RandomState, Generator or None
        Draws these; None draws a seed from NumPy's global state.

    Attributes
    ----------
    components_ : ndarray, shape (d, n′)
        Yᵀ without the biases, for the columns in which anything was observed.
    statistics_ : ndarray, shape (n,)
        What a row is filled with of which nothing is observed.
    mean_, scale_ : ndarray, shape (n,)
    ridge_ : float
        λ.
    ridge_path_ : ndarray, shape (k, 2)
        λ as tried, and the error of each on the entries held out, in the unit of z; only with "auto".
    indicator_ : MissingIndicator or None
    n_components_, n_features_in_, n_iter_ : int
    feature_names_in_ : ndarray of str, shape (n,)
    certificate_ : Certificate
        About F; of entries that are not known it says nothing.
    trace_ : Trace

    Examples
    --------
    >>> import numpy as np
    >>> from lopside.estimators.imputer import LowRankImputer
    >>> A = np.outer(np.arange(1.0, 9.0), [1.0, 10.0, -100.0])
    >>> A[2, 1] = A[5, 2] = np.nan
    >>> LowRankImputer(1, ridge=1e-4).fit_transform(A)[[2, 5]].round(1)
    array([[   3.,   30., -300.],
           [   6.,   60., -600.]])
    """

    _default: ClassVar[int] = 50

    def __init__(
        self,
        n_components: int | None = None,
        *,
        ridge: Any = "auto",
        ridge_scaling: Any = "none",
        bias: Any = "columns",
        bias_ridge_ratio: float = 1.0,
        standardize: bool = True,
        missing_values: float = math.nan,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        tol: float = 1e-4,
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
        self.standardize = standardize
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.tol = tol
        self.gap = gap
        self.max_iter = max_iter
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @settling
    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to the observed entries of X.

        Parameters
        ----------
        X : array_like or frame, shape (m, n)
        y : object
            Not used.

        Returns
        -------
        self

        Raises
        ------
        InputError
            For parameters out of range, and if nothing is observed.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` steps were not enough; lopside's and scikit-learn's in one.
        UserWarning
            If columns are dropped, because nothing is observed in them.
        """
        self._fit(X, y)
        return self

    @settling
    @with_callbacks
    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Fit to X and return it filled; see `fit` and `transform`.

        Returns
        -------
        ndarray, shape (m, n′)
        """
        return self._filled(*self._fit(X, y))

    def transform(self, X: Any) -> Array:
        """Return a copy of X in which what is missing is filled in.

        Parameters
        ----------
        X : array_like or frame, shape (m, n)
            The rows need not be those of the fit.

        Returns
        -------
        ndarray, shape (m, n′)
            In the precision of X, with the columns of the indicator at the end if there is one.
        """
        check_is_fitted(self)
        return self._filled(*self._received(X, reset=False))

    def _fit(self, X: Any, y: Any) -> tuple[Array, NDArray[np.bool_]]:
        for name in ("standardize", "add_indicator", "keep_empty_features"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise InputError(f"got {name} = {getattr(self, name)!r}; expected True or False")
        X, missing = self._received(X, reset=True)
        progress = Progress(self, X, y)
        self._learn_holes(X, missing)
        table, hidden = X[:, self._observed], missing[:, self._observed]
        columns = Columns.of(table, hidden, standardize=self.standardize)
        problem = Completion.from_dense(columns.inward(table, hidden), **self._penalty())
        self._filler = Filler(columns, self._complete(problem, progress)[1])
        self._describe(X.shape[1])
        progress.end()
        return X, missing

    def _describe(self, count: int) -> None:
        """Set the attributes that the columns are told by."""
        columns, known = self._filler.columns, self._filler.known
        self.components_ = known.Y[:, : known.layout.shared].T
        for name, values, other in (
            ("statistics_", self._filler.of_nothing(), 0.0 if self.keep_empty_features else math.nan),
            ("mean_", columns.size * columns.center, math.nan),
            ("scale_", columns.size * columns.spread, math.nan),
        ):
            told = np.full(count, other)
            told[self._observed] = values
            setattr(self, name, told)

    def _filled(self, X: Array, missing: NDArray[np.bool_]) -> Array:
        seen = self._observed
        return self._returned(X, missing, self._filler.filled(X[:, seen], missing[:, seen]))
