"""Factors of a sparse matrix by the library's own front door, with what is proved of them."""

from __future__ import annotations

import time
import warnings
from typing import Any, NamedTuple

import numpy as np

from lopside.errors import ConvergenceWarning
from lopside.lens.space.arrays import Floats, Sparse

SEED = 0

TOL = 0.01
"""Proved excess over the least possible error that is enough; small matrices are decomposed whole, and exact."""


class Factors(NamedTuple):
    """A ≈ X Yᵀ with orthonormal Y and the columns of X falling; so the first k columns are the factors of rank k.

    Attributes
    ----------
    X, Y : ndarray
        float32, as they are stored.
    certificate, metrics : dict
    """

    X: Floats
    Y: Floats
    certificate: dict[str, Any]
    metrics: dict[str, Any]


def factors(A: Sparse, rank: int, *, tol: float = TOL, seed: int = SEED) -> Factors:
    """Factor a matrix at a rank, or at the largest there is; a matrix of nothing has factors of rank 0."""
    import lopside as lo

    rank = min(rank, *A.shape) if A.nnz else 0
    metrics: dict[str, Any] = {"shape": list(A.shape), "nnz": int(A.nnz), "rank": rank}
    if rank == 0:
        X, Y = (np.zeros((length, 0), np.float32) for length in A.shape)
        return Factors(X, Y, {}, metrics | {"sigma": [], "kept": []})
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the record has the status
        solution = lo.factorize(A, rank, tol=tol, rng=seed)
    sigma = np.linalg.norm(solution.X, axis=0)
    total = float(np.square(A.data).sum())
    metrics |= {
        "sigma": sigma.tolist(),
        "kept": (np.cumsum(sigma**2) / total).tolist(),
        "relative_error": solution.relative_error,
        "status": solution.status.value,
        "solver": str(solution.solver),
        "choices": list(solution.choices),
        "steps": solution.steps,
        "passes": solution.passes,
        "seconds": time.perf_counter() - began,
    }
    return Factors(
        solution.X.astype(np.float32), solution.Y.astype(np.float32), certified(solution.certificate), metrics
    )


def certified(certificate: Any) -> dict[str, Any]:
    """Return the numbers of a certificate as plain data."""
    return {
        "theorem": certificate.theorem,
        "holds": certificate.holds,
        "gap": certificate.gap,
        "excess": certificate.excess,
        "best_relative_error_bounds": certificate.best_relative_error_bounds,
        "singular_value_bounds": certificate.singular_value_bounds,
        "failure_probability": certificate.failure_probability,
        "verdict": certificate.verdict(),
        "checks": [check._asdict() for check in certificate.checks],
    }
