"""Everything lopside raises or warns: one ``Error``, its few children, one warning.

Each message says what was got, what was expected and what to try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Error(Exception):
    """Base class of every error lopside raises on purpose."""


class InputError(Error, ValueError):
    """The matrix, the rank or a parameter cannot be used as it is."""


class FileError(Error, OSError):
    """A file cannot be read, understood or written."""


class ClusterError(Error, RuntimeError):
    """Workers, their scheduler or the client have gone, and with them work that could not be done again."""


class AbilityError(Error, TypeError):
    """Two parts do not fit: one needs an ability that the other lacks."""


class DivergedError(Error, ArithmeticError):
    """The iteration blew up; the last finite factors travel with the error.

    Attributes
    ----------
    X, Y : ndarray, shapes (m, d) and (n, d)
        The last factors whose loss was finite and not yet exploding.
    step : int
        The step they belong to.
    solution : Solution or None
        The whole record of the run when `solve` raised the error.
    """

    def __init__(self, message: str, *, X: NDArray[np.floating], Y: NDArray[np.floating], step: int) -> None:
        super().__init__(message)
        self.X = X
        self.Y = Y
        self.step = step
        self.solution: Any = None


class ConvergenceWarning(UserWarning):
    """A tolerance was asked for and the run ended before reaching it."""


def counted(count: int, noun: str, many: str = "") -> str:
    """Return a count with its noun, as "1 row" or "3 rows"; `many` where an s does not make the plural."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
