"""Tables with holes as scikit-learn's imputers take and return them: what stands for one, empty columns, indicators."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.estimators.versions import FLOATS, validated


def _has_indicator(estimator: Any) -> bool:
    if not estimator.add_indicator:
        raise AttributeError("got add_indicator=False; what was missing can be told with add_indicator=True only")
    return True


def _is_nan(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isnan(value)


class Holes(OneToOneFeatureMixin, TransformerMixin):
    """A transformer of tables in which something is missing; see `LowRankImputer` for its parameters."""

    missing_values: float
    add_indicator: bool
    keep_empty_features: bool
    n_features_in_: int
    indicator_: Any

    @available_if(_has_indicator)
    def inverse_transform(self, X: Any) -> Array:
        """Return the table as it was: missing where the indicator says so; only with `add_indicator=True`.

        As with `SimpleImputer`, entries missing in columns in which none was in `fit` stay filled.

        Parameters
        ----------
        X : array_like, shape (m, n′)
            What `transform` returned.

        Returns
        -------
        ndarray, shape (m, n)
        """
        check_is_fitted(self)
        X = check_array(X, dtype=FLOATS)
        kept = np.arange(self.n_features_in_) if self.keep_empty_features else self._observed
        marked = self.indicator_.features_
        if X.shape[1] != len(kept) + len(marked):
            raise InputError(
                f"got {X.shape[1]} columns; expected {len(kept)} that were filled and {len(marked)} of the indicator"
            )
        A = np.full((len(X), self.n_features_in_), self.missing_values, X.dtype)
        A[:, kept] = X[:, : len(kept)]
        hidden = np.zeros(A.shape, np.bool_)
        hidden[:, marked] = X[:, len(kept) :] != 0
        A[hidden] = self.missing_values
        return A

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array_like of str, shape (n,), optional
            Names, if the fit was given none.
        """
        names = np.asarray(super().get_feature_names_out(input_features))
        kept = names if self.keep_empty_features else names[self._observed]
        return kept if self.indicator_ is None else np.append(kept, self.indicator_.get_feature_names_out(names))

    def _received(self, X: Any, *, reset: bool) -> tuple[Array, NDArray[np.bool_]]:
        """Return X as an array, and what is missing in it; learn the names of its columns, or compare them."""
        value = self.missing_values
        if reset and (not isinstance(value, numbers.Real) or math.isinf(value)):
            raise InputError(f"got missing_values = {value!r}; expected NaN or a number. pandas' NA counts as NaN")
        X = validated(self, X, reset=reset, sparse=False, finite="allow-nan" if _is_nan(value) else True)
        missing: Any = np.isnan(X) if _is_nan(value) else np.equal(X, X.dtype.type(value))
        return X, missing

    def _learn_holes(self, X: Array, missing: NDArray[np.bool_]) -> None:
        """Learn in which columns something is observed, and which get an indicator."""
        empty = np.asarray(missing.all(axis=0))
        if empty.all():
            raise InputError(
                f"got a table of shape {X.shape} of which nothing is observed (all entries are {self.missing_values}); "
                "expected at least one"
            )
        if empty.any() and not self.keep_empty_features:
            names = getattr(self, "feature_names_in_", np.arange(len(empty)))[empty].tolist()
            warnings.warn(
                f"got columns in which nothing is observed: {', '.join(map(str, names))}. They are dropped; with "
                "keep_empty_features=True they are filled with 0",
                UserWarning,
                stacklevel=2,
            )
        self._observed, self.indicator_ = np.flatnonzero(~empty), None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(missing_values=self.missing_values, error_on_new=False).fit(X)

    def _returned(self, X: Array, missing: NDArray[np.bool_], filled: Array) -> Array:
        """Return a table whose observed columns are filled with the others, if these are kept, and the indicator."""
        out = filled
        if self.keep_empty_features:
            out = np.where(missing, X.dtype.type(0), X)
            out[:, self._observed] = filled
        if self.indicator_ is None:
            return out
        return np.hstack([out, missing[:, self.indicator_.features_].astype(out.dtype)])

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = _is_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _more_tags(self) -> dict[str, Any]:  # the same until scikit-learn 1.5
        return {"allow_nan": _is_nan(self.missing_values), "preserves_dtype": list(FLOATS)}
