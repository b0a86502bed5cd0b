"""What every way of holding A can do."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from lopside.arrays import Array
from lopside.errors import InputError

EPSILON = 2.0**-52
"""`epsilon` of a matrix whose own numbers are multiplied."""


class Sweep(NamedTuple):
    """What one read of A brings back; see `Storage.sweep`."""

    rows: Array
    probe: Array
    gram: Array
    residual2: float | None


class Storage(Protocol):
    """An m × n matrix A that can be read once from top to bottom.

    Attributes
    ----------
    shape : (m, n)
    dtype : float32 or float64
    reads_per_sweep : int
        How often one `sweep` reads A: 1, or 2 where A is only a pair of products.
    nbytes : int
        How many bytes one read of A moves.
    layout : str
        How A is held, in a few words.
    epsilon : float
        What products in float64 with a unit vector are off by, typically, over ‖A‖_F: 2⁻⁵², more where A is a
        difference of larger matrices or where somebody else multiplies. Proofs allow for it.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    reads_per_sweep: int
    nbytes: int
    layout: str
    epsilon: float

    def sweep(self, R: Array | None, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
        """Read A once.

        With K = [R | AY]: rows = K M, probe = Aᵀ(K N), gram = [rows | K N]ᵀ[rows | K N] in float64, and
        residual2 = ‖R Yᵀ − A‖_F² if asked for.  Without N, K N is rows itself and gram = rowsᵀrows.
        Everything is computed in the wider of A's and the factors' precision.

        Parameters
        ----------
        R : ndarray, shape (m, p), or None for p = 0
        Y : ndarray, shape (n, d)
        M, N : ndarray, shapes (p + d, k) and (p + d, l)
        residual : bool
            Needs p = d.
        """
        ...

    def times(self, Y: Array) -> Array:
        """Return A Y, shape (m, d)."""
        ...

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        ...

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        ...

    def norm(self) -> float:
        """Return ‖A‖_F in float64."""
        ...


def require_fit(fits: bool, shape: tuple[int, int], **operands: Array | None) -> None:
    """Refuse operands that do not fit: compiled loops would read past their end.

    Raises
    ------
    InputError
    """
    if not fits:
        found = ", ".join(f"{name} {part.shape}" for name, part in operands.items() if part is not None)
        raise InputError(f"got {found} for a matrix of shape {shape[0]} × {shape[1]}; expected shapes that fit it")


def require_sweep(
    shape: tuple[int, int], R: Array | None, Y: Array, M: Array, N: Array | None, *, residual: bool
) -> None:
    """Refuse operands of `Storage.sweep` that do not fit; see `require_fit`."""
    depth = 0 if R is None else R.shape[1]
    fits = len(Y) == shape[1] and (R is None or len(R) == shape[0]) and len(M) == depth + Y.shape[1]
    fits = fits and (N is None or len(N) == len(M)) and (not residual or depth == Y.shape[1])
    require_fit(fits, shape, R=R, Y=Y, M=M, N=N)
