"""The duality gap of linear measurements is a bound, and closes where the factors are the best of all."""

from __future__ import annotations

import numpy as np
import pytest

import lopside as lo


def measured(seed: int, ridge: float, kind: type = np.float64) -> lo.Sensing:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((9, 2)) @ rng.standard_normal((2, 7))
    stack = rng.standard_normal((50, 9, 7)).astype(kind)
    y = np.einsum("kij,ij->k", stack, A) + 0.1 * rng.standard_normal(50)
    return lo.Sensing(y.astype(kind), stack, ridge=ridge)


def least(problem: lo.Sensing) -> float:
    """Return min over all ranks, by proximal gradient steps on Z."""
    stack = np.stack([problem.adjoint(row) for row in np.eye(problem.count, dtype=problem.dtype)]).astype(np.float64)
    flat = stack.reshape(len(stack), -1)
    step, Z = 1.0 / np.linalg.norm(flat, 2) ** 2, np.zeros(stack.shape[1:])
    for _ in range(20_000):
        U, s, Vt = np.linalg.svd(Z - step * (flat.T @ (flat @ Z.ravel() - problem.values)).reshape(Z.shape))
        s = np.maximum(s - step * problem.ridge, 0.0)
        new = (U[:, : len(s)] * s) @ Vt[: len(s)]
        if np.linalg.norm(new - Z) < 1e-13 * np.linalg.norm(new):
            break
        Z = new
    return 0.5 * float(np.sum((flat @ Z.ravel() - problem.values) ** 2)) + problem.ridge * float(s.sum())


@pytest.mark.parametrize("ridge", [5.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_gap_is_a_bound_and_closes(seed: int, ridge: float) -> None:
    problem = measured(seed, ridge)
    best = least(problem)
    solver = lo.solvers.AlternatingLeastSquares()
    for steps in (0, 1, 5, 300):
        solution = lo.solve(problem, solver, rank=7, stop=lo.Stop(max_steps=steps))
        assert solution.certificate.gap >= solution.loss - best - 1e-9 * best
    assert solution.certificate.gap <= 1e-4 * solution.loss
    stopped = lo.solve(problem, solver, rank=7, stop=lo.Stop(gap=1e-3))
    assert stopped.status is lo.Status.GAP
    assert stopped.loss - best <= 1e-3 * stopped.loss


def test_without_a_ridge_nothing_is_claimed() -> None:
    solution = lo.solve(measured(0, 0.0), rank=2, stop=lo.Stop(max_steps=20))
    assert not solution.certificate.holds
    assert solution.certificate.gap is None


def test_random_factors_and_single_precision() -> None:
    for kind in (np.float64, np.float32):
        problem, rng = measured(1, 5.0, kind), np.random.default_rng(5)
        best = least(problem)
        for scale in (0.0, 1e-3, 1.0, 1e3):
            X, Y = scale * rng.standard_normal((9, 3)), scale * rng.standard_normal((7, 3))
            loss = 0.5 * problem.residual_norm(X, Y) ** 2 + 2.5 * (np.sum(X**2) + np.sum(Y**2))
            assert lo.certify(problem, (X, Y)).gap >= (loss - best) * (1.0 - 1e-5)
