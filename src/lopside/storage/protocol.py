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

    rows: Any
    probe: Array
    gram: Array
    residual2: float | None


class Widths(NamedTuple):
    """How wide a sweep is.

    Attributes
    ----------
    depth, columns, kept, apart : int
        Columns of R, Y, M and N; 0 where there is no R or N.
    itemsize : int
        Bytes of a number of the factors.
    """

    depth: int
    columns: int
    kept: int
    apart: int = 0
    itemsize: int = 8

    @property
    def probed(self) -> int:
        """Columns of what meets Aᵀ: of N, or of M where there is no N."""
        return self.apart or self.kept


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
    keeps_workspace : bool
        Whether what a sweep takes is kept for the next one.
    epsilon : float
        What products in float64 with a unit vector are off by, typically, over ‖A‖_F: 2⁻⁵², more where A is a
        difference of larger matrices or where somebody else multiplies. Proofs allow for it.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    reads_per_sweep: int
    keeps_workspace: bool
    nbytes: int
    layout: str
    epsilon: float

    def sweep(self, R: Any, Y: Array, M: Array, N: Array | None = None, *, residual: bool = False) -> Sweep:
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

    def times(self, Y: Array) -> Any:
        """Return A Y, shape (m, d)."""
        ...

    def transpose_times(self, X: Any) -> Array:
        """Return Aᵀ X, shape (n, d)."""
        ...

    def residual_norm(self, X: Any, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        ...

    def norm(self) -> float:
        """Return ‖A‖_F in float64."""
        ...

    def workspace(self, widths: Widths) -> dict[str, int]:
        """Return the bytes that a sweep takes beside A, its operands and what it brings back, by what they are for.

        All that is planned for a fit is made of this, and so is what a memory limit is held against.
        """
        ...

    def first_rows(self, count: int) -> Any:
        """Return a storage of the first rows of A, on which the time of a sweep is measured; A itself if it has to."""
        ...


class Elsewhere(Storage, Protocol):
    """A matrix that is not in this process's memory or files: factors along its rows are `Rows`, and stay with it.

    `sweep` and `times` return such rows and take them; Y, the probe and all that is small are NumPy arrays here.
    """

    def to_rows(self, X: Any, name: str, dtype: Any) -> Any:
        """Return an m-row matrix of the user's, or a NumPy array, as `Rows` in this precision.

        Raises
        ------
        InputError
            If it has another shape; with `name` in the message.
        """
        ...

    def ones(self) -> Any:
        """Return a column of ones along the rows, as `Rows` in float64."""
        ...

    def drawn(self, columns: int, rng: np.random.Generator) -> Any:
        """Return rows (m × columns) of standard normal numbers, those that `rng.standard_normal` draws here."""
        ...

    def fixed(self, rows: Any) -> Any:
        """Return rows that belong to the matrix as its means do: what is stored names them and does not hold them."""
        ...

    def restored(self, stored: dict[str, Any]) -> Any:
        """Return the rows that `Rows.stored` was taken from."""
        ...

    def to_side(self, Y: Any) -> Any:
        """Return an n-row matrix of the user's as a NumPy array."""
        ...

    def handed(self, factor: Array) -> Any:
        """Return an n-row NumPy array as the user of this storage holds matrices."""
        ...


def elsewhere(storage: Any) -> Elsewhere | None:
    """Return a storage whose rows live with it, or None for one that gives and takes NumPy arrays."""
    return storage if hasattr(storage, "to_rows") else None


class Held(NamedTuple):
    """A storage of B, whether B is Aᵀ, and one sentence for each choice that a user may want to know of."""

    storage: Storage
    transposed: bool
    notes: tuple[str, ...]


def require_fit(fits: bool, shape: tuple[int, int], **operands: Any) -> None:
    """Refuse operands that do not fit: compiled loops would read past their end.

    Raises
    ------
    InputError
    """
    if not fits:
        found = ", ".join(f"{name} {part.shape}" for name, part in operands.items() if part is not None)
        raise InputError(f"got {found} for a matrix of shape {shape[0]} × {shape[1]}; expected shapes that fit it")


def require_sweep(shape: tuple[int, int], R: Any, Y: Array, M: Array, N: Array | None, *, residual: bool) -> None:
    """Refuse operands of `Storage.sweep` that do not fit; see `require_fit`."""
    depth = 0 if R is None else R.shape[1]
    fits = len(Y) == shape[1] and (R is None or len(R) == shape[0]) and len(M) == depth + Y.shape[1]
    fits = fits and (N is None or len(N) == len(M)) and (not residual or depth == Y.shape[1])
    require_fit(fits, shape, R=R, Y=Y, M=M, N=N)
