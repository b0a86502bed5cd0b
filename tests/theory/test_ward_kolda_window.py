from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.measurements import Measurements, measure
from lopside.theory.ward_kolda_window import (
    LONGEST_WINDOW,
    factor_motion,
    theory_step,
    theory_steps,
    window,
    window_rate,
    window_theorem,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    m=st.integers(2, 12),
    n=st.integers(2, 12),
    r=st.integers(1, 4),
    extra=st.integers(0, 4),
    kappa=st.floats(1, 100),
    eta=st.floats(-5, -0.5).map(lambda exponent: 10**exponent),
    nu=st.sampled_from([1e-10, 0.3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_window_theorem_at_the_drawn_start(
    m: int,
    n: int,
    r: int,
    extra: int,
    kappa: float,
    eta: float,
    nu: float,
    seed: int,
    planted: Any,
    unbalanced: Any,
    descend: Any,
    losses: Any,
) -> None:
    r = min(m, n, r)
    problem = planted(m, n, r, kappa, seed)
    X, Y = unbalanced(problem, r + extra, eta, nu=nu)
    start = measure(problem.A, X, Y, r)
    proved = window_theorem(start, eta)
    assert proved.holds == all(condition.holds for condition in proved.conditions)
    assume(proved.holds)
    assert proved.bound
    steps = min(proved.steps, 150)
    pairs = descend(problem.A, X, Y, eta, steps)
    f = losses(problem.A, pairs)
    assert (f <= [proved.bound.loss_at(t) for t in range(steps + 1)]).all()
    # The printed rate is true as well, and slower.
    printed = [f[0] * window_rate(proved.b, form="printed") ** t for t in range(steps + 1)]
    assert (f <= np.array(printed) + proved.bound.floor).all()
    smallest = np.linalg.svd(pairs[-1][0], compute_uv=False)[r - 1]
    assert smallest >= 0.5 * math.sqrt(proved.b / eta) * (1 - 1e-9)
    target = proved.bound.loss_at(steps) * (1 + 1e-9)
    reached = proved.steps_to(target)
    assert reached is not None
    assert reached <= steps


def test_nothing_is_claimed_after_the_window() -> None:
    start = Measurements(4, 0.5, 0.4, 0.1, 0.8, 0.1, 1.0, 0.4, 0.0)
    proved = window_theorem(start, 0.005)
    assert proved.bound
    after = proved.bound.loss_at(proved.steps + 1)
    assert proved.bound.steps_to(after) == proved.steps + 1
    assert proved.steps_to(after) is None
    assert proved.steps_to(proved.bound.loss_at(proved.steps) * (1 + 1e-12)) == proved.steps


def test_a_start_that_is_too_large_is_refused_by_name() -> None:
    start = Measurements(4, 1.2, 0.4, 2.0, 1.3, 2.0, 1.0, 1e-3, 0.0)
    proved = window_theorem(start, 0.5)
    assert not proved.holds
    assert proved.steps_to(1e-4) is None
    failed = [condition for condition in proved.conditions if not condition.holds]
    assert [(round(c.left, 3), c.right) for c in failed] == [(0.72, 9 / 16), (2.0, 9 / 16)]


def test_without_the_minimum_the_window_is_longer_than_its_proof() -> None:
    b, eta, loss0 = 0.5, 0.01, 1.0
    longest = 1 / (32 * eta**2 * loss0)
    assert window(b, eta, loss0, form="printed") > longest
    assert window(b, eta, loss0) <= longest
    assert window(b, eta, loss0) == window(0.25, eta, loss0, form="printed")


@given(b=st.floats(1e-4, 0.25), loss0=st.floats(1e-3, 1e3), digits=st.floats(0.1, 14))
def test_the_corrected_step_reaches_its_target_within_its_window(b: float, loss0: float, digits: float) -> None:
    target = loss0 * 10**-digits
    eta = theory_step(b, loss0, target)
    steps = window(b, eta, loss0)
    assert math.exp(-b / 4 * steps) * loss0 <= target * (1 + 1e-9)
    assert abs(steps - theory_steps(b, target / loss0)) <= 1  # rounding at an integer
    # Twice the exponent: the loss is then at most target²/f₀.
    assert window_rate(b) ** steps * loss0 <= target**2 / loss0 * (1 + 1e-9)


def test_the_printed_step_misses_its_target() -> None:
    b, loss0 = 0.25, 1.0
    target = math.exp(-b / 4 * 40.9)
    steps = window(b, theory_step(b, loss0, target, form="printed"), loss0)
    assert steps == 40
    assert math.exp(-b / 4 * steps) * loss0 > target
    steps = window(b, theory_step(b, loss0, target), loss0)
    assert math.exp(-b / 4 * steps) * loss0 <= target


def test_the_proved_exponent_is_twice_the_printed_one_and_is_met_by_a_y_step() -> None:
    # One column, ‖X‖² = σ_r(X)² = b/(4η): a Y-step leaves exactly (1 − b/4)² of the loss.
    b, eta = 0.2, 0.3
    X = np.array([[math.sqrt(b / (4 * eta))], [0.0]])
    A = np.array([[1.0, 2.0], [0.0, 0.0]])
    Y = np.zeros((2, 1))
    after = Y - eta * (X @ Y.T - A).T @ X
    left = np.sum((X @ after.T - A) ** 2) / np.sum(A**2)
    assert left == pytest.approx(window_rate(b))
    assert left < window_rate(b, form="printed")
    assert math.log(window_rate(1e-6)) / math.log(window_rate(1e-6, form="printed")) == pytest.approx(2)


def test_the_printed_motion_bound_lacks_the_square_root_of_t(descend: Any) -> None:
    A, eta = np.array([[1.0]]), 0.1
    X, Y = np.array([[0.0]]), np.array([[math.sqrt(9 / (16 * eta))]])
    loss0, steps = 0.5, 4
    assert steps <= window(0.25, eta, loss0)
    moved = float(np.linalg.norm(descend(A, X, Y, eta, steps)[-1][0] - X))
    assert moved > factor_motion(eta, loss0, steps, form="printed")
    assert moved <= factor_motion(eta, loss0, steps)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="smaller target"):
        theory_step(0.1, 1.0, 1.0)
    with pytest.raises(InputError, match="1/4"):
        window_rate(0.5)


@pytest.mark.parametrize(("scale", "step_size"), [(1e-150, 1e150), (1e150, 1e-150), (1.0, 1.0)])
def test_the_window_has_no_unit(scale: float, step_size: float) -> None:
    # A → cA with η → η/c: the square of η and f₀ themselves leave the range of floating-point numbers.
    loss0 = 1e-4 * scale * scale
    assert window(0.2, step_size, loss0) == pytest.approx(250, abs=1)
    assert theory_step(0.2, loss0, 1e-3 * loss0) == pytest.approx(theory_step(0.2, 1e-4, 1e-7) / scale)


def test_a_window_without_end_and_one_without_a_step_are_numbers() -> None:
    assert window(0.2, 1e-200, 1.0) == LONGEST_WINDOW
    assert window(0.2, 1e200, 1.0) == 0
    start = Measurements(1, 1.0, 1.0, 1e-150, 1.0, 1e-150, 1e-150, 5e-323, 0.0)
    proved = window_theorem(start, 0.5)
    assert proved.bound
    assert proved.steps == LONGEST_WINDOW
    # A loss this small cannot be told from 0.
    assert proved.steps_to(1e-320) is None
    assert math.isfinite(proved.bound.floor)


def test_the_window_theorem_refuses_a_rest_of_a_above_rounding() -> None:
    start = Measurements(4, 0.5, 0.4, 0.1, 0.8, 0.1, 1.0, 0.4, 0.0, tail=1e-20)
    proved = window_theorem(start, 0.005)
    assert [c.name for c in proved.conditions if not c.holds] == ["A has the assumed rank: norm of the rest of A"]
    assert not proved.holds
