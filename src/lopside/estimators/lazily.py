"""Dask arrays and frames in estimators: what scikit-learn checks, without the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import MISSING, Array
from lopside.errors import InputError
from lopside.storage.chunking import of_frame


def is_lazy(X: Any) -> bool:
    """Say whether X is a Dask collection."""
    return hasattr(X, "__dask_graph__")


def looked_at(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return a Dask array or frame as a Dask array in chunks of whole rows; its entries are not looked at.

    Learns `n_features_in_` and `feature_names_in_` with `reset`, else compares them.

    Raises
    ------
    InputError
        If it is no matrix, or has other columns than before.
    """
    names = np.asarray(X.columns, dtype=object) if hasattr(X, "columns") else None
    if names is not None:
        X = of_frame(X)
    if getattr(X, "ndim", 0) != 2 or not isinstance(X.shape[1], int):
        raise InputError(f"got {X!r}; expected a Dask array with two dimensions and a known number of columns")
    if reset:
        estimator.n_features_in_ = X.shape[1]
        estimator.__dict__.pop("feature_names_in_", None)
        if names is not None and all(isinstance(name, str) for name in names):
            estimator.feature_names_in_ = names
    elif X.shape[1] != estimator.n_features_in_:
        raise InputError(f"got {X.shape[1]} columns; expected {estimator.n_features_in_}, as in the fit")
    elif names is not None and not np.array_equal(names, getattr(estimator, "feature_names_in_", names)):
        raise InputError(
            f"got columns named {list(names)}; expected {list(estimator.feature_names_in_)}, as in the fit"
        )
    return X if len(X.chunks[1]) == 1 else X.rechunk({1: -1})


def times(X: Any, B: Array) -> Any:
    """Return X B, chunk by chunk when it is asked for; chunks may be sparse."""
    kind = np.result_type(X.dtype, B)
    return X.map_blocks(_times, B, dtype=kind, chunks=(X.chunks[0], (B.shape[1],)), meta=np.empty((0, 0), kind))


def _times(block: Any, B: Array) -> Array:
    product = np.asarray(block @ B)
    if not np.isfinite(product).all():  # NaN times anything is NaN
        row = int(np.argmin(np.isfinite(product).all(axis=1)))
        raise InputError(
            f"got NaN, infinity or numbers too large in row {row} of a chunk; expected finite numbers. {MISSING}"
        )
    return product
