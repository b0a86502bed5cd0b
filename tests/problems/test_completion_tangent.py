"""The tangent of a completion problem, and Gauss–Newton on it."""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside.solvers import GNMR

rng = np.random.default_rng(4)
m, n, d = 9, 7, 2
ROWS, COLUMNS = np.nonzero(rng.random((m, n)) < 0.7)
VALUES = rng.standard_normal(len(ROWS))
X, Y = rng.standard_normal((m, d)), rng.standard_normal((n, d))


@pytest.mark.parametrize("bias", ["none", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_tangent_is_the_derivative_of_the_residual(weighted, bias):
    weights = rng.random(len(ROWS)) + 0.1 if weighted else np.ones(len(ROWS))
    problem = lo.Completion(ROWS, COLUMNS, VALUES, shape=(m, n), weights=weights if weighted else None, bias=bias)
    point = problem.point(X, Y)
    T, target = problem.tangent(point)
    mean = np.average(VALUES, weights=weights) if bias == "mean" else 0.0

    def residual(X, Y):
        return np.sqrt(weights) * (VALUES - mean - (X @ Y.T)[ROWS, COLUMNS])

    np.testing.assert_allclose(target, residual(X, Y), rtol=0, atol=1e-13)
    assert 0.5 * target @ target == pytest.approx(point.loss, rel=1e-12)
    dX, dY, v, h = rng.standard_normal((m, d)), rng.standard_normal((n, d)), rng.standard_normal(len(ROWS)), 1e-6
    z = np.concatenate([dX.ravel(), dY.ravel()])
    slope = (residual(X - h * dX, Y - h * dY) - residual(X + h * dX, Y + h * dY)) / (2 * h)
    np.testing.assert_allclose(T @ z, slope, rtol=0, atol=1e-8)
    assert (T @ z) @ v == pytest.approx(z @ (T.T @ v), rel=1e-12)


def test_gauss_newton_recovers_from_few_entries():
    truth = reference.planted(60, 70, np.linspace(1.0, 10.0, 3), seed=0)
    mask = np.random.default_rng(0).random(truth.shape) < 2.0 * 3 * 127 / 4200
    rows, columns = np.nonzero(mask)
    problem = lo.Completion(rows, columns, truth[mask], shape=truth.shape)
    solution = lo.solve(problem, GNMR(), rank=3, stop=lo.Stop(60, relative_error=1e-12))
    assert np.linalg.norm(solution.matrix() - truth) <= 1e-10 * np.linalg.norm(truth)


def test_fitted_biases_are_refused():
    problem = lo.Completion(ROWS, COLUMNS, VALUES, shape=(m, n), bias="both")
    with pytest.raises(lo.errors.AbilityError, match="stay 1"):
        lo.solve(problem, GNMR(), rank=2)
