from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.gaussian import sigma_min_level
from lopside.theory.ye_du import (
    first_stage_steps,
    flow_time,
    hidden_constant,
    second_stage_residual,
    start_scale,
    step_limits,
    theory_step,
    total_steps,
)


def test_sizes_for_the_standard_example() -> None:
    # 100 × 100, d = r = 5, κ = 1/0.9, relative squared error 1e-10.
    loss = 1e-10 * 0.5 * float(np.sum(np.linspace(1, 0.9, 5) ** 2))
    scale = start_scale(1.0, 0.9, 5, (100, 100))
    step = theory_step(1.0, 0.9, 5, scale)
    assert scale == pytest.approx(2.0e-3, rel=0.02)
    assert step == pytest.approx(7e-7, rel=0.05)
    assert total_steps(0.9, 5, scale, step, loss) == pytest.approx(4e7, rel=0.15)
    assert all(step < limit for limit in step_limits(1.0))


@given(kappa=st.floats(1, 100), d=st.integers(1, 20), size=st.integers(2, 1000), k=st.sampled_from([1.0, 3.0]))
def test_the_step_grows_with_the_fourth_power_of_the_condition_number(
    kappa: float, d: int, size: int, k: float
) -> None:
    scale = start_scale(1.0, 1 / kappa, d, (size, size), rank_exponent=k)
    step = theory_step(1.0, 1 / kappa, d, scale)
    # 1/(ησ_d) = d^(1+k) (m+n)² κ⁴
    assert kappa / step == pytest.approx(d ** (1 + k) * (2 * size) ** 2 * kappa**4)


def test_the_numbers_scale_with_the_matrix() -> None:
    # A → cA: scale by √c, step by 1/c, the number of steps not at all.
    c = 7.0
    one, other = start_scale(1.0, 0.5, 3, (30, 20)), start_scale(c, 0.5 * c, 3, (30, 20))
    assert other == pytest.approx(math.sqrt(c) * one)
    step, scaled = theory_step(1.0, 0.5, 3, one), theory_step(c, 0.5 * c, 3, other)
    assert scaled == pytest.approx(step / c)
    # The first logarithm has a ratio of unlike units in it, σ_d to scale: compare what does scale.
    assert flow_time(0.5, 3, 10.0, 1e-6) == pytest.approx(c * flow_time(0.5 * c, 3, 100.0, 1e-6 * c))


@pytest.mark.parametrize("c", [1e-280, 1e-140, 1e140, 1e280])
def test_the_step_of_a_matrix_of_any_size_is_a_number(c: float) -> None:
    scale = start_scale(c, 0.5 * c, 3, (30, 20))
    one = start_scale(1.0, 0.5, 3, (30, 20))
    assert scale / math.sqrt(c) == pytest.approx(one)
    step = theory_step(c, 0.5 * c, 3, scale)
    assert step * c == pytest.approx(theory_step(1.0, 0.5, 3, one))
    assert 0 < first_stage_steps(0.5 * c, 3, scale, step) < math.inf
    assert 0 < total_steps(0.5 * c, 3, scale, step, 1e-300) < math.inf


def test_hidden_factors_multiply() -> None:
    assert start_scale(1.0, 0.9, 5, (9, 8), hidden_factor=3.0) == pytest.approx(3 * start_scale(1.0, 0.9, 5, (9, 8)))
    steps = total_steps(0.9, 5, 1e-3, 1e-6, 1e-8)
    assert total_steps(0.9, 5, 1e-3, 1e-6, 1e-8, hidden_factor=3.0) == pytest.approx(3 * steps)
    # The first stage is a part of the whole for small starts, up to its second logarithm of the scale.
    assert first_stage_steps(0.9, 5, 1e-3, 1e-6) < 2 * steps


@given(step=st.integers(0, 1000))
def test_second_stage_shrinks_linearly(step: int) -> None:
    ratio = second_stage_residual(0.9, 0.1, step + 1) / second_stage_residual(0.9, 0.1, step)
    assert ratio == pytest.approx(1 - 0.1 * 0.9 / 2)


def test_the_hidden_constant_is_what_a_square_gaussian_matrix_needs() -> None:
    d, failure = 6, 0.1
    c = hidden_constant(failure)
    # (U₀ + V₀)/2 has entries of variance ε²/2: σ_min ≥ ε/(c√d) means σ_min(G) ≥ √2/(c√d).
    rng = np.random.default_rng(0)
    sigma = np.linalg.svd(rng.standard_normal((4000, d, d)), compute_uv=False)[:, -1]
    assert 0.05 < np.mean(sigma < math.sqrt(2) / (c * math.sqrt(d))) <= failure
    assert math.sqrt(2) / (c * math.sqrt(d)) <= sigma_min_level(d, d, failure)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="sigma_d"):
        start_scale(1.0, 0.0, 5, (10, 10))
    with pytest.raises(InputError, match="half_step"):
        second_stage_residual(1.0, 3.0, 1)
