"""What differs from one version of scikit-learn to another, in one place: 1.5 and later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal

import numpy as np
from sklearn.utils import validation

from lopside.errors import InputError
from lopside.estimators.settled import settled

FLOATS: Any = (np.float64, np.float32)
"""Kept as they are; everything else becomes the first."""


def validated(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    sparse: bool = True,
    finite: bool | Literal["allow-nan"] = True,
    least_rows: int = 1,
) -> Any:
    """Return X as a float64 or float32 array or (CSR, CSC) matrix, not copied if it is one already.

    Parameters
    ----------
    estimator : BaseEstimator
        Learns `n_features_in_` and `feature_names_in_` from X, or compares them with it.
    X : array_like, sparse matrix or frame, shape (m, n)
    reset : bool
        Learn, rather than compare.
    sparse : bool
        Whether a sparse matrix will do.
    finite : bool or "allow-nan"
        What to look for in the entries; False leaves it to the caller and saves a read of X.
    least_rows : int

    Raises
    ------
    ValueError
        scikit-learn's, if X will not do; InputError for a frame in which two columns share a name.
    """
    names = Counter(getattr(X, "column_names", X.columns)) if hasattr(X, "columns") else {}
    if shared := [name for name, count in names.items() if count > 1]:
        raise InputError(
            f"got a frame in which columns share the name {shared[0]!r}; expected different ones. Try renaming them"
        )
    accepted = ("csr", "csc") if sparse else False
    if hasattr(validation, "validate_data"):
        return validation.validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse=accepted,
            dtype=FLOATS,
            ensure_all_finite=finite,
            ensure_min_samples=least_rows,
        )
    return estimator._validate_data(  # until 1.5
        X,
        reset=reset,
        accept_sparse=accepted,
        dtype=FLOATS,
        force_all_finite=finite,
        ensure_min_samples=least_rows,
    )


class _NoCallbacks:
    """In place of `CallbackSupportMixin`, which is there from 1.9 on."""


def _unchanged(method: Callable[..., Any]) -> Callable[..., Any]:
    return method


try:
    _callback: Any = import_module("sklearn.callback")
except ModuleNotFoundError:
    CallbackSupport: Any = _NoCallbacks
    with_callbacks: Any = _unchanged
else:
    CallbackSupport = _callback.CallbackSupportMixin
    with_callbacks = _callback.with_callbacks


class Progress:
    """A fit and its steps as scikit-learn's callbacks are told of them; without callbacks nothing happens.

    Each step ends the task of the one before and begins the next, so that one is always under way.

    Parameters
    ----------
    estimator : BaseEstimator
    X : array or sparse matrix
    y : object
        Handed on to the callbacks.
    """

    def __init__(self, estimator: Any, X: Any, y: Any) -> None:
        self.stopped = False
        self._known = {"estimator": estimator, "X": X, "y": y}
        begin = getattr(estimator, "_init_callback_context", None)
        self._fit = None if begin is None else begin(max_subtasks=None)
        self._step: Any = None
        if self._fit is not None:
            self._fit.call_on_fit_task_begin(**self._known)
            self.step()

    def step(self) -> bool:
        """End a step, begin the next one, and say whether a callback wants the fit to stop."""
        if self._fit is None:
            return False
        self.stopped = self._end_step()
        if not self.stopped:
            self._step = self._fit.subcontext(task_name="step")
            self._step.call_on_fit_task_begin(**self._known)
        return self.stopped

    def _end_step(self) -> bool:
        step, self._step = self._step, None
        return step is not None and step.call_on_fit_task_end(**self._known)

    def end(self) -> None:
        """End the fit: the estimator is fitted."""
        self._end_step()
        settled(self._known["estimator"])  # callbacks are handed copies of it
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._known, reconstruction_attributes={})
