"""Independent float64 references for the tests of the theory: planted matrices, starts, iterations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[Array, Array]


@dataclass(frozen=True)
class Planted:
    """A matrix with known singular vectors and values, and a source of randomness."""

    A: Array
    left: Array
    sigma: Array
    right: Array
    rng: np.random.Generator

    @property
    def r(self) -> int:
        return len(self.sigma)


@pytest.fixture(scope="session")
def planted() -> Callable[..., Planted]:
    """Plant an m × n matrix of rank r with σ₁ = scale and condition number kappa."""

    def make(m: int, n: int, r: int, kappa: float, seed: int, scale: float = 1.0) -> Planted:
        rng = np.random.default_rng(seed)
        left = np.linalg.qr(rng.standard_normal((m, r)))[0]
        right = np.linalg.qr(rng.standard_normal((n, r)))[0]
        sigma = scale * np.linspace(1, 1 / kappa, r)
        return Planted((left * sigma) @ right.T, left, sigma, right, rng)

    return make


@pytest.fixture(scope="session")
def unbalanced() -> Callable[..., Pair]:
    """Draw the start of Ward and Kolda."""

    def draw(problem: Planted, d: int, eta: float, C: float = 4.0, nu: float = 1e-10) -> Pair:
        n, sigma1 = problem.A.shape[1], problem.sigma[0]
        left, right = problem.rng.standard_normal((2, n, d))
        X = problem.A @ left / np.sqrt(d) / (np.sqrt(eta) * C * sigma1)
        return X, np.sqrt(eta) * C * nu / 9 * sigma1 * right / np.sqrt(n)

    return draw


@pytest.fixture(scope="session")
def near_solution() -> Callable[..., Pair]:
    """Draw factors near a solution, X in the span of A and ``tilt`` times as large as a balanced one."""

    def draw(problem: Planted, d: int, tilt: float, distance: float) -> Pair:
        rng, r = problem.rng, problem.r
        frame = np.linalg.qr(rng.standard_normal((d, d)))[0][:r]
        root = np.sqrt(problem.sigma[0])
        X = problem.left @ (np.sqrt(problem.sigma)[:, None] * tilt * frame)
        Y = problem.right @ (np.sqrt(problem.sigma)[:, None] / tilt * frame)
        X = X + root * distance * problem.left @ rng.standard_normal((r, d))
        return X, Y + root * distance * rng.standard_normal(Y.shape)

    return draw


@pytest.fixture(scope="session")
def descend() -> Callable[..., list[Pair]]:
    """Run (A1a, A1b) of Ward and Kolda, or simultaneous gradient descent, in the dtype of its input."""

    def run(A: Array, X: Array, Y: Array, eta: float, steps: int, order: str = "alternating") -> list[Pair]:
        pairs = [(X, Y)]
        step = A.dtype.type(eta)
        for _ in range(steps):
            residual = X @ Y.T - A
            X_next = X - step * residual @ Y
            if order == "alternating":
                residual = X_next @ Y.T - A
                X, Y = X_next, Y - step * residual.T @ X_next
            else:
                X, Y = X_next, Y - step * residual.T @ X
            pairs.append((X, Y))
        return pairs

    return run


@pytest.fixture(scope="session")
def losses() -> Callable[..., Array]:
    """Evaluate ½‖XYᵀ − A‖_F² along a trajectory, in float64."""

    def evaluate(A: Array, pairs: list[Pair]) -> Array:
        A = A.astype(np.float64)
        return np.array([0.5 * np.sum((X.astype(np.float64) @ Y.astype(np.float64).T - A) ** 2) for X, Y in pairs])

    return evaluate
