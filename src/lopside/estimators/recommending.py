"""What a fitted recommender does with the factors it knows: predict, recommend, and find what is alike."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.estimators.completing import Completing
from lopside.estimators.fold_in import FoldIn
from lopside.estimators.leading import Ranked, leading
from lopside.estimators.ratings import pairs
from lopside.ids import Ids, as_ids
from lopside.problems.prediction import Cold


class Recommending(RegressorMixin, Completing):
    """A recommender that keeps factors, ids, and which columns each row has entries in; see `Recommender`."""

    cold: Cold
    clip: Any
    _known: FoldIn
    _rows: Ids
    _columns: Ids
    _X: Array
    _seen: tuple[NDArray[Any], NDArray[Any]]
    _bounds: tuple[float, float]

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
        asked = self.row_ids_ if rows is None else as_ids(rows, "row ids")
        i = self._rows.codes(asked, "row ids")
        if self.cold == "raise" and (i < 0).any():
            raise InputError(
                f"got the row id {asked[int(np.argmin(i))].item()!r}, which was not there. Try cold='mean'"
            )
        X = np.where(i[:, None] < 0, self._known.nothing(1), self._X[i])
        hidden = (i < 0) & (self.cold == "nan")

        def scores(block: slice) -> Array:
            found = X[block] @ self._known.Y.T
            found[hidden[block]] = -np.inf
            if exclude_seen:
                found[self._seen_of(i[block])] = -np.inf
            return found

        at, columns, _ = leading(scores, len(i), len(self._columns), k)
        predicted = self._known.predicted(self._X, i[at], columns, cold="mean")
        return Ranked(asked[at], self.column_ids_[columns], self._clipped(predicted))

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
        asked = as_ids(ids)
        i = known.codes(asked)
        if (i < 0).any():
            raise InputError(f"got the id {asked[int(np.argmin(i))].item()!r}, which was not among the {axis}")
        lengths = np.linalg.norm(F, axis=1, keepdims=True)
        F = F / np.where(lengths > 0.0, lengths, 1.0)

        def scores(block: slice) -> Array:
            cosines = F[i[block]] @ F.T
            cosines[np.arange(len(cosines)), i[block]] = -np.inf
            return cosines

        at, others, best = leading(scores, len(i), len(known), k)
        return Ranked(asked[at], known.ids[others], np.clip(best, -1.0, 1.0))

    @property
    def row_ids_(self) -> NDArray[Any]:
        """Of the rows, sorted."""
        return self._rows.ids

    @property
    def column_ids_(self) -> NDArray[Any]:
        """Of the columns, sorted."""
        return self._columns.ids

    @property
    def row_factors_(self) -> Array:
        """X, without the biases."""
        return self._X[:, : self._known.layout.shared]

    @property
    def column_factors_(self) -> Array:
        """Y, without the biases."""
        return self._known.Y[:, : self._known.layout.shared]

    @property
    def row_biases_(self) -> Array:
        """b, or zeros."""
        layout = self._known.layout
        return self._X[:, layout.shared] if layout.rows else np.zeros(len(self._X), self._X.dtype)

    @property
    def column_biases_(self) -> Array:
        """c, or zeros."""
        layout, Y = self._known.layout, self._known.Y
        return Y[:, layout.width - 1] if layout.columns else np.zeros(len(Y), Y.dtype)

    @property
    def mean_(self) -> float:
        """μ."""
        return self._known.mean

    def _seen_of(self, rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return where among these rows, −1 for one that was not there, and in which columns there are entries."""
        indptr, indices = self._seen
        first = indptr[rows].astype(np.int64)
        counts = np.where(rows < 0, 0, indptr[rows + 1] - first)
        at = np.repeat(np.arange(len(rows)), counts)
        inside = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
        return at, indices[first[at] + inside]

    def _clipped(self, values: Array) -> Array:
        if self.clip is None:
            return values
        low, high = self._bounds if isinstance(self.clip, str) else self.clip
        return np.clip(values, low, high, out=values)

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.string = tags.input_tags.sparse = tags.input_tags.allow_nan = True
        return tags
