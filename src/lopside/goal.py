"""What is asked of a factorization."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """What is asked for: a rank and an excess over the least error, or the least rank that reaches an error."""

    rank: int | None
    tol: float
    relative_error: float | None

    def __str__(self) -> str:
        if self.relative_error is None:
            return f"an error at most {self.tol:g} (relative) above the least of rank {self.rank}"
        return f"the least rank that reaches the relative error {self.relative_error:g}"
