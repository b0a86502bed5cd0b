from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.all_time import all_time
from lopside.theory.all_time_step import all_time_step, all_time_steps, closed_form, step_in_advance, theta_star
from lopside.theory.measurements import measure
from lopside.theory.ward_kolda_window import theory_step


@given(s=st.floats(1e-9, 0.125))
def test_theta_star_is_the_least_that_meets_the_condition(s: float) -> None:
    theta = theta_star(s)
    assert theta * (1 - theta) / 2 == pytest.approx(s, rel=1e-6)
    below = theta * (1 - 1e-3)
    assert below * (1 - below) / 2 < s


@given(b=st.floats(1e-5, 0.5), loss0=st.floats(1e-3, 1e3), theta=st.floats(0.01, 0.5))
def test_the_step_meets_condition_b_with_nothing_left_over(b: float, loss0: float, theta: float) -> None:
    eta = all_time_step(b, loss0, theta=theta)
    sigma_r = math.sqrt(b / eta)
    condition = closed_form(sigma_r, sigma_r, 0.0, loss0, eta, theta).loss
    assert condition.left == pytest.approx(condition.right)
    assert theta_star(math.sqrt(loss0) / sigma_r**2 * (1 - 1e-12)) == pytest.approx(theta, rel=1e-3)


@given(b=st.floats(1e-5, 0.25), reduction=st.floats(1e-12, 0.5))
def test_steps_at_one_half_are_two_over_b_times_the_logarithm(b: float, reduction: float) -> None:
    steps = all_time_steps(b, reduction)
    assert (1 - b / 4) ** (2 * steps) <= reduction * (1 + 1e-9)
    assert (1 - b / 4) ** (2 * (steps - 1)) > reduction * (1 - 1e-9)
    assert steps <= 2 / b * math.log(1 / reduction) + 1


@given(b=st.floats(1e-5, 0.25), digits=st.floats(1, 14))
def test_the_step_beats_the_window_step_by_the_square_root_of_the_logarithm(b: float, digits: float) -> None:
    ratio = all_time_step(b, 1.0) / theory_step(b, 1.0, 10**-digits, form="printed")
    assert ratio == pytest.approx(math.sqrt(digits * math.log(10) / 2))


@pytest.mark.parametrize("d", [6, 10])
def test_the_step_chosen_in_advance_is_certified_as_often_as_promised(d: int, planted: Any, unbalanced: Any) -> None:
    # The spectrum is that of a problem of any size: V'Φ₁ is Gaussian whatever V is.
    problem = planted(12, 12, 5, 1 / 0.9, seed=9)
    norm = float(np.linalg.norm(problem.A))
    chosen = step_in_advance((12, 12), d, 5, sigma1=1.0, sigma_r=0.9, norm_a=norm, failure=0.2)
    assert chosen.norms.holds
    assert chosen.failure_probability == pytest.approx(0.2)
    certified = 0
    for _ in range(200):
        X, Y = unbalanced(problem, d, chosen.step_size)
        proved = all_time(measure(problem.A, X, Y, 5), chosen.step_size)
        certified += proved.bound is not None and proved.bound.rate <= chosen.rate
    assert certified >= 160


def test_a_divisor_too_small_for_the_norms_is_reported() -> None:
    chosen = step_in_advance((50, 40), 10, 5, sigma1=1.0, sigma_r=0.5, norm_a=2.0, C=1.0)
    assert not chosen.norms.holds


def test_b_of_the_unbalanced_start_does_not_depend_on_the_step(planted: Any, unbalanced: Any) -> None:
    b = [
        measure(problem.A, X, Y, 3).sigma_r_x_squared * eta
        for eta in (1e-6, 1e-2, 1.0)
        for problem in [planted(10, 8, 3, 4.0, seed=1)]
        for X, Y in [unbalanced(problem, 5, eta)]
    ]
    assert b == pytest.approx([b[0]] * 3, rel=1e-12)


@pytest.mark.parametrize("c", [1e-200, 1e200])
def test_the_step_in_advance_scales_with_the_matrix(c: float) -> None:
    one, other = (step_in_advance((9, 8), 6, 5, sigma1=s, sigma_r=0.5 * s, norm_a=2 * s) for s in (1.0, c))
    assert other.step_size * c == pytest.approx(one.step_size)
    assert other.beta == pytest.approx(one.beta)
    assert closed_form(c, c, 0.0, 1.0, 1.0, 0.5).rate == (math.inf if c > 1 else 1.0)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="1/8"):
        theta_star(0.2)
    with pytest.raises(InputError, match="theta"):
        all_time_step(0.1, 1.0, theta=1.0)
    with pytest.raises(InputError, match="rank 5 for a 4 × 9"):
        step_in_advance((4, 9), 6, 5, sigma1=1.0, sigma_r=0.5, norm_a=2.0)
