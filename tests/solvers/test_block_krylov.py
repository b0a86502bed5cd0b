"""Block Krylov as a solver: optimal, certified, right about its own loss and residuals."""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside.solvers import BlockKrylov

SPECTRA = {
    "power": np.arange(1, 41.0) ** -0.5,
    "cluster": np.r_[np.full(5, 1.0) - 1e-7 * np.arange(5), np.full(35, 0.5)],
    "multiple": np.r_[np.full(12, 1.0), np.full(28, 0.3)],
    "low rank": np.r_[1.0, 0.7, 0.2, np.zeros(37)],
}


def best(A, d):
    return np.sqrt((np.linalg.svd(A.astype(np.float64), compute_uv=False)[d:] ** 2).sum())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["power", "cluster", "multiple"])
@pytest.mark.parametrize("solver", [BlockKrylov(), BlockKrylov(2), BlockKrylov(3, 16)])
def test_the_best_fit_is_found_and_proved(kind, solver, order):
    A = np.asarray(reference.planted(60, 40, SPECTRA[kind]), order=order)
    solution = lo.solve(lo.Full(A), solver, rank=4, stop=lo.Stop(max_steps=500, excess=1e-6))
    assert solution.status is lo.Status.EXCESS
    assert np.linalg.norm(solution.X @ solution.Y.T - A) <= best(A, 4) * (1 + 1e-6)
    assert solution.certificate.excess <= 1e-5
    assert solution.order is None
    np.testing.assert_allclose(solution.Y.T @ solution.Y, np.eye(4), atol=1e-13)


@pytest.mark.parametrize("order", ["C", "F"])
def test_losses_and_gradients_are_those_of_the_factors(order):
    A = np.asarray(reference.planted(50, 30, SPECTRA["power"][:30], noise=0.1), order=order)
    states = lo.iterate(lo.Full(A), BlockKrylov(4), np.ones((50, 3)), np.ones((30, 3)))
    kept = [next(states) for _ in range(6)]
    for state in kept[1:]:
        X, Y = state.X, state.Y
        E = X @ Y.T - A
        assert state.loss == pytest.approx(reference.loss(A, X, Y), rel=1e-12)
        gradients = np.linalg.norm(E @ Y), np.linalg.norm(E.T @ X)
        np.testing.assert_allclose(state.point.gradient_norms(), gradients, atol=1e-12)
        np.testing.assert_allclose(state.point.gram_x, X.T @ X, atol=1e-12)
    losses = [state.loss for state in kept[1:]]
    assert losses == sorted(losses, reverse=True)


def test_small_errors_are_read_from_the_residual():
    A = reference.planted(50, 30, SPECTRA["low rank"][:30]) + 1e-9 * np.random.default_rng(0).standard_normal((50, 30))
    *_, last = lo.Run(lo.Full(A), BlockKrylov(), rank=3, stop=lo.Stop(max_steps=5))
    assert last.loss == pytest.approx(reference.loss(A, last.X, last.Y), rel=1e-6)
    assert last.relative_error < 1e-7


def test_a_warm_start_is_kept():
    A = reference.planted(50, 30, SPECTRA["power"][:30])
    U, s, Vt = np.linalg.svd(A)
    run = lo.Run(lo.Full(A), BlockKrylov(2), start=(U[:, :4] * s[:4], Vt[:4].T), stop=lo.Stop(max_steps=1))
    *_, last = run
    assert np.sqrt(2 * last.loss) <= best(A, 4) * (1 + 1e-12)


def test_the_zero_matrix_and_one_column():
    zero = lo.solve(lo.Full(np.zeros((5, 4))), BlockKrylov(), rank=2, stop=lo.Stop(max_steps=3))
    assert zero.loss == 0
    column = lo.solve(lo.Full(np.arange(1.0, 6)[:, None]), BlockKrylov(), rank=1, stop=lo.Stop(max_steps=3))
    assert column.relative_error < 1e-14


def test_no_convergence_theorem_is_claimed():
    A = reference.planted(30, 20, [1.0, 0.5])
    solution = lo.solve(lo.Full(A), BlockKrylov(), rank=2, stop=lo.Stop(max_steps=3))
    certificate = lo.certify(lo.Full(A), solution, solver=BlockKrylov())
    assert not certificate.holds
    assert certificate.gap is not None
    assert "no convergence theorem for BlockKrylov" in certificate.summary()
    assert solution.certificate.holds
    assert lo.Watch(lo.Run(lo.Full(A), BlockKrylov(), rank=2))(None) is None


def test_what_the_arithmetic_cannot_prove_is_said():
    A = reference.planted(30, 20, [1.0, *np.full(19, 1e-13)])
    with pytest.warns(lo.errors.ConvergenceWarning, match="cannot prove more"):
        solution = lo.solve(lo.Full(A), BlockKrylov(), rank=3, stop=lo.Stop(max_steps=60, excess=1e-9))
    assert solution.status is lo.Status.PRECISION
    assert not solution.converged


def test_other_methods_can_be_stopped_by_a_proof():
    A = reference.planted(40, 30, [1.0, 0.6, 0.3], noise=0.05)
    solver = lo.solvers.AlternatingGradientDescent()
    solution = lo.solve(lo.Full(A), solver, rank=3, stop=lo.Stop(max_steps=3000, excess=1e-6, every=20))
    assert solution.status is lo.Status.EXCESS
    assert solution.relative_error * np.linalg.norm(A) <= best(A, 3) * (1 + 1e-6)
    assert solution.steps % 20 == 0


def test_parameters_are_checked():
    for wrong in ({"block": 0}, {"basis": 2.5}, {"block": True}):
        with pytest.raises(lo.errors.InputError, match="expected an integer"):
            BlockKrylov(**wrong)
