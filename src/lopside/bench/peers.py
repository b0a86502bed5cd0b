"""The truncated decompositions of other libraries behind one call: (A, k, knob) ↦ (U, s, Vᵗ)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from lopside.bench.machine import version
from lopside.threads import thread_count

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]

OVERSAMPLES = 10
"""Extra columns of the randomized methods: scikit-learn's default, given to all."""

_SEED = 0
_POWERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 28, 34, 40, 48, 56, 68, 80, 96, 112, 136, 160)
_TOLERANCES = (3e-1, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6)


class Peer(NamedTuple):
    """One method of one library.

    Attributes
    ----------
    name, package : str
    knob : str
        What trades time for accuracy.
    settings : tuple
        Values of the knob, the cheapest first.
    usual : tuple
        Values that people leave it at, to be shown whatever they reach.
    fit : callable
        (A, k, setting) ↦ (U, s, Vᵗ).
    hold : callable
        A as the library wants it, made outside the clock.
    """

    name: str
    package: str
    knob: str
    settings: tuple[Any, ...]
    usual: tuple[Any, ...]
    fit: Callable[[Any, int, Any], Triple]
    hold: Callable[[Any], Any] = lambda A: A


def installed() -> list[Peer]:
    """Return the peers whose library is there."""
    return [peer for peer in _PEERS if version(peer.package)]


def absent() -> list[str]:
    """Return the names of the peers whose library is not there."""
    return [peer.name for peer in _PEERS if not version(peer.package)]


def _randomized(A: Any, k: int, n_iter: Any) -> Triple:
    from sklearn.utils import extmath

    svd: Any = extmath.randomized_svd
    return svd(A, k, n_oversamples=OVERSAMPLES, n_iter=n_iter, random_state=_SEED)


def _svds(solver: str) -> Callable[[Any, int, Any], Triple]:
    def fit(A: Any, k: int, tol: float) -> Triple:
        from scipy.sparse import linalg

        svds: Any = linalg.svds  # what its defaults say of the types is narrower than what it takes
        # LOBPCG takes its tolerance, squared, as the absolute residual of an eigenvector of AᵀA: the matrices here
        # have σ₁ near 1.  Its default of 20 iterations reaches little.
        budget = {"maxiter": 500} if solver == "lobpcg" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LOBPCG warns of every tolerance it misses; the error is measured anyway
            return svds(A, k, tol=tol, solver=solver, rng=np.random.default_rng(_SEED), **budget)

    return fit


arpack = _svds("arpack")
"""(A, k, tol) ↦ (U, s, Vᵗ): SciPy's default solver."""


def _fbpca(A: Any, k: int, n_iter: int) -> Triple:
    np.random.seed(_SEED)  # noqa: NPY002 - fbpca knows no other generator
    return import_module("fbpca").pca(A, k, raw=True, n_iter=n_iter, l=k + OVERSAMPLES)


def _torch(A: Any, k: int, niter: int) -> Triple:
    torch = import_module("torch")
    torch.manual_seed(_SEED)
    U, s, V = torch.svd_lowrank(A, q=k + OVERSAMPLES, niter=niter)
    return U[:, :k].numpy(), s[:k].numpy(), V[:, :k].numpy().T


def tensor(A: Any) -> Any:
    """Return a dense or CSR matrix as a torch tensor on the same memory, with torch set to our number of threads."""
    torch = import_module("torch")
    torch.set_num_threads(thread_count())
    if not hasattr(A, "indptr"):
        return torch.from_numpy(A)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its CSR support a beta
        return torch.sparse_csr_tensor(*map(torch.from_numpy, (A.indptr, A.indices, A.data)), size=A.shape)


_PEERS = (
    Peer("randomized_svd", "scikit-learn", "n_iter", _POWERS, ("auto", 2, 4, 7), _randomized),
    Peer("svds arpack", "scipy", "tol", _TOLERANCES, (0.0,), arpack),
    Peer("svds propack", "scipy", "tol", _TOLERANCES, (0.0,), _svds("propack")),
    Peer("svds lobpcg", "scipy", "tol", _TOLERANCES, (), _svds("lobpcg")),
    Peer("fbpca", "fbpca", "n_iter", _POWERS, (2,), _fbpca),
    Peer("torch svd_lowrank", "torch", "niter", _POWERS, (2,), _torch, tensor),
)
