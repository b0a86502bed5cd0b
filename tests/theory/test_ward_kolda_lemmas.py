from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lopside.theory.inequality import Inequality, Lemma
from lopside.theory.ward_kolda_lemmas import lemma_41, lemma_41_sum, lemma_45, lemma_46
from lopside.theory.ward_kolda_propositions import cor_44, prop_42, prop_43

cases = {
    "m": st.integers(1, 10),
    "n": st.integers(1, 10),
    "r": st.integers(1, 4),
    "extra": st.integers(0, 3),
    "kappa": st.floats(1, 100),
    "scale": st.sampled_from([1e-6, 1.0, 1e4]),
    "eta": st.floats(-4, -0.3).map(lambda exponent: 10**exponent),
    "seed": st.integers(0, 2**32 - 1),
}
instances = st.fixed_dictionaries(cases)


def build(case: dict[str, Any], planted: Any, unbalanced: Any) -> tuple[Any, ...]:
    r = min(case["m"], case["n"], case["r"])
    problem = planted(case["m"], case["n"], r, case["kappa"], case["seed"], case["scale"])
    eta = case["eta"] / case["scale"]
    # A visible Y₀, so that the X-step does something.
    pair = unbalanced(problem, r + case["extra"], eta, nu=0.3)
    return problem, pair, eta, r


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=instances, size=st.floats(0.01, 1), tilt=st.floats(-3, 3))
def test_descent_lemma_anywhere(case: dict[str, Any], size: float, tilt: float, planted: Any) -> None:
    # Any X and Y of norms up to 1/√η, in the span or not.
    r = min(case["m"], case["n"], case["r"])
    problem = planted(case["m"], case["n"], r, case["kappa"], case["seed"], case["scale"])
    eta, d = case["eta"] / case["scale"], r + case["extra"]
    X, Y = problem.rng.standard_normal((case["m"], d)), problem.rng.standard_normal((case["n"], d))
    X *= size / np.sqrt(eta) / np.linalg.norm(X, 2) * min(1.0, 10**tilt)
    Y *= size / np.sqrt(eta) / np.linalg.norm(Y, 2) * min(1.0, 10**-tilt)
    checked = lemma_41(problem.A, X, Y, eta)
    assume(checked.applies)
    assert not checked.violations


def test_descent_lemma_is_an_equality_at_the_largest_norm() -> None:
    # One column, η‖Y‖² = 1, residual in the row of Y: f(X, Y) falls to 0 and ‖∇‖² = 2f/η. A test that can fail.
    A, X, Y, eta = np.array([[1.0]]), np.array([[0.0]]), np.array([[2.0]]), 0.25
    first = lemma_41(A, X, Y, eta).conclusions[0]
    assert first.left == pytest.approx(first.right)
    # Beyond the hypothesis it is false.
    beyond = lemma_41(A, X, 1.2 * Y, eta)
    assert not beyond.applies
    assert not beyond.conclusions[0].holds
    assert beyond.violations == ()


def test_expansion_of_the_x_step_has_eta_squared_over_two() -> None:
    # Printed in the proof: (η/2)‖∇Yᵀ‖².
    rng = np.random.default_rng(3)
    A, X, Y, eta = rng.standard_normal((5, 4)), rng.standard_normal((5, 2)), rng.standard_normal((4, 2)), 0.1
    gradient = (X @ Y.T - A) @ Y
    before, after = (0.5 * np.sum((M @ Y.T - A) ** 2) for M in (X, X - eta * gradient))
    second, first = np.sum((gradient @ Y.T) ** 2), eta * np.sum(gradient**2)
    assert after == pytest.approx(before + eta**2 / 2 * second - first)
    assert after != pytest.approx(before + eta / 2 * second - first, rel=0.1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=instances, steps=st.integers(1, 40))
