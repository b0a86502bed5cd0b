from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.all_time import Order, Scaled, all_time, largest_loss, least_budgets, needed_budgets
from lopside.theory.all_time_step import all_time_step, closed_form, theta_star
from lopside.theory.measurements import Measurements, measure

ORDERS: tuple[Order, ...] = ("alternating", "simultaneous")

instances = st.fixed_dictionaries(
    {
        "m": st.integers(1, 9),
        "n": st.integers(1, 9),
        "r": st.integers(1, 4),
        "extra": st.integers(0, 3),
        "kappa": st.floats(1, 100),
        "scale": st.sampled_from([1e-6, 1.0, 1e4]),
        "eta_sigma1": st.floats(-3, 0.25).map(lambda exponent: 10**exponent),
        "tilt": st.floats(-0.4, 0.4).map(lambda exponent: 10**exponent),
        "distance": st.floats(-9, -0.5).map(lambda exponent: 10**exponent),
        "drawn": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def build(case: dict[str, Any], planted: Any, unbalanced: Any, near_solution: Any) -> tuple[Any, ...]:
    r = min(case["m"], case["n"], case["r"])
    d, eta = r + case["extra"], case["eta_sigma1"] / case["scale"]
    problem = planted(case["m"], case["n"], r, case["kappa"], case["seed"], case["scale"])
    pair = unbalanced(problem, d, eta) if case["drawn"] else near_solution(problem, d, case["tilt"], case["distance"])
    return problem.A, *pair, eta, r


def check_everything(A: Any, pairs: Any, f: Any, eta: float, r: int, order: Order, eps: float) -> bool:
    """Apply the theorem to the first pair and compare all of its claims with the trajectory."""
    X, Y = (M.astype(np.float64) for M in pairs[0])
    start = measure(A, X, Y, r, epsilon=eps)
    proved = all_time(start, eta, order=order)
    assert proved.holds == all(condition.holds for condition in proved.conditions)
    if not proved.holds:
        return False
    assert proved.bound
    assert proved.motion_x is not None
    assert proved.motion_y is not None
    assert proved.theta is not None
    assert 0 < proved.bound.rate < 1
    assert (f <= [proved.bound.loss_at(t) for t in range(len(f))]).all()
    # Each step rounds X and Y by a few epsilon of their size.
    sizes = [eps * (2 * A.shape[0] + 2 * A.shape[1]) * size for size in (start.norm_x, start.norm_y)]
    moved = [[float(np.linalg.norm(pair[i] - pairs[0][i])) for pair in pairs] for i in (0, 1)]
    steps = np.arange(len(pairs))
    rounded = eps * math.sqrt(eta) * start.norm_a * 8 * steps
    assert (np.array(moved[0]) <= proved.motion_x + sizes[0] * steps + rounded).all()
    assert (np.array(moved[1]) <= proved.motion_y + sizes[1] * steps + rounded).all()
    smallest = np.array([np.linalg.svd(X, compute_uv=False)[r - 1] for X, _ in pairs[:: len(pairs) // 8]])
    slack = (sizes[0] + eps * math.sqrt(eta) * start.norm_a * 8) * len(pairs)
    assert (smallest >= (1 - proved.theta) * math.sqrt(start.sigma_r_x_squared) - slack).all()
    return True


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=instances)
def test_no_claim_is_ever_violated(
    case: dict[str, Any],
    order: Order,
    planted: Any,
    unbalanced: Any,
    near_solution: Any,
    descend: Any,
    losses: Any,
) -> None:
    A, X, Y, eta, r = build(case, planted, unbalanced, near_solution)
    # Run only where the theorem speaks at the start: elsewhere the run may overflow.
    assume(all_time(measure(A, X, Y, r), eta, order=order).holds)
    pairs = descend(A, X, Y, eta, 200, order)
    f = losses(A, pairs)
    assert check_everything(A, pairs, f, eta, r, order, 2.0**-52)
    check_everything(A, pairs[50:], f[50:], eta, r, order, 2.0**-52)


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=instances)
def test_no_claim_is_violated_in_single_precision(
    case: dict[str, Any],
    order: Order,
    planted: Any,
    unbalanced: Any,
    near_solution: Any,
    descend: Any,
    losses: Any,
) -> None:
    A, X, Y, eta, r = build(case, planted, unbalanced, near_solution)
    A, X, Y = (M.astype(np.float32) for M in (A, X, Y))
    eta = float(np.float32(eta))
    eps = 2.0**-23
    assume(all_time(measure(A, X, Y, r, epsilon=eps), eta, order=order).holds)
    pairs = descend(A, X, Y, eta, 100, order)
    assert check_everything(A, pairs, losses(A, pairs), eta, r, order, eps)


@pytest.mark.parametrize("order", ORDERS)
def test_it_comes_true_along_a_run_and_then_never_fails(
    order: Order, planted: Any, unbalanced: Any, descend: Any, losses: Any
) -> None:
    problem = planted(30, 20, 3, 2.0, seed=1)
    eta = 0.3
    pairs = descend(problem.A, *unbalanced(problem, 6, eta), eta, 300, order)
    f = losses(problem.A, pairs)
    holding = [
        check_everything(problem.A, pairs[t : t + 40], f[t : t + 40], eta, 3, order, 2.0**-52) for t in range(0, 200, 5)
    ]
    assert not holding[0]
    assert holding[-1]
    assert holding == sorted(holding), "it holds at one step and not at a later one"


def test_alternating_descent_at_one_over_sigma1_is_certified_and_simultaneous_is_not(
    planted: Any, unbalanced: Any, descend: Any
) -> None:
    problem = planted(100, 100, 5, 1 / 0.9, seed=3)
    pair = unbalanced(problem, 10, 1.0)
    first: dict[str, int | None] = {}
    for order in ORDERS:
        pairs = descend(problem.A, *pair, 1.0, 400, order)
        held = (t for t, (X, Y) in enumerate(pairs) if all_time(measure(problem.A, X, Y, 5), 1.0, order=order).holds)
        first[order] = next(held, None)
    assert first["alternating"] is not None
    assert first["alternating"] <= 10
    # ‖X‖² + ‖Y‖² ≥ 2 σ₁ at every solution: 1/σ₁ is the limit of stability.
    assert first["simultaneous"] is None


@given(
    x=st.floats(0.01, 1),
    y=st.floats(0, 1),
    ratio=st.floats(0.001, 1),
    exponent=st.floats(-6, 0),
    eta=st.floats(0.01, 10),
)
def test_whatever_the_closed_form_proves_is_proved_at_least_as_well(
    x: float, y: float, ratio: float, exponent: float, eta: float
) -> None:
    root = math.sqrt(eta)
    sigma1_x, sigma1_y, sigma_r = x / root, y / root, ratio * x / root
    loss = (10**exponent * sigma_r**2 / 8) ** 2
    theta = theta_star(math.sqrt(loss) / sigma_r**2)
    closed = closed_form(sigma1_x, sigma_r, sigma1_y, loss, eta, theta)
    start = Measurements(1, sigma1_x, sigma_r, sigma1_y, sigma1_x, sigma1_y, 1.0, loss, 0.0, epsilon=1e-30)
    proved = all_time(start, eta)
    assume(closed.holds)
    assert proved.bound
    assert proved.bound.rate <= closed.rate


@pytest.mark.parametrize("order", ORDERS)
@given(x=st.floats(0.01, 1.41), y=st.floats(0, 1.41), ratio=st.floats(0.001, 1), exponent=st.floats(-8, 0.5))
def test_budgets_satisfy_the_theorem_and_are_least(
    order: Order, x: float, y: float, ratio: float, exponent: float
) -> None:
    at = Scaled(x, y, (ratio * x) ** 2, 10**exponent)
    budgets = least_budgets(at, order)
    assume(budgets is not None)
    assert budgets
    needed = needed_budgets(at, budgets.u, budgets.v, order)
    assert needed
    assert needed.u <= budgets.u
    assert needed.v <= budgets.v
    assert 0 < needed.gap == budgets.gap <= 1
    smaller = needed_budgets(at, 0.99 * budgets.u, 0.99 * budgets.v, order)
    assert smaller
    assert smaller.u > 0.99 * budgets.u or smaller.v > 0.99 * budgets.v


@pytest.mark.parametrize("order", ORDERS)
def test_largest_loss_is_where_the_theorem_starts_to_hold(order: Order) -> None:
    start = Measurements(5, 0.8, 0.3, 0.7, 1.0, 1.0, 2.0, 1.0, 0.0)
    limit = largest_loss(start, 1.0, order)
    assert all_time(replace(start, loss=0.999 * limit), 1.0, order=order).holds
    assert not all_time(replace(start, loss=1.01 * limit), 1.0, order=order).holds
    refused = all_time(replace(start, loss=1.01 * limit), 1.0, order=order)
    assert [condition.holds for condition in refused.conditions][-1] is False
    assert all(condition.holds for condition in refused.conditions[:-1])


def test_the_rounding_floor_is_needed_and_suffices(planted: Any, descend: Any, losses: Any) -> None:
    problem = planted(12, 10, 2, 10.0, seed=5)
    frame = np.linalg.qr(problem.rng.standard_normal((3, 3)))[0][:2]
    X = problem.left @ np.diag([0.5, 0.1]) @ frame
    Y = np.linalg.lstsq(X, problem.A, rcond=None)[0].T * (1 - 1e-9)
    proved = all_time(measure(problem.A, X, Y, 2), 0.3)
    assert proved.bound
    f = losses(problem.A, descend(problem.A, X, Y, 0.3, 15_000)[::100])
    without = replace(proved.bound, rounding=0.0, tail=0.0)
    exact = np.array([without.loss_at(100 * t) for t in range(len(f))])
    floored = np.array([proved.bound.loss_at(100 * t) for t in range(len(f))])
    assert (f > exact).any()
    assert (f <= floored).all()
    assert proved.bound.steps_to(proved.bound.floor) is None


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("allowed", [True, False])
def test_the_rest_of_a_is_covered_at_rounding_level_and_refused_above(
    order: Order, allowed: bool, planted: Any, descend: Any
) -> None:
    # Y sees the rest of A, so each step turns a part of it into leakage of X.
    problem = planted(9, 6, 4, 1.0, seed=0)
    rest = 2e-14 if allowed else 1e-6
    A = (problem.left * [1.0, 1.0, rest, rest]) @ problem.right.T
    X = 1.2 * problem.left[:, :2]
    Y = problem.right[:, :2] / 1.2 + 0.05 * problem.right[:, 2:]
    eta = 0.6 if order == "alternating" else 0.4
    start = measure(A, X, Y, 2)
    proved = all_time(start, eta, order=order)
    failed = [condition.name for condition in proved.conditions if not condition.holds]
    assert failed == ([] if allowed else ["A has the assumed rank: norm of the rest of A"])
    if not proved.bound:
        assert not allowed
        return
    assert start.rest > 2 * start.rounding()
    assert proved.bound.floor >= start.tail
    for t, (X_t, Y_t) in enumerate(descend(A, X, Y, eta, 400, order)):
        assert 0.5 * np.sum((X_t @ Y_t.T - A) ** 2) <= proved.bound.loss_at(t)


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-3])
def test_what_leaks_out_of_the_column_span_is_covered_or_refused(size: float, planted: Any, descend: Any) -> None:
    problem = planted(20, 15, 3, 3.0, seed=8)
    frame = np.linalg.qr(problem.rng.standard_normal((4, 4)))[0][:3]
    X = problem.left @ (np.sqrt(problem.sigma)[:, None] * frame)
    Y = problem.right @ (np.sqrt(problem.sigma)[:, None] * frame)
    leak = problem.rng.standard_normal(X.shape)
    leak -= problem.left @ (problem.left.T @ leak)
    X = X + size * leak / np.linalg.norm(leak)
    proved = all_time(measure(problem.A, X, Y, 3), 0.3)
    if size == 1e-3:
        assert not proved.holds
        assert [c.name for c in proved.conditions if not c.holds] == [proved.conditions[0].name]
        return
    assert proved.bound
    for t, (X_t, Y_t) in enumerate(descend(problem.A, X, Y, 0.3, 300)):
        assert 0.5 * np.sum((X_t @ Y_t.T - problem.A) ** 2) <= proved.bound.loss_at(t)


@pytest.mark.parametrize("d", [10, 6])
def test_the_certified_rate_is_close_to_the_observed_one(
    d: int, planted: Any, unbalanced: Any, descend: Any, losses: Any
) -> None:
    problem = planted(100, 100, 5, 1 / 0.9, seed=11)
    # b and f₀ of this start do not depend on the step, so the draw at step 1 tells the step for θ = 0.1.
    X, Y = unbalanced(problem, d, 1.0)
    f0, b = 0.5 * np.sum((X @ Y.T - problem.A) ** 2), np.linalg.svd(X, compute_uv=False)[4] ** 2
    eta = all_time_step(b, f0, theta=0.1) * (1 - 1e-12)  # condition (b) holds with nothing to spare
    X, Y = X / math.sqrt(eta), Y * math.sqrt(eta)
    steps = int(10 / b)
    f = losses(problem.A, descend(problem.A, X, Y, eta, steps)[:: steps // 2])
    observed = -math.log(f[-1] / f[0]) / (2 * (steps // 2))
    start = measure(problem.A, X, Y, 5)
    proved = all_time(start, eta)
    closed = closed_form(start.sigma1_x, start.sigma_r_x, start.sigma1_y, start.loss, eta, 0.1)
    assert proved.bound
    assert closed.holds
    assert 1 <= observed / -math.log(proved.bound.rate) <= 1.2
    assert 1 <= observed / -math.log(closed.rate) <= 1.5


def test_numbers_no_theorem_can_use_are_refused() -> None:
    start = Measurements(5, 0.8, 0.3, 0.7, 1.0, 1.0, 2.0, 1e-3, 0.0)
    for step_size in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="step_size"):
            all_time(start, step_size)
    with pytest.raises(InputError, match="loss"):
        replace(start, loss=math.nan)


@pytest.mark.parametrize("order", ORDERS)
def test_numbers_that_overflow_prove_nothing(order: Order) -> None:
    start = Measurements(5, 1e200, 1e200, 0.0, 1e200, 0.0, 1e200, 1e300, 0.0)
    assert not all_time(start, 1e200, order=order).holds
    assert least_budgets(Scaled(0.5, 0.0, 0.2, math.inf), order) is None
    assert largest_loss(replace(start, sigma1_x=1e100, sigma_r_x=1e100), 1e-200, order) == math.inf


def test_a_start_without_full_rank_proves_nothing() -> None:
    start = Measurements(5, 0.8, 0.0, 0.7, 1.0, 1.0, 2.0, 1e-30, 0.0)
    assert not all_time(start, 0.5).holds
    assert largest_loss(start, 0.5, "alternating") == 0
