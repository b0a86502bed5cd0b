"""Every entry of A is known: min ½‖X Yᵀ − A‖_F²."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from lopside.arrays import Array, as_factor, as_factors, read_only, require_pair
from lopside.errors import InputError
from lopside.linalg import gram, here, largest_singular_value, thin_svd
from lopside.problems.moves import moved
from lopside.problems.point import Point
from lopside.problems.protocol import Metric, Order
from lopside.problems.stretches import can_stretch, descended
from lopside.rows import Rows
from lopside.storage import Sweep, to_host
from lopside.storage.choose import as_storage
from lopside.storage.protocol import elsewhere
from lopside.storage.shifted import ones
from lopside.threads import one_blas_thread


class Full:
    """All entries of A count: f(X, Y) = ½‖X Yᵀ − A‖_F².

    Parameters
    ----------
    A : array_like, sparse matrix, path of a .npy, Dask array or frame, array of PyTorch, CuPy or JAX, LinearOperator
        Of shape (m, n), real and finite. float64 and float32 are kept, integers and booleans become float64. The data
        are held, not copied, where their form allows it: do not change them while the problem lives. A file is read in
        blocks. An array of another library is worked on by that library on the device it is on, and X and Y are given
        back there. Chunks of a Dask array are worked on where they are, and X, along them, stays there as a Dask array:
        persist A first, if it fits into the workers' memory; else each read loads every chunk once. Any storage of
        `lopside.storage` will do too.
    center : bool
        Subtract from each column its mean: the matrix is then A − 1μᵀ, which is never formed.
    weights : array_like, shape (m,), optional
        w ≥ 0, one per row: the matrix is then diag(√w) A, with `center` diag(√w)(A − 1μᵀ) and weighted means μ. Rows
        of X divided by √w give the factors of A itself that are best for ½ Σ_i w_i ‖row_i(X Yᵀ − A)‖².
    threads : int, optional
        How many threads read A; the result has the same bits for any number. Default: the environment
        variable LOPSIDE_THREADS, else every usable core. An array library has threads of its own.
    device : str or device of an array library, optional
        Where a dense matrix in this machine's memory, or in a .npy file, is worked on: "cuda" or "cuda:1" (PyTorch), or
        an object that names a device of PyTorch, CuPy or JAX. It is copied there if it fits, and else streamed in every
        pass; X and Y are given back there.

    Attributes
    ----------
    storage : Storage
        Holds B = A, or B = Aᵀ where `transposed`.
    transposed : bool
    notes : tuple of str
        What was converted or chosen on the way in.
    norm : float
        ‖A‖_F.
    reads : int
        How often A was read through this handle.

    Raises
    ------
    InputError
        If A is not a finite, non-empty real matrix, or so large that ‖A‖_F² overflows.

    Examples
    --------
    >>> import lopside as lo
    >>> problem = lo.Full([[3.0, 0.0], [0.0, 4.0]])
    >>> problem.shape, problem.norm
    ((2, 2), 5.0)
    """

    def __init__(
        self, A: Any, *, center: bool = False, weights: Any = None, threads: int | None = None, device: Any = None
    ) -> None:
        self.storage: Any
        self.storage, self.transposed, self.notes = as_storage(
            A, threads=threads, center=center, weights=weights, device=device
        )
        rows, columns = self.storage.shape
        self.shape: tuple[int, int] = (columns, rows) if self.transposed else (rows, columns)
        self.dtype = self.storage.dtype
        self.norm = self.storage.norm()
        self.reads = 0
        self.trust = _TRUST[self.dtype.name]
        # Shared by all handles on this matrix: what is true of A need be computed once.
        self._known: dict[str, Any] = {}
        if self.norm > 1e153 or 0.0 < self.norm < 1e-153:
            raise InputError(
                f"got a matrix with ‖A‖_F = {self.norm:.3g}, whose square is outside the range of float64; "
                "expected 1e-153 to 1e153. Try dividing A by its largest entry"
            )

    def __repr__(self) -> str:
        m, n = self.shape
        return f"Full({m} × {n}, {self.dtype.name}, ‖A‖_F = {self.norm:.6g})"

    @property
    def side(self) -> int:
        """How many columns the matrix held has: n, or m if it is held as Aᵀ."""
        return self.storage.shape[1]

    @property
    def epsilon(self) -> float:
        """What products with A round by, over ‖A‖_F; see `lopside.storage.Storage`."""
        return self.storage.epsilon

    @property
    def bytes_read(self) -> int:
        """How many bytes of A were read through this handle."""
        return self.reads * self.storage.nbytes

    @property
    def known(self) -> frozenset[str]:
        """What has been computed of A so far and is kept: "sigma1", "svd"."""
        return frozenset(self._known)

    def metered(self) -> Self:
        """Return a handle on the same matrix whose `reads` starts at 0."""
        handle = type(self).__new__(type(self))
        handle.__dict__.update(self.__dict__, reads=0)
        return handle

    def sigma1(self) -> float:
        """Return an estimate of σ₁(A) from below, a few per cent off at worst as a rule.

        See `linalg.largest_singular_value`; give `sigma1` to `solve` where you know better.
        """
        if "sigma1" not in self._known:
            self._known["sigma1"] = largest_singular_value(
                lambda V: self.gram(V.astype(self.dtype, copy=False)), self.side
            )
        return self._known["sigma1"]

    def whole_within(self, work: float) -> bool:
        """Whether LAPACK may decompose A: m·n·min(m, n) ≤ `work`, and what is held elsewhere small enough to fetch."""
        m, n = self.shape
        return m * n * min(m, n) <= work and (m * n <= FETCHED or not elsewhere(self.storage))

    def svd(self) -> tuple[Array, Array, Array]:
        """Return LAPACK's thin SVD of A in float64, kept for the next call; O(mn·min(m, n)) work."""
        if "svd" not in self._known:
            m, n = self.shape
            A = here(self.times(np.eye(n))) if n <= m else here(self.transpose_times(np.eye(m))).T
            # A power of two near ‖A‖_F: LAPACK's own scaling of large matrices costs two digits.
            scale = 2.0 ** round(math.log2(self.norm)) if self.norm else 1.0
            U, sigma, Vt = thin_svd(A / scale)
            self._known["svd"] = U, sigma * scale, Vt
        return self._known["svd"]

    def leading(self, rank: int) -> tuple[Array, Array, Array]:
        """Return U (m × d), s (d,) and Vᵗ (d × n): the leading singular triplets of A, from `svd`."""
        U, s, Vt = self.svd()
        return U[:, :rank], s[:rank], Vt[:rank]

    def gram(self, V: Array) -> tuple[Array, Array]:
        """Return BᵀB V and (BV)ᵀ(BV) from one read, B = A or Aᵀ as held, in the wider of A's and V's precision.

        V has shape (`side`, k).
        """
        swept = self.image(V)
        return swept.probe, swept.gram

    def image(self, V: Array) -> Sweep:
        """Return BV as `rows`, BᵀBV as `probe` and (BV)ᵀ(BV) as `gram`; see `gram`."""
        self.reads += self.storage.reads_per_sweep
        return self.storage.sweep(None, V, np.eye(V.shape[1], dtype=V.dtype))

    def times(self, Y: Array) -> Array:
        """Return A Y in the wider of their precisions; Y has shape (n, k)."""
        self.reads += 1
        return self.storage.transpose_times(self.placed(Y)) if self.transposed else self.storage.times(Y)

    def transpose_times(self, X: Array) -> Array:
        """Return Aᵀ X in the wider of their precisions; X has shape (m, k)."""
        self.reads += 1
        return self.storage.times(X) if self.transposed else self.storage.transpose_times(self.placed(X))

    def column_sums(self) -> Array:
        """Return Aᵀ1, shape (n,)."""
        self.reads += 1
        one = ones(self.storage, self.transposed)
        return (here(self.storage.times(one)) if self.transposed else self.storage.transpose_times(one))[:, 0]

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖X Yᵀ − A‖_F from the residual itself, in float64."""
        self.reads += 1
        rows, side = (Y, X) if self.transposed else (X, Y)
        return self.storage.residual_norm(self.placed(rows), side)

    def factors(self, X: Any, Y: Any, dtype: Any) -> tuple[Any, Any]:
        """Return copies of X (m × d) and Y (n × d) in this precision, each held where it is worked with.

        Raises
        ------
        InputError
            If they are not finite matrices that fit the shape.
        """
        kind = np.dtype(dtype)
        there = elsewhere(self.storage)
        if there is None:
            return as_factors(to_host(X), to_host(Y), self.shape, kind)
        rows, side = (Y, X) if self.transposed else (X, Y)
        names = ("Y", "X") if self.transposed else ("X", "Y")
        rows = there.to_rows(rows, names[0], kind)
        side = as_factor(there.to_side(side), names[1], self.side).astype(kind)
        require_pair(rows, side)
        return (side, rows) if self.transposed else (rows, side)

    def placed(self, rows: Any) -> Any:
        """Return a factor along the rows of B where these live."""
        there = elsewhere(self.storage)
        return there.to_rows(rows, "a factor", rows.dtype) if there else rows

    def handed(self, factor: Any) -> Any:
        """Return a factor as the user of this matrix holds matrices; read-only where there is such a thing."""
        if isinstance(factor, Rows):
            return factor.native()
        give = getattr(self.storage, "handed", read_only)
        return give(factor)

    def point(self, X: Array, Y: Array) -> Point:
        """Return the `Point` at copies of X (m × d) and Y (n × d); one read of A."""
        with np.errstate(over="ignore", invalid="ignore"):  # the loss says so, and the loop with it
            X, Y = self.factors(X, Y, self.dtype)
            rows, side = (Y, X) if self.transposed else (X, Y)
            self.reads += 1
            return Point(self, rows, side, self.storage.transpose_times(rows), gram(rows), gram(side))

    def advance(self, point: Point, x: Metric, y: Metric, *, order: Order, momentum: float = 0.0) -> Point:
        """Return the point after one iteration, from one read of A.

        X⁺ = X B_x + (A Y) C_x with (B_x, C_x) = x(YᵀY), then Y⁺ = Y B_y + (Aᵀ X̂) C_y with (B_y, C_y) = y(X̂ᵀX̂),
        where X̂ = X⁺ if `order` is "alternating" [WK23, Assumption 1] and X̂ = X if "simultaneous".

        Parameters
        ----------
        point : Point
        x, y : Metric
            How X and Y move.
        order : "alternating" or "simultaneous"
        momentum : float
            β ≥ 0: the next iteration starts from (X⁺ + β(X⁺ − X), Y⁺ + β(Y⁺ − Y)), which the point returned carries
            as `ahead`; where `point` carries one, X and Y on the right of the formulas above are those.
        """
        self.reads += self.storage.reads_per_sweep
        rows, side = (y, x) if self.transposed else (x, y)
        leader = "side" if self.transposed else "rows"
        first = leader if order == "alternating" else None
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore"):
            return moved(self.storage, point, rows, side, first=first, momentum=momentum)

    def stretch(
        self, point: Point, step_size: float, *, order: Order, steps: int, low: float, high: float
    ) -> tuple[Point, list[float]]:
        """Return the point after up to `steps` plain gradient steps in one call, and the loss after each of them.

        It ends after the first step whose loss is at most `low` and short of one whose loss is not at most `high`; a
        matrix too large for that takes none.
        """
        if self.transposed or point.ahead is not None or not can_stretch(self.storage, point.X.shape[1]):
            return point, []
        alternating = order == "alternating"
        point, losses, reads = descended(
            self, self.storage, point, step_size, alternating=alternating, steps=steps, low=low, high=high
        )
        self.reads += reads
        return point, losses


FETCHED = 1 << 21
"""Entries of a matrix held elsewhere that may be brought here: 16 MiB."""

_TRUST = {"float64": 1e6 * 2.0**-54, "float32": 1e3 * 2.0**-25}
"""The Gram form is used above this share of ‖A‖²: about u/3 times the accuracy wanted, 1e-5 or (float32) 1e-2."""
