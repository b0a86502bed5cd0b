"""Single entries of a file that anybody may have edited, checked one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from lopside.arrays import Array, as_positive

T = TypeVar("T")

LARGEST = 1e153
"""What `Full` takes at most: beyond it squares overflow."""


def locked(arrays: dict[str, Array], name: str) -> Array:
    """Return a matrix of floats, read-only; ValueError if it is none that a problem would take."""
    factor = arrays[name]
    if factor.ndim != 2 or 0 in factor.shape or factor.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} of shape {factor.shape} and type {factor.dtype}, which is no matrix of floats")
    if not (np.abs(factor) <= np.float64(LARGEST)).all():  # NaN is no less than anything
        raise ValueError(f"a number in {name} that is NaN, or beyond ±{LARGEST:g}")
    factor.flags.writeable = False
    return factor


def typed(facts: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return an entry of exactly this type; TypeError otherwise."""
    value = facts[name]
    if type(value) is not kind:
        raise TypeError(f"{name} = {value!r}, expected {kind.__name__}")
    return value


def whole(facts: dict[str, Any], name: str) -> int:
    """Return an integer from 0 to 2^53; ValueError or TypeError otherwise."""
    value = typed(facts, name, int)
    if not 0 <= value <= 2**53:
        raise ValueError(f"{name} = {value}, expected 0 to 2^53")
    return value


def number(facts: dict[str, Any], name: str) -> float:
    """Return a finite number ≥ 0; InputError otherwise."""
    return as_positive(facts[name], name, zero=True)


def or_none(read: Callable[[dict[str, Any], str], T], facts: dict[str, Any], name: str) -> T | None:
    """Return what `read` makes of an entry, or None for null."""
    return None if facts[name] is None else read(facts, name)
