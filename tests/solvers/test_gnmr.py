"""Gauss–Newton: steps against minimum-norm least squares, convergence, and recovery from few entries."""

import numpy as np
import pytest
import reference
from scipy import sparse

import lopside as lo
from lopside.problems.sensing import Sensing
from lopside.solvers.gnmr import GNMR

m, n, d, k = 8, 6, 2, 40
rng = np.random.default_rng(5)
STACK = rng.standard_normal((k, m, n))
A = reference.planted(m, n, [1.0, 0.3])
NOISY = np.tensordot(STACK, A) + 0.1 * rng.standard_normal(k)
X0, Y0 = rng.standard_normal((m, d)), rng.standard_normal((n, d))
ALPHAS = {"setting": 1.0, "averaging": 0.0, "updating": -1.0}


def entries(truth, mask, kind=np.float64):
    """Return the problem of the entries of a matrix where the mask is True."""
    i, j = np.nonzero(mask)
    starts = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    return Sensing.from_operator(
        truth[i, j].astype(kind),
        lambda X, Y: np.einsum("kc,kc->k", X[i], Y[j]),
        lambda v: sparse.csr_array((v, j, starts), shape=truth.shape),
        shape=truth.shape,
        takes="factors",
    )


def drawn(rows, columns, r, oversampling, seed):
    """Return a mask with at least r entries in each row and column, as in the authors' demonstration."""
    draw = np.random.default_rng(seed)
    while True:
        mask = draw.random((rows, columns)) < oversampling * r * (rows + columns - r) / (rows * columns)
        if min(mask.sum(axis=0).min(), mask.sum(axis=1).min()) >= r:
            return mask


def balanced(X, Y):
    U, s, Vt = np.linalg.svd(X @ Y.T)
    return U[:, :d] * np.sqrt(s[:d]), Vt[:d].T * np.sqrt(s[:d])


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("variant", ALPHAS)
def test_a_step_is_the_smallest_solution_of_the_linear_problem(variant, scaled):
    walk = lo.iterate(Sensing(NOISY, STACK), GNMR(variant, scaled=scaled), X0, Y0)
    next(walk)
    X, Y = balanced(X0, Y0)
    alpha = ALPHAS[variant]
    for _ in range(2):
        roots = [np.diag(np.sqrt(np.sum(F * F, axis=0))) if scaled else np.eye(d) for F in (Y, X)]
        # vec(X̃Yᵀ + XỸᵀ) in the unknowns X̃·roots[0] and Ỹ·roots[1]
        left = np.einsum("kmn,nd->kmd", STACK, Y @ np.linalg.inv(roots[0])).reshape(k, -1)
        right = np.einsum("kmn,md->knd", STACK, X @ np.linalg.inv(roots[1])).reshape(k, -1)
        target = NOISY + alpha * np.tensordot(STACK, X @ Y.T)
        smallest = np.linalg.pinv(np.hstack([left, right]), rcond=1e-10) @ target
        dX = smallest[: m * d].reshape(m, d) @ np.linalg.inv(roots[0])
        dY = smallest[m * d :].reshape(n, d) @ np.linalg.inv(roots[1])
        X, Y = 0.5 * (1.0 - alpha) * X + dX, 0.5 * (1.0 - alpha) * Y + dY
        state = next(walk)
        np.testing.assert_allclose(state.X @ state.Y.T, X @ Y.T, rtol=0, atol=1e-5 * np.linalg.norm(X @ Y.T))
        X, Y = balanced(X, Y)


def test_factors_stay_balanced():
    walk = lo.iterate(Sensing(NOISY, STACK), GNMR(), 100.0 * X0, 0.01 * Y0)
    next(walk)
    for _ in range(3):
        state = next(walk)
        gram = state.X.T @ state.X
        np.testing.assert_allclose(gram, state.Y.T @ state.Y, rtol=0, atol=1e-12 * np.trace(gram))
        np.testing.assert_allclose(gram, np.diag(np.diag(gram)), rtol=0, atol=1e-12 * np.trace(gram))


def test_without_balance_the_published_iteration_of_numbers_ends_in_a_wrong_cycle():
    # A = [[1]]: (x̃, ỹ) = c(y, x)/(x² + y²) with c = 1 + xy. The ratio x/y is inverted and never changes otherwise.
    x, y = 2.0, 0.5
    for _ in range(200):
        c = 1.0 + x * y
        x, y = c * y / (x * x + y * y), c * x / (x * x + y * y)
    ratio = 2.0 / 0.5
    assert x * y == pytest.approx(1.0 / (ratio + 1.0 / ratio - 1.0), rel=1e-12)
    stop = lo.Stop(20, relative_error=1e-14)
    assert lo.solve(Sensing([1.0], [[[1.0]]]), GNMR(scaled=False), start=([[2.0]], [[0.5]]), stop=stop).converged


