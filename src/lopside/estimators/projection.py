"""What a fitted transformer does with the components it knows: project, go back, and judge new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.estimators.lazily import is_lazy, looked_at, times
from lopside.estimators.settled import Settled
from lopside.estimators.summary import Summary
from lopside.estimators.versions import FLOATS, CallbackSupport, validated
from lopside.stopping import rounding_level


def _has_noise(estimator: Any) -> bool:
    if not estimator.center:
        raise AttributeError("got center=False; a density, as in PCA, needs center=True")
    return True


class Projection(Settled, CallbackSupport, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A transformer with `center` and `whiten` that keeps components; see `LowRank`."""

    center: bool
    whiten: bool

    def transform(self, X: Any) -> Array:
        """Return Z = (X − 1μᵀ) Cᵀ, without μ unless `center`.

        Parameters
        ----------
        X : array_like, sparse matrix or frame, shape (m, n)

        Returns
        -------
        ndarray, shape (m, d)
        """
        check_is_fitted(self)
        X = looked_at(self, X, reset=False) if is_lazy(X) else validated(self, X, reset=False)
        return self._scaled(self._projected(X))

    def inverse_transform(self, X: Any) -> Array:
        """Return Z C + 1μᵀ, without μ unless `center`.

        Parameters
        ----------
        X : array_like, shape (m, d)
            Z.

        Returns
        -------
        ndarray, shape (m, n)
        """
        check_is_fitted(self)
        Z = X if is_lazy(X) else check_array(X, dtype=FLOATS)
        A = (Z * self._scale() if self.whiten else Z) @ self.components_
        return A + self.mean_ if self.center else A

    @available_if(_has_noise)
    def score_samples(self, X: Any) -> Array:
        """Return the log-density of each row of X in the Gaussian model of [TB99]; only with `center=True`.

        Its covariance is `get_covariance()`.

        Parameters
        ----------
        X : array_like, sparse matrix or frame, shape (m, n)

        Returns
        -------
        ndarray, shape (m,)

        Raises
        ------
        InputError
            Where the model leaves no noise, so that there is no density.
        """
        check_is_fitted(self)
        X = looked_at(self, X, reset=False) if is_lazy(X) else validated(self, X, reset=False)
        Z, mean = self._projected(X).astype(np.float64), self.mean_.astype(np.float64)
        if hasattr(X, "multiply"):
            squares = np.asarray(X.multiply(X).sum(axis=1)).ravel() - 2.0 * (X @ mean) + mean @ mean
        else:
            squares = np.square(X - mean).sum(axis=1)
        d, n = self.components_.shape
        variances, noise = self._model()
        along = np.square(Z)
        logs = n * np.log(2.0 * np.pi) + np.log(variances).sum() + (along / variances).sum(axis=1)
        if n > d:
            logs += (n - d) * np.log(noise) + np.maximum(squares - along.sum(axis=1), 0.0) / noise
        return -0.5 * logs

    @available_if(_has_noise)
    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, by which a search over `n_components` can choose.

        Parameters
        ----------
        X : array_like, sparse matrix or frame, shape (m, n)
        y : object
            Not used.
        """
        return float(np.mean(self.score_samples(X)))

    @available_if(_has_noise)
    def get_covariance(self) -> Array:
        """Return Σ = Cᵀ diag(λ − σ²) C + σ² I (n × n), λ_j = max(`explained_variance_`_j, σ²), σ² the noise."""
        check_is_fitted(self)
        over = np.maximum(self.explained_variance_ - self.noise_variance_, 0.0)
        return self._spread(over, self.noise_variance_)

    @available_if(_has_noise)
    def get_precision(self) -> Array:
        """Return the inverse of `get_covariance()` (n × n).

        Raises
        ------
        InputError
            Where there is none.
        """
        check_is_fitted(self)
        variances, noise = self._model()
        if noise == 0.0:
            return self._spread(1.0 / variances, 0.0)
        return self._spread(1.0 / variances - 1.0 / noise, 1.0 / noise)

    def _spread(self, along: Array, others: float) -> Array:
        C = self.components_
        return (C.T * along) @ C + others * np.eye(C.shape[1])

    def _model(self) -> tuple[Array, float]:
        d, n = self.components_.shape
        variances = np.maximum(self.explained_variance_.astype(np.float64), self.noise_variance_)
        if variances.min() <= 0.0 or (n > d and self.noise_variance_ <= 0.0):
            raise InputError(
                f"got a fit of {d} components of {n} columns that leaves no noise: its covariance has no inverse. "
                "Try fewer components, or more rows"
            )
        return variances, float(self.noise_variance_)

    def _projected(self, X: Any) -> Array:
        Z = times(X, self.components_.T) if is_lazy(X) else X @ self.components_.T
        return Z - self.mean_ @ self.components_.T if self.center else Z

    def _scaled(self, Z: Array) -> Array:
        return Z / self._scale() if self.whiten else Z

    def _scale(self) -> Array:
        deviations = np.sqrt(self.explained_variance_)
        # Of a direction without variance only rounding is known, which is not blown up.
        mean = float(np.linalg.norm(self.mean_)) if self.center else 0.0
        size = np.hypot(self.singular_values_[0] / self._summary.weight**0.5, mean)
        least = rounding_level(deviations.dtype) * size
        return np.maximum(deviations, least if least > 0.0 else 1.0).astype(deviations.dtype)

    def _keep(self, summary: Summary, dtype: Any, Z: Array | None = None) -> None:
        """Set the fitted attributes, in this precision; Z, where it is there, tells the variances."""
        (values, C), m, n = summary.components(), summary.rows, len(summary.mean)
        if self.center:
            count = summary.freedom or 1.0
            variances, whole = np.square(values) / count, summary.norm**2 / count
            others, missed = min(m, n) - len(values), summary.missed
            noisy = others > 0 and missed > rounding_level(np.float64) * summary.norm
            self.noise_variance_ = missed**2 / count / others if noisy else 0.0
            self.mean_ = summary.mean.astype(dtype)
        else:
            shift = C @ summary.mean
            variances = (
                np.square(values) / summary.weight - shift**2 if Z is None else np.var(Z, axis=0, dtype=np.float64)
            )
            variances, whole = np.maximum(np.asarray(variances), 0.0), summary.scatter / summary.weight
            for name in ("mean_", "noise_variance_"):
                self.__dict__.pop(name, None)
        self.components_, self.singular_values_ = C.astype(dtype), values.astype(dtype)
        self.explained_variance_ = variances.astype(dtype)
        self.explained_variance_ratio_ = (variances / whole if whole > 0.0 else np.zeros(len(values))).astype(dtype)
        self.n_components_, self.n_samples_seen_, self._summary = len(values), m, summary

    @property
    def _n_features_out(self) -> int:
        return self.components_.shape[0]

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _more_tags(self) -> dict[str, Any]:  # the same until scikit-learn 1.5
        return {"preserves_dtype": list(FLOATS)}
