from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.measurements import measure, residual_of


def test_numbers_of_a_planted_pair(planted: Any) -> None:
    problem = planted(9, 7, 3, 5.0, seed=2)
    frame = np.linalg.qr(problem.rng.standard_normal((4, 4)))[0]
    outside = problem.rng.standard_normal(9)
    outside -= problem.left @ (problem.left.T @ outside)
    outside /= np.linalg.norm(outside)
    X = problem.left @ np.diag([5.0, 3.0, 2.0]) @ frame[:3] + 1e-3 * np.outer(outside, frame[3])
    Y = problem.right @ np.diag([1.0, 0.5, 4.0]) @ frame[:3]
    numbers = measure(problem.A, X, Y, 3)
    assert numbers.sigma1_x == pytest.approx(5)
    assert numbers.sigma_r_x == pytest.approx(2)
    assert numbers.sigma1_y == pytest.approx(4)
    assert numbers.leakage == pytest.approx(1e-3)
    assert numbers.norm_x == pytest.approx(np.sqrt(38 + 1e-6))
    # XYᵀ = left diag(5, 1.5, 8) rightᵀ; what leaks meets nothing of Y.
    assert numbers.loss == pytest.approx(0.5 * np.sum((np.array([5, 1.5, 8]) - problem.sigma) ** 2))
    assert numbers.tail < 1e-30
    assert not numbers.span_and_rank()[0].holds
    assert numbers.span_and_rank()[1].holds
    assert measure(problem.A, X, Y, 2).tail == pytest.approx(0.5 * problem.sigma[2] ** 2)


def test_a_gram_matrix_knows_the_smallest_singular_value_to_the_allowance() -> None:
    # σ_r² from XᵀX is off by less than what is subtracted.
    rng = np.random.default_rng(0)
    for ratio in (1e-3, 1e-6, 1e-7):
        frame = np.linalg.qr(rng.standard_normal((30, 4)))[0]
        X = frame * np.array([1.0, 0.5, 0.1, ratio]) @ np.linalg.qr(rng.standard_normal((4, 4)))[0]
        numbers = measure(rng.standard_normal((30, 30)), X, X, 4)
        gram = np.linalg.eigvalsh(X.T @ X)[0]
        assert gram - (numbers.sigma_r_x**2 - numbers.sigma_r_x_squared) <= ratio**2


@given(exponent=st.floats(-150, 70), d=st.integers(1, 30), seed=st.integers(0, 1000))
def test_rounding_of_the_residual_stays_within_its_bound(exponent: float, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((8, d)) * 10**exponent, rng.standard_normal((6, d))
    A = X @ Y.T
    exact = X.astype(np.longdouble) @ Y.astype(np.longdouble).T - A
    residual, bound = residual_of(A, X, Y)
    assert float(np.sqrt(np.sum(((residual - exact) / 10**exponent) ** 2))) <= bound / 10**exponent


def test_a_zero_matrix_and_too_few_columns_are_refused() -> None:
    with pytest.raises(InputError, match="norm_a"):
        measure(np.zeros((3, 2)), np.ones((3, 1)), np.ones((2, 1)), 1)
    with pytest.raises(InputError, match="columns"):
        measure(np.eye(3), np.ones((3, 1)), np.ones((3, 1)), 2)
