"""One iteration reads A once, whichever way round A is held, and is the same iteration."""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside.solvers import Gram, Identity

M, N, D, STEPS = 41, 29, 3, 30
A = reference.planted(M, N, np.linspace(1.0, 0.5, 4), seed=5, noise=0.1)
ORDERS = ["alternating", "simultaneous"]
HELD = {"rows": np.ascontiguousarray, "columns": np.asfortranarray}


def pair(seed=0, size=0.3):
    rng = np.random.default_rng(seed)
    return size * rng.standard_normal((M, D)), size * rng.standard_normal((N, D))


def with_momentum(A, X, Y, eta, beta, order):
    """Steps at (X̃, Ỹ); where alternating, Y's half step sees X⁺."""
    U, V = X, Y
    for _ in range(STEPS):
        P = U - eta * (U @ V.T - A) @ V
        W = P if order == "alternating" else U
        Q = V - eta * (W @ V.T - A).T @ W
        U, V, X, Y = P + beta * (P - X), Q + beta * (Q - Y), P, Q
    return X, Y


@pytest.mark.parametrize("held", HELD)
def test_a_problem_speaks_of_a_however_it_is_held(held):
    problem = lo.Full(HELD[held](A))
    X, Y = pair()
    assert problem.shape == (M, N)
    assert problem.transposed is (held == "columns")
    assert problem.side == (M if held == "columns" else N)
    np.testing.assert_allclose(problem.times(Y), A @ Y, rtol=1e-13)
    np.testing.assert_allclose(problem.transpose_times(X), A.T @ X, rtol=1e-13)
    assert problem.residual_norm(X, Y) == pytest.approx(np.linalg.norm(X @ Y.T - A), rel=1e-14)
    B = A.T if problem.transposed else A
    V = np.random.default_rng(1).standard_normal((problem.side, 2))
    W, G = problem.gram(V)
    np.testing.assert_allclose(W, B.T @ B @ V, rtol=1e-12)
    np.testing.assert_allclose(G, (B @ V).T @ (B @ V), rtol=1e-12)
    U, s, Vt = problem.svd()
    np.testing.assert_allclose((U * s) @ Vt, A, atol=1e-14)
    assert U.shape == (M, N)
    assert problem.sigma1() == pytest.approx(s[0], rel=1e-2)


@pytest.mark.parametrize("held", HELD)
def test_a_point_knows_its_loss_and_gradients(held):
    X, Y = pair()
    point = lo.Full(HELD[held](A)).point(X, Y)
    E = X @ Y.T - A
    assert point.loss == pytest.approx(0.5 * np.sum(E**2), rel=1e-12)
    assert point.gradient_norms() == pytest.approx((np.linalg.norm(E @ Y), np.linalg.norm(E.T @ X)), rel=1e-12)
    np.testing.assert_allclose(point.gram_x, X.T @ X, rtol=1e-13)
    np.testing.assert_allclose(point.gram_y, Y.T @ Y, rtol=1e-13)
    assert np.array_equal(point.X, X)
    assert np.array_equal(point.Y, Y)


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_momentum_is_one_read_a_step_and_the_formula(held, order, momentum):
    problem = lo.Full(HELD[held](A))
    point = problem.point(*pair())
    metric = Identity(0.05)
    for _ in range(STEPS):
        point = problem.advance(point, metric, metric, order=order, momentum=momentum)
    assert problem.reads == 1 + STEPS
    X, Y = with_momentum(A, *pair(), 0.05, momentum, order)
    np.testing.assert_allclose(point.X, X, atol=1e-13)
    np.testing.assert_allclose(point.Y, Y, atol=1e-13)
    # What a point carries is true of it, also the one ahead, whose products follow by linearity.
    for held_point in [point] if point.ahead is None else [point, point.ahead]:
        fresh = problem.point(held_point.X, held_point.Y)
        np.testing.assert_allclose(held_point.probe, fresh.probe, atol=1e-13)
        np.testing.assert_allclose(held_point.gram_x, fresh.gram_x, atol=1e-13)
        np.testing.assert_allclose(held_point.gram_y, fresh.gram_y, atol=1e-13)
    assert (point.ahead is None) == (momentum == 0.0)


@pytest.mark.parametrize("held", HELD)
def test_a_settled_point_goes_on_without_momentum(held):
    problem = lo.Full(HELD[held](A))
    metric = Identity(0.05)
    start = problem.point(*pair())
    point = problem.advance(start, metric, metric, order="simultaneous", momentum=0.9)
    loss = point.loss
    calm = point.settled()
    assert calm.loss == loss
    following = problem.advance(calm, metric, metric, order="simultaneous")
    X, Y = reference.simultaneous(A, *pair(), 0.05, 2)[-1]
    np.testing.assert_allclose(following.X, X, atol=1e-13)
    np.testing.assert_allclose(following.Y, Y, atol=1e-13)


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("order", ORDERS)
def test_each_factor_may_have_a_rule_of_its_own(held, order):
    problem = lo.Full(HELD[held](A))
    X, Y = pair()
    point = problem.advance(problem.point(X, Y), Gram(0.5), Identity(0.1), order=order)
    P = X - 0.5 * (X @ Y.T - A) @ Y @ np.linalg.inv(Y.T @ Y)
    W = P if order == "alternating" else X
    np.testing.assert_allclose(point.X, P, atol=1e-12)
    np.testing.assert_allclose(point.Y, Y - 0.1 * (W @ Y.T - A).T @ W, atol=1e-12)


def test_bytes_are_those_of_the_reads():
    problem = lo.Full(A)
    problem.times(np.ones((N, 1)))
    assert problem.bytes_read == problem.reads * problem.storage.nbytes == A.nbytes


@pytest.mark.parametrize("held", HELD)
def test_centered_and_weighted(held):
    w = np.random.default_rng(2).uniform(0.5, 2.0, M)
    centered, weighted = lo.Full(HELD[held](A), center=True), lo.Full(HELD[held](A), weights=w)
    X, Y = pair()
    for problem, exact in ((centered, A - A.mean(axis=0)), (weighted, np.sqrt(w)[:, None] * A)):
        np.testing.assert_allclose(problem.times(Y), exact @ Y, atol=1e-13)
        np.testing.assert_allclose(problem.transpose_times(X), exact.T @ X, atol=1e-13)
        assert problem.norm == pytest.approx(np.linalg.norm(exact), rel=1e-13)
        solution = lo.solve(problem, lo.solvers.AlternatingLeastSquares(), rank=D, stop=lo.Stop(max_steps=200))
        best = np.linalg.norm(np.linalg.svd(exact)[1][D:])
        assert np.linalg.norm(solution.matrix() - exact) == pytest.approx(best, rel=1e-6)
