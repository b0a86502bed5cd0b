"""Refuse numbers that no theorem can use, by name and with what was expected."""

from __future__ import annotations

import math

from lopside.errors import InputError


def require_positive(**values: float) -> None:
    """Raise `InputError` unless every named value is a finite number > 0."""
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"got {name} = {value}; expected a finite number > 0")


def require_nonnegative(**values: float) -> None:
    """Raise `InputError` unless every named value is a finite number ≥ 0."""
    for name, value in values.items():
        if not (value >= 0 and math.isfinite(value)):
            raise InputError(f"got {name} = {value}; expected a finite number >= 0")


def require_fraction(*, closed: bool = False, **values: float) -> None:
    """Raise `InputError` unless every named value is in (0, 1), or in (0, 1] when ``closed``."""
    for name, value in values.items():
        if not (0 < value < 1 or (closed and value == 1)):
            interval = "(0, 1]" if closed else "(0, 1)"
            raise InputError(f"got {name} = {value}; expected a number in {interval}")


def require_ranks(rank: int, r: int) -> None:
    """Raise `InputError` unless rank ≥ r ≥ 1 (columns kept, rank of A)."""
    if not rank >= r >= 1:
        raise InputError(
            f"got {rank} columns for a matrix of rank {r}; expected columns >= rank >= 1: "
            "keep at least as many columns as the rank"
        )
