from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.all_time_step import all_time_steps
from lopside.theory.ward_kolda_stages import stage_lengths, stage_norm_bound, stage_step
from lopside.theory.ward_kolda_window import factor_motion

betas = st.floats(1e-4, 0.1)
shrinks = st.floats(1e-6, 0.06)


@given(b=betas, loss0=st.floats(1e-3, 1e3), shrink=shrinks)
def test_every_stage_is_long_enough_for_its_share(b: float, loss0: float, shrink: float) -> None:
    eta = stage_step(b, loss0, shrink)
    for stage, steps in enumerate(stage_lengths(b, eta, loss0, shrink, 4)):
        # In stage l the proved σ_r² is b/4^l and the rate exp(−b/4^(l+1)).
        assert math.exp(-b / 4 ** (stage + 1) * steps) <= shrink * (1 + 1e-9)


def test_the_printed_step_makes_the_first_stage_too_short() -> None:
    b, shrink = 0.1, math.exp(-3.0248)  # 4 log(1/shrink)/b is a little below an integer
    lengths = {
        form: stage_lengths(b, stage_step(b, 1.0, shrink, form=form), 1.0, shrink, 1)[0]
        for form in ("corrected", "printed")
    }
    assert math.exp(-b / 4 * lengths["printed"]) > shrink
    assert math.exp(-b / 4 * lengths["corrected"]) <= shrink


@given(b=betas, shrink=shrinks)
def test_stages_are_not_linear_convergence(b: float, shrink: float) -> None:
    eta = stage_step(b, 1.0, shrink)
    lengths = stage_lengths(b, eta, 1.0, shrink, 5)
    for earlier, later in zip(lengths[:-1], lengths[1:], strict=True):
        assert later >= 4 * (earlier - 1)
    # The all-time theorem needs a number of steps proportional to the number of digits.
    assert sum(lengths) > 20 * all_time_steps(b, shrink**5)


@given(b=st.floats(1e-4, 0.25), eta=st.floats(1e-6, 1e-2), shrink=shrinks)
def test_the_motion_over_all_stages_exceeds_the_printed_bound(b: float, eta: float, shrink: float) -> None:
    first = b / (8 * eta**2)  # steps of the first stage at f₀ = 1, before rounding down
    motion = sum(math.sqrt(2 * (4 * shrink) ** -stage * first * eta * shrink**stage) for stage in range(30))
    assert factor_motion(eta, 1.0, 1) * math.sqrt(first) == pytest.approx(math.sqrt(b / eta) / 2)
    start = 3 / (8 * math.sqrt(eta))
    assert stage_norm_bound(b, eta, form="printed") < start + motion
    assert start + motion <= stage_norm_bound(b, eta) * (1 + 1e-12)
    assert (stage_norm_bound(b, eta) <= 3 / (4 * math.sqrt(eta))) == (b <= 9 / 64)


def test_a_shrink_above_one_sixteenth_is_refused() -> None:
    with pytest.raises(InputError, match="1/16"):
        stage_step(0.01, 1.0, 0.1)