def test_lemmas_along_a_trajectory(
    case: dict[str, Any], steps: int, planted: Any, unbalanced: Any, descend: Any
) -> None:
    problem, pair, eta, r = build(case, planted, unbalanced)
    pairs = descend(problem.A, *pair, eta, steps)
    assume(all(np.isfinite(M).all() for M in pairs[-1]))
    checked = [
        lemma_41_sum(problem.A, pairs, eta),
        prop_42(problem.A, pairs[0], pairs[-1], steps, eta, min(r, problem.A.shape[1])),
        cor_44(problem.A, pairs[0], pairs[-1], steps, eta, r),
        *(lemma_41(problem.A, X, Y, eta) for X, Y in pairs[:: max(1, steps // 5)]),
    ]
    assert [lemma.violations for lemma in checked if lemma.violations] == []
    # The next two speak only where the run is stable.
    assume(checked[0].applies)
    assert not lemma_45(problem.A, pairs[0][0], pairs[-1][0], steps, eta, r).violations
    X, Y = pairs[-1]
    assert not lemma_46(problem.A, X, Y, r).violations
    assert lemma_46(problem.A, X, Y, r).applies


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=instances)
def test_propositions_at_the_largest_window(case: dict[str, Any], planted: Any, unbalanced: Any, descend: Any) -> None:
    # A step for which the window of Prop 4.2 holds a few steps: motion close to its bound.
    problem, _, _, r = build(case, planted, unbalanced)
    eta = 1 / (8 * float(np.linalg.norm(problem.A)))
    pair = unbalanced(problem, r + case["extra"], eta, nu=0.3)
    loss0 = 0.5 * np.sum((pair[0] @ pair[1].T - problem.A) ** 2)
    steps = int(1 / (32 * eta**2 * loss0))
    assert steps >= 2
    pairs = descend(problem.A, *pair, eta, steps)
    checked = prop_42(problem.A, pairs[0], pairs[-1], steps, eta, r)
    assume(checked.applies)
    assert not checked.violations
    assert not prop_42(problem.A, pairs[0], pairs[-1], steps + 1, eta, r).applies


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=instances, nu=st.sampled_from([1e-10, 0.1, 0.5]), share=st.floats(0.1, 1))
def test_what_the_start_guarantees(case: dict[str, Any], nu: float, share: float, planted: Any) -> None:
    r = min(case["m"], case["n"], case["r"])
    problem = planted(case["m"], case["n"], r, case["kappa"], case["seed"], case["scale"])
    n, d, eta, C = case["n"], r + case["extra"], case["eta"] / case["scale"], 4.0
    draws = problem.rng.standard_normal((n, d)) / np.sqrt(d), problem.rng.standard_normal((n, d)) / np.sqrt(n)
    smallest = float(np.linalg.svd(problem.right.T @ draws[0], compute_uv=False)[r - 1])
    beta = (share * smallest / (C * case["kappa"] if r > 1 else C)) ** 2
    checked = prop_43(problem.A, draws, eta, beta, C, C * nu / 9, nu, r)
    assume(checked.applies)
    assert not checked.violations
    # A right scale beyond C ν/9 is refused, not claimed.
    assert not prop_43(problem.A, draws, eta, beta, C, C * nu / 8, nu, r).applies


def test_leakage_and_the_pl_inequality_fail_outside_the_column_span(planted: Any) -> None:
    problem = planted(12, 8, 2, 3.0, seed=6)
    X, Y = problem.rng.standard_normal((12, 3)), problem.rng.standard_normal((8, 3))
    assert not lemma_46(problem.A, X, Y, 2).applies
    # At the best Y for this X the gradient vanishes and the loss does not.
    Y = np.linalg.lstsq(X, problem.A, rcond=None)[0].T
    outside = lemma_46(problem.A, X, Y, 2).conclusions[0]
    assert outside.left > 1e6 * outside.right
    inside = problem.left @ problem.left.T @ X
    assert not lemma_45(problem.A, inside, inside + 1e-6, 1, 0.1, 2).conclusions[0].holds


def test_a_lemma_with_failed_hypotheses_claims_nothing() -> None:
    false, true = Inequality("2 ≤ 1", 2, 1), Inequality("1 ≤ 2", 1, 2)
    assert Lemma("", (true,), (false, true)).violations == (false,)
    assert Lemma("", (false,), (false,)).violations == ()
    assert not Inequality("NaN", float("nan"), 1).holds
    assert Inequality("rounding", 1 + 1e-16, 1, 1e-15).holds
