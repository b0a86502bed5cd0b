"""A is known by linear measurements: min ½‖𝒜(X Yᵀ) − y‖², plus a ridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from lopside.arrays import Array, as_factors, as_float, as_positive
from lopside.errors import InputError
from lopside.linalg import frobenius, gram, inner, largest_singular_value, leading_triplets, thin_svd
from lopside.problems.protocol import Metric, Order
from lopside.problems.sensing_maps import Functions, Map, Takes, as_stack, linear_operator, product
from lopside.problems.sensing_moves import moved
from lopside.problems.sensing_point import SensingPoint
from lopside.threads import one_blas_thread

_LEAST = 0.01
"""Share of the best scalar that a start keeps where the ridge would make it vanish."""


class Sensing:
    """A ≈ X Yᵀ from k linear measurements: f(X, Y) = ½‖𝒜(X Yᵀ) − y‖² + (λ/2)(‖X‖_F² + ‖Y‖_F²), 𝒜(Z)_i = ⟨A_i, Z⟩.

    Step sizes have the unit of 1/σ₁(A), or none, whatever the A_i are multiplied by: methods are given the gradient of
    f/s, with s the mean of ‖𝒜(Z)‖²/‖Z‖_F² over all Z, so that 𝒜*𝒜/s is the identity on average. What starts take for
    A is 𝒜*(y)/s.

    Parameters
    ----------
    values : array_like, shape (k,)
        y, finite.
    matrices : array_like, shape (k, m, n)
        The A_i: an array, a list of k matrices, dense or all sparse; or a k × mn matrix, dense or sparse, whose rows
        are the A_i row by row, with `shape`. float32 and float64 are kept, and set the precision of the factors; other
        numbers become float64. For 𝒜 as a pair of functions see `from_operator`.
    shape : (m, n), optional
        For a k × mn matrix.
    ridge : float
        λ ≥ 0.
    scale : float, optional
        s > 0; default the mean named above. 1 leaves gradients as they are.
    threads : int, optional
        As for `Full`.

    Attributes
    ----------
    shape : (m, n)
    count : int
        k.
    values : ndarray, shape (k,)
    norm : float
        ‖y‖.
    scale : float
        s.
    notes : tuple of str
    reads : int
        How often 𝒜 or 𝒜* was applied through this handle: twice for a step of simultaneous descent, four times for one
        of alternating descent.

    Raises
    ------
    InputError
        If values and matrices do not fit, are not finite real numbers, or all matrices are 0.

    Examples
    --------
    >>> import numpy as np, lopside as lo
    >>> matrices = np.random.default_rng(0).standard_normal((30, 5, 4))
    >>> A = np.outer([1.0, 2.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, -1.0])
    >>> problem = Sensing(np.tensordot(matrices, A), matrices)
    >>> solver = lo.solvers.ScaledGradientDescent()
    >>> solution = lo.solve(problem, solver, rank=1, start=lo.starts.Spectral(), stop=lo.Stop(relative_error=1e-9))
    >>> bool(np.allclose(solution.matrix(), A))
    True
    """

    def __init__(
        self,
        values: Any,
        matrices: Any,
        *,
        shape: tuple[int, int] | None = None,
        ridge: float = 0.0,
        scale: float | None = None,
        threads: int | None = None,
    ) -> None:
        self._set(values, as_stack(matrices, shape, threads), ridge, scale)

    @classmethod
    def from_operator(
        cls,
        values: Any,
        forward: Callable[..., Any],
        adjoint: Callable[[Array], Any],
        *,
        shape: tuple[int, int],
        takes: Takes = "matrix",
        ridge: float = 0.0,
        scale: float | None = None,
    ) -> Self:
        """Return the problem of an 𝒜 that is given as a pair of functions.

        Parameters
        ----------
        values : array_like, shape (k,)
            y; float32 is kept, and sets the precision of the factors.
        forward : callable
            Z (m × n) ↦ 𝒜(Z), shape (k,); with `takes="factors"` (X, Y) ↦ 𝒜(X Yᵀ), which never needs X Yᵀ, for X
            (m × c) and Y (n × c) of any number c of columns.
        adjoint : callable
            v (k,) ↦ 𝒜*(v) = Σ v_i A_i, m × n: an array, a sparse matrix or a LinearOperator; only products with it and
            its transpose are formed.
        shape : (m, n)
        takes : "matrix" or "factors"
        ridge : float
            λ ≥ 0.
        scale : float, optional
            s > 0, by default estimated with four random matrices of rank one.

        Raises
        ------
        InputError
            Also if the functions are not linear, or not adjoint to each other.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy import sparse
        >>> i, j = np.array([0, 1, 2, 2]), np.array([0, 1, 0, 1])  # four entries of a 3 × 2 matrix
        >>> problem = Sensing.from_operator(
        ...     [1.0, 4.0, 3.0, 6.0],
        ...     lambda X, Y: np.einsum("kc,kc->k", X[i], Y[j]),
        ...     lambda v: sparse.csr_array((v, (i, j)), shape=(3, 2)),
        ...     shape=(3, 2),
        ...     takes="factors",
        ... )
        >>> problem.count, round(problem.scale, 6)
        (4, 0.666667)
        """
        if takes not in ("matrix", "factors"):
            raise InputError(f'got takes = {takes!r}; expected "matrix" for forward(Z) or "factors" for forward(X, Y)')
        y = _vector(values)
        m, n = (int(side) for side in shape)
        if min(m, n) < 1:
            raise InputError(f"got shape {shape}; expected at least one row and one column")
        problem = cls.__new__(cls)
        problem._set(y, Functions(forward, adjoint, len(y), (m, n), y.dtype, takes), ridge, scale)
        return problem

    def _set(self, values: Any, map_: Map, ridge: float, scale: float | None) -> None:
        y = _vector(values).astype(map_.dtype, copy=False)
        if len(y) != map_.count:
            raise InputError(f"got {len(y)} values and {map_.count} measurement matrices; expected one value for each")
        gain = map_.gain() if scale is None else as_positive(scale, "scale")
        if not 0.0 < gain < np.inf:
            raise InputError(f"got measurement matrices with mean square {gain:.3g}; expected some that are not 0")
        self._map, self.values, self.scale = map_, y, gain
        self.shape, self.count, self.dtype = map_.shape, map_.count, map_.dtype
        self.ridge = as_positive(ridge, "ridge", zero=True)
        self.norm = frobenius(y)
        if self.norm > 1e153 or 0.0 < self.norm < 1e-153:
            raise InputError(f"got values with ‖y‖ = {self.norm:.3g}, whose square is outside the range of float64")
        self.notes = () if scale is not None else (f"steps are those of f/{gain:.4g}, the mean of ‖𝒜(Z)‖²/‖Z‖²",)
        self.reads = 0
        # Shared by all handles on these measurements.
        self._known: dict[str, Any] = {}

    def __repr__(self) -> str:
        m, n = self.shape
        return f"Sensing({self.count} measurements of {m} × {n}, {self.dtype.name}, ‖y‖ = {self.norm:.6g})"

    @property
    def bytes_read(self) -> int:
        """How many bytes of the measurement matrices were read through this handle; 0 for functions."""
        return self.reads * self._map.nbytes

    def metered(self) -> Self:
        """Return a handle on the same measurements whose `reads` starts at 0."""
        handle = type(self).__new__(type(self))
        handle.__dict__.update(self.__dict__, reads=0)
        return handle

    def measure(self, X: Array, Y: Array) -> Array:
        """Return 𝒜(X Yᵀ), shape (k,), for X (m × c) and Y (n × c)."""
        self.reads += 1
        return self._map.apply(X, Y)

    def adjoint(self, v: Array) -> Any:
        """Return 𝒜*(v) = Σ v_i A_i, m × n: an array, or what products with and transposition are possible of."""
        self.reads += 1
        return self._map.adjoint(v)

    def _surrogate(self) -> Any:
        if "surrogate" not in self._known:
            self._known["surrogate"] = self.adjoint(self.values)
        return self._known["surrogate"]

    def times(self, Y: Array) -> Array:
        """Return 𝒜*(y)Y/s, which starts take for A Y."""
        with one_blas_thread:
            return product(self._surrogate(), Y) / self.scale

    def transpose_times(self, X: Array) -> Array:
        """Return 𝒜*(y)ᵀX/s, which starts take for AᵀX."""
        with one_blas_thread:
            return product(self._surrogate().T, X) / self.scale

    def sigma1(self) -> float:
        """Return an estimate of σ₁(𝒜*(y)/s) from below: about σ₁(A)."""
        if "sigma1" not in self._known:

            def squared(V: Array) -> tuple[Array, Array]:
                W = self.times(V)
                return self.transpose_times(W), gram(W)

            self._known["sigma1"] = largest_singular_value(squared, self.shape[1])
        return self._known["sigma1"]

    def svd(self) -> tuple[Array, Array, Array]:
        """Return LAPACK's thin SVD of 𝒜*(y)/s in float64, kept for the next call."""
        if "svd" not in self._known:
            self._known["svd"] = thin_svd(self.times(np.eye(self.shape[1])))
        return self._known["svd"]

    def leading(self, rank: int) -> tuple[Array, Array, Array]:
        """Return U (m × d), s, Vᵗ: about the leading singular vectors of 𝒜*(y), with s = cσ for the c that fits best.

        c minimizes ½‖c𝒜(UΣVᵀ) − y‖² + λcΣσ: near 1/s where 𝒜*𝒜/s is near the identity on matrices of low rank [TMC21].
        """
        U, sigma, Vt = leading_triplets(self.times, self.transpose_times, self.shape, rank)
        fit = self.measure((U * sigma).astype(self.dtype), Vt.T.astype(self.dtype))
        square, agreement = inner(fit, fit), inner(fit, self.values)
        if square > 0.0:
            sigma = sigma * max(agreement - self.ridge * float(sigma.sum()), _LEAST * agreement) / square
        return U, sigma, Vt

    def residual_norm(self, X: Array, Y: Array) -> float:
        """Return ‖𝒜(X Yᵀ) − y‖."""
        return self.point(X, Y).residual_norm

    def point(self, X: Array, Y: Array) -> SensingPoint:
        """Return the `SensingPoint` at copies of X (m × d) and Y (n × d)."""
        return SensingPoint(self, *as_factors(X, Y, self.shape, self.dtype))

    def advance(
        self, point: SensingPoint, x: Metric, y: Metric, *, order: Order, momentum: float = 0.0
    ) -> SensingPoint:
        """Return the point after one iteration: X by `x`, then Y by `y`, at the new X if `order` is "alternating".

        A metric is given ∇f/s, the other factor's Gram matrix and the ridge λ/s. One that is `exact` minimizes f/s,
        plus its damping ½μ‖· − X‖_F², over its factor: LSQR [PS82], preconditioned by that Gram matrix.
        """
        return moved(self, point, x, y, order=order, momentum=momentum)

    def tangent(self, point: SensingPoint) -> tuple[Any, Array]:
        """Return T: (dX, dY) ↦ 𝒜(X dYᵀ + dX Yᵀ) and the target y − 𝒜(X Yᵀ), shape (k,).

        T is a k × (m + n)d LinearOperator on the entries of dX, row by row, and after them those of dY.
        """
        X, Y = point.X, point.Y

        def forward(z: Array) -> Array:
            dX, dY = (part.reshape(F.shape) for part, F in zip(np.split(z, [X.size]), (X, Y), strict=True))
            return self.measure(np.hstack([X, dX]).astype(X.dtype), np.hstack([dY, Y]).astype(X.dtype))

        def back(v: Array) -> Array:
            M = self.adjoint(v.astype(X.dtype, copy=False))
            return np.concatenate([product(M, Y).ravel(), product(M.T, X).ravel()])

        return linear_operator((self.count, X.size + Y.size), forward, back, X.dtype), -point.residual


def _vector(values: Any) -> Array:
    try:
        y = as_float(np.asarray(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"values: {error}") from error
    if y.ndim != 1 or y.size == 0:
        raise InputError(f"got values of shape {y.shape}; expected one number for each measurement, shape (k,)")
    if not np.isfinite(y).all():
        i = int(np.argmax(~np.isfinite(y)))
        raise InputError(f"got {y[i]} as value {i} (counted from 0); expected finite numbers. Try leaving it out")
    return y
