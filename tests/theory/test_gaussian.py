from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from lopside.errors import InputError
from lopside.theory.gaussian import (
    gaussian_scale,
    sigma_max_level,
    sigma_max_tail,
    sigma_min_level,
    sigma_min_tail,
    sigma_min_tail_closed,
    sigma_min_tail_concentration,
    sigma_min_tail_power,
)

shapes = st.tuples(st.integers(1, 40), st.integers(0, 40)).map(lambda p: (p[0] + p[1], p[0]))
DRAWS = 4000


@pytest.mark.parametrize(
    ("d", "r", "tau", "gamma", "closed", "concentration"),
    [
        (5, 5, 0.3, 0.151, 0.172, 1.0),
        (6, 5, 0.3, 0.0453, 0.0569, 0.997),
        (10, 5, 0.5, 0.0149, 0.0543, 0.942),
        (20, 10, 0.5, 0.00146, 0.0124, 0.848),
        (11, 10, 0.5, 0.125, 0.144, 1.0),
        (15, 5, 0.5, 0.0014, 0.036, 0.782),
    ],
)
def test_tails_against_draws(d: int, r: int, tau: float, gamma: float, closed: float, concentration: float) -> None:
    level = tau * (math.sqrt(d) - math.sqrt(r - 1))
    rng = np.random.default_rng([d, r])
    sigma = np.linalg.svd(rng.standard_normal((DRAWS, d, r)), compute_uv=False)[:, -1]
    bound = sigma_min_tail(d, r, level)
    # Five standard errors of the count if the bound were the probability.
    error = 5 * math.sqrt(bound * (1 - bound) / DRAWS)
    observed = np.mean(sigma <= level)
    assert observed <= bound + error
    assert bound <= 1.6 * observed + error
    assert bound == pytest.approx(gamma, rel=0.05)
    assert sigma_min_tail_closed(d, r, tau) == pytest.approx(closed, rel=0.05)
    assert sigma_min_tail_concentration(d, r, level) == pytest.approx(concentration, abs=1e-3)


@given(d=st.integers(1, 200), level=st.floats(0, 30))
def test_one_column_is_exact(d: int, level: float) -> None:
    assert sigma_min_tail(d, 1, level) == pytest.approx(stats.chi2.cdf(level**2, d), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("d", [2, 3, 6])
@pytest.mark.parametrize("level", [0.05, 0.4, 1.0])
def test_two_columns_against_the_exact_density(d: int, level: float) -> None:
    # Joint density of the eigenvalues of a 2 × 2 Wishart matrix, up to its constant.
    def density(high: float, low: float) -> float:
        return (low * high) ** ((d - 3) / 2) * math.exp(-(low + high) / 2) * (high - low)

    def mass(top: float) -> float:
        # low = s² takes away the singularity at 0 for d = 2.
        return integrate.dblquad(
            lambda high, s: 2 * s * density(high, s * s), 0, math.sqrt(top), lambda s: s * s, lambda s: 80.0
        )[0]

    exact = mass(level**2) / mass(80.0)
    assert exact <= sigma_min_tail(d, 2, level) * (1 + 1e-6)
    assert sigma_min_tail(d, 2, 0.05) <= 1.1 * mass(0.0025) / mass(80.0)


@given(shape=shapes, tau=st.floats(1e-3, 1))
def test_the_bounds_are_ordered(shape: tuple[int, int], tau: float) -> None:
    d, r = shape
    level, q = tau * gaussian_scale(d, r), d - r + 1
    power = sigma_min_tail_power(d, r, level)
    assert sigma_min_tail(d, r, level) <= power * (1 + 1e-9)
    assert power == pytest.approx(sigma_min_tail_closed(d, r, tau), rel=1e-9)
    assert power <= (math.e * tau) ** q / math.sqrt(2 * math.pi * q) * (1 + 1e-9)
    # Chen and Dongarra: P(‖G†‖ ≥ (e√d/q)s) ≤ s^{−q}.
    assert power <= (math.e * math.sqrt(d) * level / q) ** q * (1 + 1e-9)


@given(d=st.integers(1, 60), x=st.floats(0, 1))
def test_square_matrices_have_a_linear_tail(d: int, x: float) -> None:
    assert sigma_min_tail(d, d, x / math.sqrt(d)) <= x * (1 + 1e-9)


@given(shape=shapes, probability=st.floats(1e-12, 0.5))
def test_levels_invert_the_tails(shape: tuple[int, int], probability: float) -> None:
    d, r = shape
    low = sigma_min_level(d, r, probability)
    tails = sigma_min_tail(d, r, low), sigma_min_tail_concentration(d, r, low)
    assert min(tails) == pytest.approx(probability, rel=1e-6)
    assert sigma_max_tail(d, r, sigma_max_level(d, r, probability)) == pytest.approx(probability, rel=1e-9)


def test_the_largest_singular_value_stays_below_its_level() -> None:
    rng = np.random.default_rng(7)
    sigma = np.linalg.svd(rng.standard_normal((2000, 12, 5)), compute_uv=False)[:, 0]
    assert np.mean(sigma > sigma_max_level(12, 5, 0.05)) <= 0.05
    assert np.mean(sigma > math.sqrt(12) + math.sqrt(5)) > 0.05, "the margin is not needed: a test of nothing"


def test_large_shapes_neither_overflow_nor_claim_zero() -> None:
    level = sigma_min_level(10_000, 5_000, 1e-300)
    assert sigma_min_tail(10_000, 5_000, level) <= 1.001e-300
    # χ² underflows here although the bound on the probability does not.
    assert sigma_min_tail(4_000, 2_000, 17.0) > 0
    assert sigma_min_tail(10_000, 5_000, 100.0) == sigma_min_tail_power(10_000, 5_000, 100.0) == 1.0


def test_shapes_and_numbers_out_of_range_are_refused() -> None:
    for d, r in [(3, 4), (3, 0)]:
        with pytest.raises(InputError, match="columns"):
            sigma_min_tail(d, r, 0.1)
    for level in (-0.1, math.nan):
        with pytest.raises(InputError, match="level"):
            sigma_min_tail(4, 3, level)
    for probability in (0.0, 1.0, -0.1, math.nan):
        with pytest.raises(InputError, match="probability"):
            sigma_min_level(4, 3, probability)
