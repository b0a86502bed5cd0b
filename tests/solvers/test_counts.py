"""How many steps each method takes, against the closed forms of its theory.

The squared relative error to reach is 1e-10, that is a relative error of 1e-5.
"""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside import starts
from lopside.solvers import (
    AlternatingLeastSquares,
    AlternatingScaledGradientDescent,
    FrozenFactor,
    GradientDescent,
    Nesterov,
    ScaledGradientDescent,
)
from lopside.theory.iteration_counts import scaled_gradient_count

ERROR = 1e-5


def matrix(kappa, size=100):
    return lo.Full(reference.planted(size, size, np.linspace(1.0, 1.0 / kappa, 5), seed=77))


def steps(problem, solver, start=None, rank=5, seed=0, budget=2500):
    stop = lo.Stop(max_steps=budget, relative_error=ERROR)
    solution = lo.solve(problem, solver, rank=rank, start=start, rng=seed, stop=stop, trace_every=budget)
    assert solution.converged
    return solution.steps


@pytest.mark.parametrize("kappa", [10.0, 1e4])
@pytest.mark.parametrize(("eta", "extra"), [(0.01, 50), (0.3, 2), (0.5, 2)])
def test_alternating_scaled_descent_from_a_gaussian_start_does_not_see_the_condition_number(kappa, eta, extra):
    predicted = scaled_gradient_count(eta, ERROR)
    assert predicted == pytest.approx(np.log(1e-10) / (2 * np.log(1 - eta)))
    counts = [steps(matrix(kappa), AlternatingScaledGradientDescent(eta), starts.Gaussian(1.0), seed=s) for s in (0, 1)]
    assert all(predicted < count <= predicted + extra for count in counts)


@pytest.mark.parametrize("kappa", [10.0, 1e4])
@pytest.mark.parametrize(("eta", "count"), [(0.01, 574), (0.3, 17), (0.5, 9)])
def test_it_takes_half_as_many_where_x_spans_what_a_spans(kappa, eta, count):
    predicted = scaled_gradient_count(eta, ERROR, matched=True)
    assert predicted == pytest.approx(np.log(1e-10) / (4 * np.log(1 - eta)))
    assert steps(matrix(kappa), AlternatingScaledGradientDescent(eta)) == count
    assert 0 <= count - predicted <= 1.3


@pytest.mark.parametrize("kappa", [10.0, 1e4])
@pytest.mark.parametrize(("eta", "count"), [(0.01, 570), (0.3, 13), (0.5, 4), (1.0, 1)])
def test_scaled_descent_from_the_nystrom_start(kappa, eta, count):
    assert steps(matrix(kappa), ScaledGradientDescent(eta)) == count
    if eta < 0.5:
        assert 0 <= count - scaled_gradient_count(eta, ERROR, alternating=False, matched=True) <= 1


def test_at_one_half_the_error_is_squared_each_step():
    solution = lo.solve(matrix(10.0), ScaledGradientDescent(0.5), rank=5, stop=lo.Stop(max_steps=5))
    # Heron's iteration for square roots: e⁺ = e²/(2(1 − e)) for the distance of √ from its limit.
    errors = np.array(solution.trace.relative_error[2:6])
    slopes = np.log(errors[1:]) / np.log(errors[:-1])
    assert (slopes[:3] > 1.6).all()


@pytest.mark.parametrize("kappa", [10.0, 1e4])
@pytest.mark.parametrize("rank", [5, 8])
@pytest.mark.parametrize("start", [None, starts.Gaussian(1.0), starts.Unbalanced(), starts.SmallGaussian()])
def test_least_squares_fit_a_matrix_of_rank_d_in_one_sweep(kappa, rank, start):
    assert steps(matrix(kappa), AlternatingLeastSquares(), start, rank=rank) == 1


def test_least_squares_are_subspace_iteration():
    sigma = np.array([1.0, 0.8, 0.6, 0.45, 0.2])
    A = reference.planted(60, 50, sigma, seed=3)
    solution = lo.solve(lo.Full(A), AlternatingLeastSquares(), rank=3, stop=lo.Stop(max_steps=24))
    gaps = np.array(solution.trace.loss) - 0.5 * np.sum(sigma[3:] ** 2)
    np.testing.assert_allclose(gaps[13:21] / gaps[12:20], (0.45 / 0.6) ** 4, rtol=0.02)


def frozen_count(A, X, step, momentum=0.0):
    """Count the steps of the quadratic in Y that is left where X does not move: one recursion for each σ_i(X)²."""
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    weights = np.linalg.norm(U.T @ A, axis=1) ** 2
    previous = current = np.ones(len(s))
    count = 0
    while weights @ current**2 > ERROR**2 * np.linalg.norm(A) ** 2:
        ahead = current + momentum * (current - previous)
        previous, current = current, (1.0 - step * s**2) * ahead
        count += 1
    return count


