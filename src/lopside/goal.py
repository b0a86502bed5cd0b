"""What is asked of a factorization."""

from __future__ import annotations

from typing import NamedTuple

from lopside.arrays import as_positive
from lopside.errors import InputError


class Goal(NamedTuple):
    """What is asked for: a rank and an excess over the least error, or the least rank that reaches an error."""

    rank: int | None
    tol: float
    relative_error: float | None

    def __str__(self) -> str:
        if self.relative_error is None:
            return f"an error at most {self.tol:g} (relative) above the least of rank {self.rank}"
        return f"the least rank that reaches the relative error {self.relative_error:g}"


def require_one(rank: int | None, relative_error: float | None) -> None:
    """Refuse a goal with both a rank and an error, with neither, or with an error that no matrix has to reach.

    Raises
    ------
    InputError
    """
    if (rank is None) == (relative_error is None):
        raise InputError(
            f"got rank = {rank} and relative_error = {relative_error}; expected exactly one of them. Try rank=10"
        )
    if relative_error is not None and not as_positive(relative_error, "relative_error") < 1.0:
        raise InputError(f"got relative_error = {relative_error}; expected less than 1, which rank 0 reaches")
