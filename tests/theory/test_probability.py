from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.theory.gaussian import sigma_min_tail, sigma_min_tail_closed
from lopside.theory.probability import failure_probability, norm_bounds, tau_closed, tau_from_probability
from lopside.theory.ward_kolda import printed_failure_probability

shapes = st.tuples(st.integers(1, 30), st.integers(0, 30)).map(lambda p: (p[0] + p[1], p[0]))


@pytest.mark.parametrize(
    ("d", "tau", "left"), [(5, 0.100, 3.09), (6, 0.315, 2.91), (10, 0.619, 2.48), (20, 0.756, 2.05)]
)
def test_table_at_five_percent(d: int, tau: float, left: float) -> None:
    assert tau_from_probability(d, 5, 0.05) == pytest.approx(tau, abs=6e-4)
    bounds = norm_bounds(100, d, 5, left_probability=0.05, right_probability=0.05)
    assert bounds.left == pytest.approx(left, abs=6e-3)


@given(shape=shapes, probability=st.floats(1e-9, 0.5))
def test_closed_tau_inverts_its_tail_and_is_never_better(shape: tuple[int, int], probability: float) -> None:
    d, r = shape
    tau = tau_closed(d, r, probability)
    assert sigma_min_tail_closed(d, r, tau) == pytest.approx(probability, rel=1e-6)
    assert tau <= tau_from_probability(d, r, probability) * (1 + 1e-9)


@given(shape=shapes, failure=st.floats(1e-6, 0.5))
def test_the_probability_asked_for_is_the_one_spent(shape: tuple[int, int], failure: float) -> None:
    d, r = shape
    tau = tau_from_probability(d, r, failure / 2)
    spent = failure_probability(tau, d, r, left_probability=failure / 4, right_probability=failure / 4)
    assert spent == pytest.approx(failure, rel=1e-6)


def test_the_start_misses_its_bounds_no_more_often_than_claimed() -> None:
    n, d, r, draws = 40, 8, 4, 2000
    rng = np.random.default_rng(2)
    tau = tau_from_probability(d, r, 0.2)
    bounds = norm_bounds(n, d, r, left_probability=0.05, right_probability=0.05)
    seen = np.linalg.svd(rng.standard_normal((draws, r, d)) / math.sqrt(d), compute_uv=False)
    right = np.linalg.svd(rng.standard_normal((draws, n, d)) / math.sqrt(n), compute_uv=False)[:, 0]
    small = seen[:, -1] < tau * (1 - math.sqrt((r - 1) / d))
    missed = np.mean(small | (seen[:, 0] > bounds.left) | (right > bounds.right))
    assert 0.1 < missed <= failure_probability(tau, d, r, left_probability=0.05, right_probability=0.05)


def test_the_norm_bound_holds_for_the_part_of_phi1_that_is_seen_not_for_phi1() -> None:
    # Printed: σ₁(Φ₁) ≤ 1 + 2√(r/d) ≤ 3 for the whole n × d matrix.
    n, d, r = 100, 10, 5
    phi = np.random.default_rng(0).standard_normal((n, d)) / math.sqrt(d)
    bound = norm_bounds(n, d, r, left_probability=math.exp(-r / 2), right_probability=math.exp(-d / 2)).left
    assert bound == pytest.approx(1 + 2 * math.sqrt(r / d))
    assert np.linalg.norm(phi, 2) > 3
    assert np.linalg.norm(phi[:r], 2) <= bound


def test_the_norm_of_phi2_depends_on_n_not_on_m() -> None:
    # Printed: σ₁(Φ₂) ≤ 1 + 2√d/√m, but Φ₂ is n × d.
    m, n, d = 1000, 20, 10
    phi = np.random.default_rng(0).standard_normal((n, d)) / math.sqrt(n)
    bound = norm_bounds(n, d, 5, left_probability=0.5, right_probability=math.exp(-d / 2)).right
    assert bound == pytest.approx(1 + 2 * math.sqrt(d / n))
    assert 1 + 2 * math.sqrt(d / m) < np.linalg.norm(phi, 2) <= bound


def test_the_printed_probability_says_nothing_at_small_rank_and_ours_does() -> None:
    tau, d = 0.2, 6
    # Even with the best constants the Gaussian case allows.
    assert printed_failure_probability(tau, d, 1, C1=math.e, C2=math.inf) > 0.6
    assert failure_probability(tau, d, 1, left_probability=0.01, right_probability=0.01) < 0.03


def test_the_printed_tail_needs_tau_where_the_proof_prints_epsilon() -> None:
    # P(σ_r ≤ τ(√d − √(r−1))) ≤ (C₁τ)^(d−r+1): with another number in place of τ on the right it is false.
    d, r, tau, epsilon = 6, 5, 0.3, 1e-3
    sigma = np.linalg.svd(np.random.default_rng(1).standard_normal((4000, d, r)), compute_uv=False)[:, -1]
    observed = np.mean(sigma <= tau * (math.sqrt(d) - math.sqrt(r - 1)))
    assert (math.e * epsilon) ** (d - r + 1) < observed < (math.e * tau) ** (d - r + 1)
    assert observed <= sigma_min_tail(d, r, tau * (math.sqrt(d) - math.sqrt(r - 1))) + 0.02
