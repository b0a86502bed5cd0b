"""What the loop asks of a start."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from lopside.arrays import Array


class Start(Protocol):
    """A rule for the first factors.

    Randomness is drawn in float64 by the generator, X's matrix first, and rounded to the problem's precision
    afterwards, so that one seed means one start whatever holds A.
    """

    def __call__(
        self, problem: Any, rank: int, *, step_size: float, sigma1: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return X₀ (m × d) and Y₀ (n × d).

        Parameters
        ----------
        problem : Problem
        rank : int
            d, the number of columns.
        step_size : float
            η > 0, already resolved.
        sigma1 : float
            σ₁(A) or an estimate of it; a wrong one only rescales the constant C of a start that uses it.
        rng : numpy.random.Generator
        """
        ...
