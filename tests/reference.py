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


def scaled(A, X, Y, eta, steps, damping=0.0, alternate=False):
    """ScaledGD of Tong, Ma and Chi, or alternating; by pseudo-inverse, a factor stays while the other is zero."""
    path = [(X, Y)]
    for _ in range(steps):
        lam = damping * np.eye(X.shape[1]) if damping != "loss" else np.sqrt(loss(A, X, Y)) * np.eye(X.shape[1])
        U = X - eta * (X @ Y.T - A) @ Y @ np.linalg.pinv(Y.T @ Y + lam, hermitian=True)
        W = U if alternate else X
        Y = Y - eta * (W @ Y.T - A).T @ W @ np.linalg.pinv(W.T @ W + lam, hermitian=True)
        X = U
        path.append((X, Y))
    return path


def least_squares(A, X, Y, steps):
    """Each factor in turn by LAPACK's least squares; a factor stays while the other is zero."""
    path = [(X, Y)]
    for _ in range(steps):
        X = np.linalg.lstsq(Y, A.T)[0].T if Y.any() else X
        Y = np.linalg.lstsq(X, A)[0].T
        path.append((X, Y))
    return path


def nesterov(A, X, Y, eta, beta, steps, restart=False):
    """Both gradients at the extrapolated pair; with restart, none is extrapolated from a step that raised the loss."""
    path, U, V = [(X, Y)], X, Y
    for _ in range(steps):
        E = U @ V.T - A
        P, Q = U - eta * E @ V, V - eta * E.T @ U
        U, V = P + beta * (P - X), Q + beta * (Q - Y)
        if restart and loss(A, P, Q) > loss(A, X, Y):
            U, V = P, Q
        X, Y = P, Q
        path.append((X, Y))
    return path


def best(s, d):
    """Return the least ‖A − B‖_F over the B of rank d, for singular values s."""
    return np.sqrt((s[d:] ** 2).sum())
