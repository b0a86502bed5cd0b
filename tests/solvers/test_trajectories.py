"""Every solver against its formula written with the full residual, however A is held."""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside import solvers

A = reference.planted(40, 30, np.linspace(1.0, 0.5, 4), seed=9)
A = A + 0.2 * A[0] / np.linalg.norm(A[0])  # column means that matter, and still of rank 4, centered or not
STEPS = 100


def nesterov_by_hand(A, X, Y):
    L, mu = (np.linalg.svd(X, compute_uv=False) ** 2)[[0, -1]]
    L += np.linalg.norm(Y, 2) ** 2
    beta = (np.sqrt(L) - np.sqrt(mu)) / (np.sqrt(L) + np.sqrt(mu))
    return reference.nesterov(A, X, Y, 1 / L, beta, STEPS)


METHODS = {
    "scaled": (solvers.ScaledGradientDescent(0.3), lambda *a: reference.scaled(*a, 0.3, STEPS)),
    "scaled damped": (
        solvers.ScaledGradientDescent(0.3, damping=0.2),
        lambda *a: reference.scaled(*a, 0.3, STEPS, damping=0.2),
    ),
    "alternating": (
        solvers.AlternatingScaledGradientDescent(0.05),
        lambda *a: reference.scaled(*a, 0.05, STEPS, alternate=True),
    ),
    "alternating, overshooting": (
        solvers.AlternatingScaledGradientDescent(1.2),
        lambda *a: reference.scaled(*a, 1.2, STEPS, alternate=True),
    ),
    "alternating, damped by the loss": (
        solvers.AlternatingScaledGradientDescent(0.5, damping="loss"),
        lambda *a: reference.scaled(*a, 0.5, STEPS, damping="loss", alternate=True),
    ),
    "least squares": (solvers.AlternatingLeastSquares(), lambda *a: reference.least_squares(*a, STEPS)),
    "least squares, damped": (
        solvers.AlternatingLeastSquares(damping=0.2),
        lambda *a: reference.scaled(*a, 1.0, STEPS, damping=0.2, alternate=True),
    ),
    "nesterov": (solvers.Nesterov(restart=False), nesterov_by_hand),
    "nesterov, given": (
        solvers.Nesterov(step_size=0.01, momentum=0.9),
        lambda *a: reference.nesterov(*a, 0.01, 0.9, STEPS, restart=True),
    ),
}
HELD = {
    "rows": lambda A: (np.ascontiguousarray(A), False),
    "columns": lambda A: (np.asfortranarray(A), False),
    "rows, centered": lambda A: (np.ascontiguousarray(A), True),
    "columns, centered": lambda A: (np.asfortranarray(A), True),
}


def starts(A, X0):
    """From a column span start with Y₀ = 0, and from Gaussian factors."""
    rng = np.random.default_rng(4)
    return {"span": (X0, np.zeros((30, 4))), "gaussian": (rng.standard_normal((40, 4)), rng.standard_normal((30, 4)))}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("begin", ["span", "gaussian"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_trajectories_equal_the_papers_formulas(name, held, begin, dtype, tolerance):
    solver, formula = METHODS[name]
    matrix, center = HELD[held](A.astype(dtype))
    exact = matrix.astype(np.float64)
    exact = exact - exact.mean(axis=0) if center else exact
    span = 3.0 * exact @ np.random.default_rng(2).standard_normal((30, 4))
    pair = tuple(F.astype(dtype) for F in starts(exact, span)[begin])
    problem = lo.Full(matrix, center=center)
    assert problem.transposed == held.startswith("columns")
    path = formula(exact, *(F.astype(np.float64) for F in pair))
    for state, (U, V) in zip(lo.iterate(problem, solver, *pair), path, strict=False):
        assert state.X.dtype == dtype
        assert np.linalg.norm(state.X - U) <= tolerance * np.linalg.norm(U)
        assert np.linalg.norm(state.Y - V) <= tolerance * np.linalg.norm(V)
        reached = reference.loss(exact, state.X.astype(np.float64), state.Y.astype(np.float64))
        assert state.loss == pytest.approx(reached, rel=1e-2, abs=1e-28)
    assert state.step == STEPS
