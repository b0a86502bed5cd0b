from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.linear_bound import LinearBound

bounds = st.builds(
    LinearBound,
    loss0=st.floats(-20, 10).map(lambda exponent: 10**exponent),
    gap=st.floats(-8, 0).map(lambda exponent: 10**exponent),
    rounding=st.floats(-20, -10).map(lambda exponent: 10**exponent),
    tail=st.sampled_from([0.0, 1e-25, 1e-12]),
)


@given(bound=bounds, digits=st.floats(-1, 25))
def test_steps_to_is_the_first_step_that_reaches_the_loss(bound: LinearBound, digits: float) -> None:
    target = bound.loss0 * 10**-digits
    steps = bound.steps_to(target)
    if steps is None:
        # A root taken just above the floor is zero to rounding.
        assert target <= bound.floor * (1 + 1e-6)
    elif steps == 0:
        assert bound.loss0 <= target
    else:
        assert bound.loss_at(steps) <= target * (1 + 1e-9)
        # One step before it is not reached, unless the root falls on an integer.
        assert steps == 1 or bound.loss_at(steps - 2) > target * (1 - 1e-9)


@given(bound=bounds)
def test_the_bound_falls_from_above_the_first_loss_to_the_floor(bound: LinearBound) -> None:
    assert bound.loss_at(0) >= bound.loss0 * (1 - 1e-15)
    assert bound.loss_at(10) >= bound.loss_at(11)
    assert bound.loss_at(math.ceil(100 / bound.gap)) == pytest.approx(bound.floor, rel=1e-6)
    assert bound.rate == pytest.approx((1 - bound.gap) ** 2)


def test_slow_rates_are_not_rounded_to_no_convergence() -> None:
    bound = LinearBound(loss0=1.0, gap=1e-18, rounding=0.0)
    assert bound.steps_to(math.exp(-2)) == pytest.approx(1e18)


def test_a_target_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="loss"):
        LinearBound(1.0, 0.1, 0.0).steps_to(0.0)


def test_a_bound_outside_the_range_of_numbers_is_no_bound() -> None:
    assert LinearBound(1.0, 1e-200, 1.0).floor == math.inf
    assert LinearBound(1.0, 1e-320, 0.0).steps_to(1e-3) is None
    assert LinearBound(1.7e308, 0.5, 0.0).steps_to(1.0) == pytest.approx(0.5 * math.log2(1.7e308), abs=1)
