"""Each start against its formula [WK23, Section 6 and Assumption 2], on the same draws."""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside import starts

M, N, D, ETA, SIGMA1 = 35, 25, 6, 0.07, 1.0
A = reference.planted(M, N, np.linspace(1.0, 0.4, 6))


def drawn(start, rows):
    problem = lo.Full(A)
    X, Y = start(problem, D, step_size=ETA, sigma1=SIGMA1, rng=np.random.default_rng(11))
    rng = np.random.default_rng(11)
    return X, Y, rng.standard_normal((rows, D)), rng.standard_normal((N, D))


def test_unbalanced_is_assumption_2():
    X, Y, first, second = drawn(starts.Unbalanced(C=5.0, nu=0.3), N)
    np.testing.assert_allclose(X, A @ first / (np.sqrt(ETA) * np.sqrt(D) * 5.0 * SIGMA1), rtol=1e-12)
    np.testing.assert_allclose(Y, np.sqrt(ETA) * (5.0 * 0.3 / 9) * SIGMA1 / np.sqrt(N) * second, rtol=1e-14)


@pytest.mark.parametrize(("right", "size"), [(None, 0.2), (0.0, 0.0), (3.0, 3.0)])
def test_column_span(right, size):
    X, Y, first, second = drawn(starts.ColumnSpan(scale=0.2, right_scale=right), N)
    np.testing.assert_allclose(X, 0.2 / np.sqrt(D) * A @ first, rtol=1e-12)
    np.testing.assert_allclose(Y, size / np.sqrt(N) * second, rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-120, 1.0, 1e120])
def test_a_relative_column_span_start_belongs_to_any_unit(scale):
    start = starts.ColumnSpan(scale=50.0, right_scale=0.5, relative=True)
    at = {"step_size": 1.0, "sigma1": 4.0 * scale}
    X, Y = start(lo.Full(scale * A), D, rng=np.random.default_rng(3), **at)
    U, V = starts.ColumnSpan(50.0, 0.5)(lo.Full(A), D, rng=np.random.default_rng(3), **at)
    np.testing.assert_allclose(X, U * np.sqrt(scale / 4), rtol=1e-12)
    np.testing.assert_allclose(Y, V * np.sqrt(scale * 4), rtol=1e-12)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_a_power_sketch_is_the_best_conditioned_of_its_draws(power):
    X, Y = starts.PowerSketch(power, draws=4)(lo.Full(A), 3, step_size=1.0, sigma1=2.0, rng=np.random.default_rng(6))
    draws = np.split(np.random.default_rng(6).standard_normal((M, 12)), 4, axis=1)
    sketches = [np.linalg.matrix_power(A.T @ A, power) @ A.T @ draw for draw in draws]
    best = min(sketches, key=np.linalg.cond)
    assert not X.any()
    np.testing.assert_allclose(Y, np.sqrt(2.0) * best / np.linalg.norm(best, 2), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "wrong", [lambda: starts.PowerSketch(-1), lambda: starts.PowerSketch(draws=0), lambda: starts.PowerSketch(0.5)]
)
def test_a_power_sketch_counts(wrong):
    with pytest.raises(lo.errors.InputError, match="expected an integer"):
        wrong()


def test_gaussians():
    X, Y, first, second = drawn(starts.Gaussian(0.1), M)
    np.testing.assert_allclose(X, 0.1 / np.sqrt(M) * first, rtol=1e-14)
    np.testing.assert_allclose(Y, 0.1 / np.sqrt(N) * second, rtol=1e-14)
    U, V, *_ = drawn(starts.UnbalancedGaussian(0.1), M)
    np.testing.assert_allclose(U, X / np.sqrt(ETA), rtol=1e-14)
    np.testing.assert_allclose(V, Y * np.sqrt(ETA), rtol=1e-14)
    P, Q, *_ = drawn(starts.SmallGaussian(1e-4), M)
    np.testing.assert_allclose(P, 1e-4 * first, rtol=1e-14)
    np.testing.assert_allclose(Q, 1e-4 * second, rtol=1e-14)


@pytest.mark.parametrize("exponent", [1.0, 3.0])
def test_ye_du_scale(exponent):
    X, _, first, _ = drawn(starts.YeDu(exponent=exponent, constant=2.0), M)
    scale = 2.0 * 0.4 / (np.sqrt(D**exponent * 1.0) * (M + N))
    np.testing.assert_allclose(X, scale * first, rtol=1e-9)


def test_sketch_spans_the_sample_and_solves_in_one_step():
    X, Y, _, _ = drawn(starts.Sketch(C=3.0), N)
    np.testing.assert_allclose(ETA * 9.0 * X.T @ X, np.eye(D), atol=1e-12)
    assert not Y.any()
    solution = lo.solve(
        lo.Full(A),
        lo.solvers.AlternatingGradientDescent(ETA),
        rank=D,
        start=starts.Sketch(),
        stop=lo.Stop(max_steps=1),
    )
    assert solution.relative_error < 1e-14


def test_spectral_is_the_best_answer():
    noisy = reference.planted(M, N, np.linspace(1.0, 0.4, 6), noise=0.3)
    X, Y = starts.Spectral()(lo.Full(noisy), 3, step_size=1.0, sigma1=1.0, rng=np.random.default_rng(0))
    s = np.linalg.svd(noisy, compute_uv=False)
    assert np.linalg.norm(X @ Y.T - noisy) == pytest.approx(np.linalg.norm(s[3:]), rel=1e-12)
    np.testing.assert_allclose(X.T @ X, Y.T @ Y, atol=1e-12)


def test_one_seed_is_one_start_in_either_precision():
    at = {"step_size": ETA, "sigma1": SIGMA1}
    X, _ = starts.Unbalanced()(lo.Full(A), D, rng=np.random.default_rng(1), **at)
    U, _ = starts.Unbalanced()(lo.Full(A.astype(np.float32)), D, rng=np.random.default_rng(1), **at)
    np.testing.assert_allclose(U, X, rtol=1e-3, atol=1e-5)


def test_C_grows_only_where_the_draw_is_too_large():
    at = {"step_size": ETA, "sigma1": SIGMA1, "rng": np.random.default_rng(0)}
    X, _ = starts.Unbalanced(C=None)(lo.Full(A), D, **at)
    U, _ = starts.Unbalanced()(lo.Full(A), D, **at | {"rng": np.random.default_rng(0)})
    np.testing.assert_allclose(X, U, rtol=1e-14)
    noise = np.random.default_rng(1).standard_normal((300, 400))
    sigma1 = np.linalg.norm(noise, 2)
    at = {"step_size": 0.9 / sigma1, "sigma1": sigma1, "rng": np.random.default_rng(0)}
    X, _ = starts.Unbalanced(C=None)(lo.Full(noise), 1, **at)
    assert np.sqrt(0.9 / sigma1) * np.linalg.norm(X, 2) == pytest.approx(0.75)


@pytest.mark.parametrize("seed", range(4))
def test_the_default_run_does_not_diverge_on_noise_at_rank_one(seed):
    noise = np.random.default_rng(seed).standard_normal((300, 400))
    solution = lo.solve(lo.Full(noise), rank=1, stop=lo.Stop(max_steps=200), rng=seed)
    assert solution.loss < 0.5 * np.linalg.norm(noise) ** 2
