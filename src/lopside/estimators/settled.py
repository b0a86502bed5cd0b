"""Estimators that are copied or pickled as they were before a fit or are after it, never as they are in between."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_BEFORE = "_before_fit"

Fit = TypeVar("Fit", bound=Callable[..., Any])


class Settled:
    """Pickled in another thread, by a callback or a signal while `fit` is at work, it is what it was before that."""

    def __getstate__(self) -> dict[str, Any]:
        held = vars(self).copy()  # in one step, whatever a fit in another thread sets meanwhile
        return held.get(_BEFORE, held)


def settled(estimator: Any) -> None:
    """Say that an estimator is fitted: from now on it is pickled as it is."""
    vars(estimator).pop(_BEFORE, None)


def settling(fit: Fit) -> Fit:
    """Return a method whose changes to its estimator are pickled all at once, when it ends."""

    @wraps(fit)
    def fitted(self: Any, *args: Any, **options: Any) -> Any:
        if _BEFORE in vars(self):  # a fit inside of one
            return fit(self, *args, **options)
        setattr(self, _BEFORE, vars(self).copy())
        try:
            return fit(self, *args, **options)
        finally:
            settled(self)

    return fitted  # type: ignore[return-value]