@pytest.mark.parametrize("variant", ALPHAS)
def test_convergence_is_quadratic(variant):
    truth = reference.planted(m, n, [1.0, 0.5])
    problem = Sensing(np.tensordot(STACK, truth), STACK)
    start = [F + 0.02 * G for F, G in zip(balanced(truth[:, :n], np.eye(n)), (X0, Y0), strict=True)]
    walk = lo.iterate(problem, GNMR(variant), *start)
    errors = [np.linalg.norm(state.X @ state.Y.T - truth) for state, _ in zip(walk, range(5), strict=False)]
    assert errors[0] > 1e-2
    assert errors[-1] < 1e-13
    for before, after in zip(errors, errors[1:], strict=False):
        assert after <= 5.0 * before**2 + 1e-13


@pytest.mark.parametrize(("variant", "oversampling", "seed"), [("setting", 1.5, 2), ("averaging", 2.0, 3)])
def test_a_matrix_is_recovered_from_few_more_entries_than_it_has_freedom(variant, oversampling, seed):
    truth = reference.planted(60, 70, np.linspace(1.0, 10.0, 3), seed=seed)
    problem = entries(truth, drawn(60, 70, 3, oversampling, seed))
    start = lo.starts.Spectral()
    solution = lo.solve(problem, GNMR(variant), rank=3, start=start, stop=lo.Stop(60, relative_error=1e-12))
    assert np.linalg.norm(solution.matrix() - truth) <= 1e-10 * np.linalg.norm(truth)
    descended = lo.solve(problem, lo.solvers.ScaledGradientDescent(), rank=3, start=start, stop=lo.Stop(60))
    assert np.linalg.norm(descended.matrix() - truth) >= 1e-2 * np.linalg.norm(truth)


def test_noise_is_not_amplified_much():
    truth = reference.planted(40, 50, [1.0, 0.5], seed=2)
    noise = np.random.default_rng(0).standard_normal(truth.shape)
    noise *= 1e-3 * np.linalg.norm(truth) / np.linalg.norm(noise)
    problem = entries(truth + noise, drawn(40, 50, 2, 3.0, 2))
    solution = lo.solve(
        problem, GNMR(), rank=2, start=lo.starts.Spectral(), stop=lo.Stop(30, no_progress=1e-9, every=3)
    )
    assert solution.status is lo.Status.NO_PROGRESS
    assert np.linalg.norm(solution.matrix() - truth) <= 2e-3 * np.linalg.norm(truth)


def test_more_columns_than_the_rank_do_no_harm():
    truth = reference.planted(m, n, [1.0])
    problem = Sensing(np.tensordot(STACK, truth), STACK)
    solution = lo.solve(problem, GNMR(), rank=2, start=lo.starts.Spectral(), stop=lo.Stop(60, relative_error=1e-9))
    assert solution.converged
    assert np.linalg.norm(solution.matrix() - truth) <= 1e-8


def test_a_column_of_zeros_is_no_obstacle():
    truth = reference.planted(m, n, [1.0])
    problem, only_one = Sensing(np.tensordot(STACK, truth), STACK), np.array([1.0, 0.0])
    start = (X0 * only_one, Y0 * only_one)
    solution = lo.solve(problem, GNMR(), start=start, stop=lo.Stop(60, relative_error=1e-12))
    assert np.linalg.norm(solution.matrix() - truth) <= 1e-11


def test_float32_is_kept():
    truth = reference.planted(40, 50, [1.0, 0.5], seed=2)
    problem = entries(truth, drawn(40, 50, 2, 3.0, 2), np.float32)
    solution = lo.solve(problem, GNMR(), rank=2, start=lo.starts.Spectral(), stop=lo.Stop(30, relative_error=1e-5))
    assert solution.X.dtype == np.float32
    assert solution.converged


def test_values_of_zero_need_no_step():
    problem = Sensing(np.zeros(k), STACK)
    solution = lo.solve(problem, GNMR(), start=(0.0 * X0, 0.0 * Y0), stop=lo.Stop(3))
    assert solution.loss == 0.0


def test_what_cannot_be_solved_is_refused():
    with pytest.raises(lo.errors.AbilityError, match="Full, which has no tangent"):
        lo.solve(lo.Full(A), GNMR(), rank=2)
    with pytest.raises(lo.errors.InputError, match="ridge = 0.1"):
        lo.solve(Sensing(NOISY, STACK, ridge=0.1), GNMR(), rank=2, start=(X0, Y0))
    with pytest.raises(lo.errors.InputError, match="Spectral"):
        lo.solve(Sensing(NOISY, STACK), GNMR(), start=(X0, 0.0 * Y0))
    for options in ({"variant": "newest"}, {"inner_steps": 0}, {"inner_steps": 1.5}, {"scaled": "yes"}):
        with pytest.raises(lo.errors.InputError, match=next(iter(options))):
            GNMR(**options)
