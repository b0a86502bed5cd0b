"""The bound from below on numbers alone: the formula, its best multiple, its limits, and that it is never too high."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_completion import BIASES, SCALINGS, planted

from lopside.theory.duality import Candidate, duality_gap


def candidate(table, X, Y):
    """The numbers of the weighted residual, by the formula, and ‖W̃‖₂ by LAPACK."""
    a, known = table.centered, table.known
    W = table.w * (a - np.where(known, X @ Y.T, 0.0)) * known
    s, t = (np.where(scale > 0, scale, 1.0) for scale in table.scales())
    rho = table.ridge if table.bias_ridge is None else table.bias_ridge
    size = (W[known] ** 2 / table.w[known]).sum()
    size += table.rows * (W.sum(axis=1) ** 2 / (rho * s)).sum() + table.columns * (W.sum(axis=0) ** 2 / (rho * t)).sum()
    norm = np.linalg.norm(W / np.sqrt(np.outer(s, t)), 2)
    return Candidate(float((W * a).sum()), float(size), float(np.abs(W * a).sum() + size)), float(norm)


@pytest.mark.parametrize("product", [-3.0, 0.0, 0.5, 0.9, 0.99, 1.01, 2.0, 10.0])
def test_the_example_by_hand(product):
    # a = w = 1, λ = 0.1: min ½(z − 1)² + 0.1|z| = 0.095 at z = 0.9. Whatever z is, S = λ in the end: beyond 1 the
    # residual has the wrong sign, and its multiple is negative.
    W = 1.0 - product
    loss = 0.5 * W**2 + 0.1 * abs(product)
    found = duality_gap(loss, Candidate(W, W * W, abs(W) + W * W), 0.1, abs(W))
    assert found.dual == pytest.approx(0.095, rel=1e-12)
    assert found.scale == pytest.approx(0.1 / W, rel=1e-12)
    assert found.dual <= 0.095
    assert found.gap == pytest.approx(loss - 0.095, abs=1e-12)
    assert found.relative == found.gap / loss


@given(alpha=st.floats(-5, 5), beta=st.floats(1e-3, 5), ridge=st.floats(1e-3, 5), norm=st.floats(1e-3, 5))
def test_the_multiple_is_the_best_one_that_is_allowed(alpha, beta, ridge, norm):
    found = duality_gap(10.0, Candidate(alpha, beta, abs(alpha) + beta), ridge, norm)
    assert abs(found.scale) * norm <= ridge
    scales = np.linspace(-1, 1, 2001) * ridge / norm
    best = max(0.0, float((scales * alpha - 0.5 * scales**2 * beta).max()))
    assert best * (1 - 1e-5) - 1e-9 <= found.dual
    allowed = min(max(alpha / beta, -ridge / norm), ridge / norm)
    assert found.dual <= max(0.0, allowed * alpha - 0.5 * allowed**2 * beta)


@pytest.mark.parametrize(
    ("found", "ridge", "norm"),
    [
        (Candidate(0.0, 0.0, 0.0), 0.1, 0.0),  # W = 0
        (Candidate(1.0, 1.0, 2.0), 0.0, 1.0),  # no ridge
        (Candidate(1.0, math.inf, math.inf), 0.1, 1.0),
        (Candidate(math.nan, math.nan, math.nan), 0.1, 1.0),
        (Candidate(0.0, 1.0, 1.0), 0.1, 1.0),  # the residual is orthogonal to the data
        (Candidate(1e-17, 1.0, 1.0), 0.1, 1.0),  # or as good as that
    ],
)
def test_where_nothing_is_known_the_bound_is_zero(found, ridge, norm):
    gap = duality_gap(3.0, found, ridge, norm)
    assert (gap.dual, gap.scale) == (0.0, 0.0)
    assert 3.0 <= gap.gap <= 3.0 * (1 + 1e-12)


def test_without_loss_there_is_no_gap():
    assert duality_gap(0.0, Candidate(0.0, 0.0, 0.0), 0.1, 0.0).gap == 0.0
    assert duality_gap(0.0, Candidate(0.0, 0.0, 0.0), 0.1, 0.0).relative == 0.0


def test_a_residual_whose_norm_is_zero_is_not_clipped():
    # All of W may be below what its norm was found with.
    found = duality_gap(1.0, Candidate(1.0, 2.0, 3.0), 0.1, 0.0)
    assert found.scale == 0.5
    assert found.dual == pytest.approx(0.25)


def test_what_the_loss_is_known_up_to_is_part_of_the_gap():
    plain = duality_gap(1.0, Candidate(1.0, 1.0, 2.0), 0.5, 1.0)
    coarse = duality_gap(1.0, Candidate(1.0, 1.0, 2.0), 0.5, 1.0, slip=1e-3)
    assert plain.rounding < 1e-13
    assert coarse.gap == pytest.approx(plain.gap + 1e-3, rel=1e-9)
    assert coarse.dual == plain.dual
    # A loss below the bound is rounding, never a negative gap.
    assert duality_gap(plain.dual * (1 - 1e-3), Candidate(1.0, 1.0, 2.0), 0.5, 1.0).gap == 0.0


def test_a_larger_bound_on_the_norm_gives_a_smaller_bound():
    found = Candidate(1.0, 1.0, 2.0)
    bounds = [duality_gap(1.0, found, 0.5, norm).dual for norm in (0.4, 0.6, 1.0, 2.0, 100.0)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == pytest.approx(0.5)  # not clipped


@given(seed=st.integers(0, 999), m=st.integers(1, 8), n=st.integers(1, 8), bias=st.sampled_from(BIASES),
       scaling=st.sampled_from(SCALINGS), weighted=st.booleans(), ridge=st.sampled_from([1e-3, 0.1, 3.0]),
       size=st.sampled_from([0.0, 1e-3, 1.0, 30.0]))  # fmt: skip
def test_no_factors_are_below(seed, m, n, bias, scaling, weighted, ridge, size):
    of_biases = 0.7 * ridge if seed % 2 and bias in ("rows", "columns", "both") else None
    table = planted(
        seed, m, n, weighted=weighted, bias=bias, ridge_scaling=scaling, ridge=ridge, bias_ridge=of_biases,
        empty=seed % 3 == 0,
    )  # fmt: skip
    X, Y = table.pair(seed, 2, size)
    found, norm = candidate(table, X, Y)
    dual = duality_gap(table.loss(X, Y), found, ridge, norm).dual
    for other, (d, scale) in enumerate([(1, 0.1), (2, 0.5), (3, 1.0), (8, 0.3)]):
        assert dual <= table.loss(*table.pair(seed + other, d, scale))
    assert dual <= table.loss(*table.best(1e-3, 100)[:2])


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_at_the_best_fit_the_bound_is_the_loss(bias, scaling):
    table = planted(5, weighted=True, bias=bias, ridge_scaling=scaling, ridge=0.2)
    X, Y, lower = table.best()
    loss, (found, norm) = table.loss(X, Y), candidate(table, X, Y)
    gap = duality_gap(loss, found, table.ridge, norm)
    assert gap.relative < 1e-9
    assert gap.scale == pytest.approx(1.0, abs=1e-6)
    assert lower == pytest.approx(loss, rel=1e-9)
