from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.all_time_step import all_time_step
from lopside.theory.probability import tau_from_probability
from lopside.theory.ward_kolda import (
    beta,
    initial_loss_bounds,
    least_divisor,
    rho,
    right_scale,
    start_bounds,
    step_bound,
)
from lopside.theory.ward_kolda_window import theory_step, theory_steps

positive = st.floats(1e-3, 1e3)


@pytest.mark.parametrize(
    ("d", "value", "step", "steps", "all_time"),
    [
        (5, 5.6e-6, 1.4e-7, 1.6e7, 4.7e-7),
        (6, 1.7e-4, 4.2e-6, 5.4e5, 1.4e-5),
        (10, 2.6e-3, 6.4e-5, 3.5e4, 2.2e-4),
        (20, 8.8e-3, 2.2e-4, 1.0e4, 7.4e-4),
    ],
)
def test_sizes_for_the_standard_example(d: int, value: float, step: float, steps: float, all_time: float) -> None:
    # 100 × 100, σ = linspace(1, 0.9, 5), C = 4, relative squared error 1e-10, 5 % for σ_r.
    loss0 = 0.5 * float(np.sum(np.linspace(1, 0.9, 5) ** 2))
    b = beta(rho(tau_from_probability(d, 5, 0.05), d, 5), 4, 1 / 0.9)
    assert b == pytest.approx(value, rel=0.03)
    assert theory_step(b, loss0, 1e-10 * loss0) == pytest.approx(step, rel=0.04)
    assert theory_steps(b, 1e-10) == pytest.approx(steps, rel=0.05)
    assert all_time_step(b, loss0) == pytest.approx(all_time, rel=0.04)


def test_first_loss_violates_the_printed_lower_bound_and_keeps_the_corrected_one(planted: Any, unbalanced: Any) -> None:
    problem = planted(30, 20, 3, 2.0, seed=4)
    nu, norm = 0.5, float(np.linalg.norm(problem.A))
    X, Y = unbalanced(problem, 6, 0.1, nu=nu)
    loss = 0.5 * np.sum((X @ Y.T - problem.A) ** 2)
    low, high = initial_loss_bounds(nu, norm)
    assert low <= loss <= high
    assert loss < initial_loss_bounds(nu, norm, form="printed")[0]


@given(nu=st.floats(0.01, 0.99), norm=positive)
def test_the_printed_bounds_on_the_first_loss_contradict_each_other(nu: float, norm: float) -> None:
    low, high = initial_loss_bounds(nu, norm)
    assert low < high
    printed_low, printed_high = initial_loss_bounds(nu, norm, form="printed")
    # (1 + ν)(1 − ν) < 1
    assert printed_low > printed_high


@given(C=st.floats(4, 40), nu=st.floats(0.01, 0.99), sigma1=positive)
def test_the_step_bound_follows_from_the_corrected_bound_on_y_only(C: float, nu: float, sigma1: float) -> None:
    eta = step_bound(C, nu, sigma1)
    corrected = start_bounds(eta, 0.01, C, nu, sigma1).sigma1_y
    assert corrected**2 == pytest.approx(9 / (16 * eta))
    # Printed on the way: σ₁(Y₀)² ≤ 9ηC²σ₁² ≤ 9/(16η).
    assert 9 * eta * C**2 * sigma1**2 > 9 / (16 * eta)


@given(left=st.floats(1.1, 4), right=st.floats(1.1, 4), nu=st.floats(0.01, 0.99), sigma1=positive)
def test_free_norm_bounds_keep_what_the_fixed_ones_promise(left: float, right: float, nu: float, sigma1: float) -> None:
    C = least_divisor(left)
    eta = step_bound(C, nu, sigma1, left_bound=left)
    bounds = start_bounds(eta, 0.01, C, nu, sigma1, left_bound=left)
    assert bounds.sigma1_x == pytest.approx(3 / (4 * math.sqrt(eta)))
    assert bounds.sigma1_y == pytest.approx(3 / (4 * math.sqrt(eta)))
    D = right_scale(C, nu, left_bound=left, right_bound=right)
    assert math.sqrt(eta) * D * sigma1 * right == pytest.approx(bounds.sigma1_y)
    assert least_divisor() == 4
    assert right_scale(4, nu) == pytest.approx(4 * nu / 9)


def test_for_larger_divisors_y_violates_the_printed_bound_and_keeps_the_corrected_one() -> None:
    # C = 8 at the largest step: printed ‖Y_t‖ ≤ 3/(C√η) + √(β/η)/2, at t = 0 already false.
    C, nu, n = 8.0, 0.5, 20
    eta = step_bound(C, nu, 1.0)
    phi = np.random.default_rng(0).standard_normal((n, n)) / math.sqrt(n)
    norm = math.sqrt(eta) * right_scale(C, nu) * float(np.linalg.norm(phi, 2))
    b = beta(rho(1.0, n, n), C, 1.0)
    motion = 0.5 * math.sqrt(b / eta)
    assert np.linalg.norm(phi, 2) <= 3
    assert norm > 3 / (C * math.sqrt(eta)) + motion
    assert norm <= start_bounds(eta, b, C, nu, 1.0).sigma1_y + motion


@given(share=st.floats(0.01, 1), tau=st.floats(0.01, 2), C=st.floats(4, 40), nu=st.floats(0.01, 0.5))
def test_the_theory_step_meets_the_step_bound_unless_the_target_is_near_the_first_loss(
    share: float, tau: float, C: float, nu: float
) -> None:
    # β ≤ τ²/C² and f₀ ≥ σ₁²/8; what is needed is log(f₀/f) ≥ (2τ²ν/(9C))².
    b, loss0 = share * tau**2 / C**2, 1 / 8
    needed = max(1e-6, (2 * tau**2 * nu / (9 * C)) ** 2)  # below that exp(−needed) is rounded away
    assert theory_step(b, loss0, loss0 * math.exp(-needed), form="printed") <= step_bound(C, nu, 1.0) * (1 + 1e-9)


def test_printed_implication_between_the_steps_fails_near_the_first_loss() -> None:
    b, C, nu, loss0 = 0.2, 4.0, 0.5, 1 / 8
    assert theory_step(b, loss0, loss0 * (1 - 1e-12), form="printed") > step_bound(C, nu, 1.0)


@given(alpha=st.floats(0.05, 5), tau=st.floats(0.01, 0.9))
def test_overparameterized_rho_depends_on_tau(alpha: float, tau: float) -> None:
    r = 20
    d = math.ceil((1 + alpha) * r)
    alpha = d / r - 1
    printed = (1 + alpha) / (math.sqrt(1 + alpha) - 1) ** 2
    assert rho(tau, d, r) ** -2 <= printed / tau**2
    assert rho(tau, 400, 20) ** -2 > 20 / (math.sqrt(20) - 1) ** 2


def test_numbers_out_of_range_are_refused() -> None:
    for call in (lambda: rho(0.5, 4, 5), lambda: rho(-0.5, 5, 4), lambda: beta(0.5, 4, math.inf)):
        with pytest.raises(InputError, match="expected"):
            call()
    for nu in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match="nu"):
            initial_loss_bounds(nu, 1.0)
