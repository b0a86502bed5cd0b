"""Independent float64 references: the papers' formulas written out with the full residual, nothing shared with src."""

from __future__ import annotations

import numpy as np


def planted(m, n, sigma, seed=0, noise=0.0):
    """A = U diag(sigma) Vᵀ with random orthonormal U, V, plus noise of the given relative Frobenius size."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.standard_normal((m, len(sigma))))[0]
    V = np.linalg.qr(rng.standard_normal((n, len(sigma))))[0]
    A = (U * np.asarray(sigma)) @ V.T
    N = rng.standard_normal((m, n))
    return A + noise * np.linalg.norm(A) / np.linalg.norm(N) * N


def loss(A, X, Y):
    return 0.5 * np.linalg.norm(X @ Y.T - A) ** 2


def alternating(A, X, Y, eta, steps):
    """(A1a) and (A1b) of Ward and Kolda; returns every iterate, the start included."""
    path = [(X, Y)]
    for _ in range(steps):
        X = X - eta * (X @ Y.T - A) @ Y
        Y = Y - eta * (X @ Y.T - A).T @ X
        path.append((X, Y))
    return path


def simultaneous(A, X, Y, eta, steps):
    """Both gradients at the old pair."""
    path = [(X, Y)]
    for _ in range(steps):
        E = X @ Y.T - A
        X, Y = X - eta * E @ Y, Y - eta * E.T @ X
        path.append((X, Y))
    return path
