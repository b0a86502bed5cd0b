"""Matrices with a chosen spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array, as_generator, as_positive
from lopside.errors import InputError
from lopside.linalg import frobenius, orthonormal
from lopside.threads import one_blas_thread


class Planted(NamedTuple):
    """A matrix and what was planted in it.

    Attributes
    ----------
    A : ndarray, shape (m, n)
        U diag(sigma) Vᵀ plus noise.
    U, V : ndarray, shapes (m, r) and (n, r)
        Orthonormal columns.
    sigma : ndarray, shape (r,)
        The planted singular values; those of A itself up to the noise.
    noise : float
        The relative size of the noise.
    """

    A: Array
    U: Array
    sigma: Array
    V: Array
    noise: float


def planted(
    shape: tuple[int, int],
    sigma: Sequence[float] | Array,
    *,
    noise: float = 0.0,
    rng: int | np.random.Generator = 0,
) -> Planted:
    """Make A = U diag(σ) Vᵀ + N with random orthonormal U (m × r), V (n × r) and Gaussian noise N.

    Parameters
    ----------
    shape : (m, n)
    sigma : sequence of float, length r
        Singular values > 0, 1 ≤ r ≤ min(m, n), in any order.
    noise : float
        ‖N‖_F / ‖U diag(σ) Vᵀ‖_F ≥ 0, exactly: the noise is scaled after it is drawn.
    rng : int or numpy.random.Generator
        U is drawn first, then V, then N, so that one seed means the same U and V at any noise.

    Raises
    ------
    InputError
        If the spectrum does not fit the shape, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> A = planted((30, 20), [1.0, 0.5], rng=1).A
    >>> bool(np.allclose(np.linalg.svd(A)[1][:3], [1.0, 0.5, 0.0]))
    True
    """
    m, n = shape
    values = np.array([as_positive(value, "singular value") for value in sigma])
    if not 1 <= len(values) <= min(m, n):
        raise InputError(f"got {len(values)} singular values for shape {shape}; expected 1 to {min(m, n)}")
    noise = as_positive(noise, "noise", zero=True)
    rng = as_generator(rng)
    U = orthonormal(rng.standard_normal((m, len(values))))
    V = orthonormal(rng.standard_normal((n, len(values))))
    with one_blas_thread:
        A = (U * values) @ V.T
    if noise > 0:
        A += _noise(rng, shape, noise * frobenius(values[None, :]))
    return Planted(A, U, values, V, noise)


def _noise(rng: np.random.Generator, shape: tuple[int, int], norm: float) -> Any:
    drawn = rng.standard_normal(shape)
    return norm / frobenius(drawn) * drawn