def planted_start(kappa, rank, scale=1000.0):
    A = reference.planted(100, 100, np.linspace(1.0, 1.0 / kappa, 5), seed=77)
    start = starts.ColumnSpan(scale, right_scale=0.0)
    X, _ = start(lo.Full(A), rank, step_size=1.0, sigma1=1.0, rng=np.random.default_rng(2))
    L, mu = np.linalg.svd(X, compute_uv=False)[[0, 4]] ** 2
    return A, start, X, L, mu


@pytest.mark.parametrize("kappa", [10.0, 100.0])
@pytest.mark.parametrize("rank", [5, 20, 80])
def test_nesterov_takes_the_steps_of_the_quadratic_with_x_frozen(kappa, rank):
    A, start, X, L, mu = planted_start(kappa, rank)
    beta = (np.sqrt(L) - np.sqrt(mu)) / (np.sqrt(L) + np.sqrt(mu))
    count = steps(lo.Full(A), Nesterov(restart=False), start, rank, seed=2)
    assert count == pytest.approx(frozen_count(A, X, 1 / L, beta), rel=0.02)
    assert steps(lo.Full(A), Nesterov(), start, rank, seed=2) < 1.1 * count


@pytest.mark.parametrize("rank", [20, 80])
def test_gradient_descent_takes_those_of_the_same_quadratic(rank):
    A, start, X, L, mu = planted_start(10.0, rank)
    step = 2 / (L + mu)
    assert steps(lo.Full(A), GradientDescent(step), start, rank, seed=2) == pytest.approx(
        frozen_count(A, X, step), rel=0.02
    )


def test_nesterov_grows_with_the_condition_number_and_gradient_descent_with_its_square():
    # [XWZWT24]; a little less than κ and κ², because the weakest part of A is the smaller, the larger κ.
    start = starts.ColumnSpan(50.0, right_scale=0.0)
    low, high = (steps(matrix(kappa), Nesterov(restart=False), start, 20, seed=1) for kappa in (10.0, 100.0))
    assert 7.0 < high / low < 9.0
    assert steps(matrix(10.0), Nesterov(restart=False), start, 80, seed=1) < low
    slow, slower = (
        steps(lo.Full(A), GradientDescent(2 / (L + mu)), start, 80, seed=2)
        for A, start, _, L, mu in (planted_start(3.0, 80), planted_start(15.0, 80))
    )
    assert 17.0 < slower / slow < 25.0


def test_a_poor_guess_of_the_curvature_costs_little_with_restarts():
    problem = lo.Full(reference.planted(100, 100, np.linspace(1.0, 0.1, 5), seed=77))
    counts = [steps(problem, Nesterov(momentum=0.999, restart=restart), rank=20, seed=1) for restart in (False, True)]
    tuned = steps(problem, Nesterov(), rank=20, seed=1)
    assert counts[1] < 3 * tuned < counts[0]


@pytest.mark.parametrize("power", [0, 1])
def test_with_a_frozen_factor_the_rate_is_that_of_its_condition_number(power):
    A = reference.planted(100, 80, np.linspace(1.0, 0.7, 5), seed=4)
    start = starts.PowerSketch(power)
    _, Y = start(lo.Full(A), 5, step_size=1.0, sigma1=1.0, rng=np.random.default_rng(0))
    kappa = np.linalg.cond(Y)
    assert kappa < np.linalg.cond(A.T @ np.random.default_rng(0).standard_normal((100, 5))) * (1.5 if power else 1.0)
    stop = lo.Stop(max_steps=int(8 * kappa**2))
    trace = lo.solve(lo.Full(A), FrozenFactor(), rank=5, start=start, stop=stop, sigma1=1.0).trace
    # γ = 1/σ₁²: the slowest part of the error falls by 1 − κ⁻² a step, and rules in the end.
    tail = np.array(trace.relative_error)[-20:]
    np.testing.assert_allclose(tail[1:] / tail[:-1], 1 - kappa**-2, rtol=2e-3)
    faster = lo.solve(lo.Full(A), FrozenFactor(True), rank=5, start=start, stop=stop, sigma1=1.0).trace
    reached = [int(np.argmax(np.array(t.relative_error) < 1e-2)) for t in (trace, faster)]
    assert 0 < reached[1] < reached[0]


def test_each_power_brings_a_frozen_factor_nearer_to_the_best():
    sigma = np.r_[np.ones(5), np.full(75, 0.08)]
    A = reference.planted(100, 80, sigma, seed=4)
    best = np.linalg.norm(sigma[5:])
    gaps = []
    for power in (0, 1, 2):
        stop = lo.Stop(max_steps=400)
        solution = lo.solve(lo.Full(A), FrozenFactor(True), rank=5, start=starts.PowerSketch(power), stop=stop)
        gaps.append(2 * solution.loss - best**2)
    ratios = np.array(gaps[1:]) / gaps[:-1]
    assert (ratios > 0.08**4 / 3).all()
    assert (ratios < 0.08**4 * 3).all()
