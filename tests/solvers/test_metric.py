"""The d × d rules against dense inverses, and what makes a step a step: B = I − G C."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.solvers import (
    AlternatingLeastSquares,
    AlternatingScaledGradientDescent,
    Gram,
    Identity,
    Nesterov,
    ScaledGradientDescent,
)


def matrices(rule):
    inner = np.eye(len(rule.keep)) if rule.inner is None else rule.inner
    return rule.keep, inner @ rule.outer


def factor(d, rank, log_condition, seed):
    rng = np.random.default_rng(seed)
    U, V = np.linalg.qr(rng.standard_normal((2 * d, d)))[0], np.linalg.qr(rng.standard_normal((d, d)))[0]
    s = np.geomspace(1.0, 10.0**-log_condition, d)
    s[rank:] = 0.0
    return (U * s) @ V.T


SHAPES = {"d": st.integers(1, 9), "seed": st.integers(0, 50), "log_condition": st.floats(0.0, 3.0)}


@given(**SHAPES, step=st.floats(1e-3, 2.0), scale=st.sampled_from([1e-70, 1.0, 1e70]))
def test_every_rule_is_a_gradient_step(d, seed, log_condition, step, scale):
    Y = scale * factor(d, d, log_condition, seed)
    G = Y.T @ Y
    B, C = matrices(Identity(step / np.linalg.norm(G)).coefficients(G))
    np.testing.assert_allclose(B, np.eye(d) - G @ C, atol=1e-13)
    B, C = matrices(Gram(step).coefficients(G))
    np.testing.assert_allclose(B, (1 - step) * np.eye(d), atol=1e-15)
    np.testing.assert_allclose(C @ G, step * np.eye(d), atol=1e-8)
    np.testing.assert_allclose(G @ C, step * np.eye(d), atol=1e-8)


@given(**SHAPES, step=st.floats(1e-3, 2.0), damping=st.floats(1e-12, 1e3))
def test_damping_is_the_closed_form(d, seed, log_condition, step, damping):
    Y = factor(d, d, log_condition, seed)
    G = Y.T @ Y
    B, C = matrices(Gram(step, damping).coefficients(G))
    inverse = np.linalg.inv(G + damping * np.eye(d))
    np.testing.assert_allclose(C, step * inverse, rtol=1e-8, atol=1e-8 * np.linalg.norm(C))
    np.testing.assert_allclose(B, np.eye(d) - G @ C, atol=1e-8)


@given(**SHAPES, missing=st.integers(1, 9), step=st.floats(1e-3, 2.0))
def test_directions_that_the_other_factor_lacks_are_left_alone(d, seed, log_condition, missing, step):
    Y = factor(d, max(0, d - missing), log_condition, seed)
    G = Y.T @ Y
    B, C = matrices(Gram(step).coefficients(G))
    null = np.eye(d) - np.linalg.pinv(Y, rcond=1e-10) @ Y
    np.testing.assert_allclose(B @ null, null, atol=1e-9)
    np.testing.assert_allclose(C @ null, 0.0, atol=1e-9 * max(1.0, np.linalg.norm(C)))
    np.testing.assert_allclose(B, (1 - step) * np.eye(d) + step * null, atol=1e-9)


def test_a_zero_factor_leaves_the_other_alone_and_nan_stays_nan():
    B, C = matrices(Gram(0.7).coefficients(np.zeros((3, 3))))
    np.testing.assert_allclose(B, np.eye(3), rtol=1e-15, atol=1e-16)
    assert not C.any()
    assert np.isnan(Gram(0.7).coefficients(np.full((2, 2), np.inf)).keep).all()


def test_what_float32_cannot_tell_from_rounding_is_left_alone():
    G = np.diag([1.0, 1e-9])
    assert Gram(1.0).coefficients(G).keep[1, 1] == 0.0
    assert Gram(1.0, precision=2.0**-24).coefficients(G).keep[1, 1] == 1.0


BAD = {
    "one of gradient descent's": (lambda: ScaledGradientDescent("0.9/sigma1"), "pure number.*no unit 1/σ₁"),
    "too long": (lambda: ScaledGradientDescent(1.5), "0 < η ≤ 1"),
    "too long, alternating": (lambda: AlternatingScaledGradientDescent(2.5), "0 < η ≤ 2"),
    "zero": (lambda: AlternatingScaledGradientDescent(0), "0 < η"),
    "NaN": (lambda: AlternatingScaledGradientDescent(np.nan), "0 < η"),
    "a flag": (lambda: ScaledGradientDescent(True), "pure number"),
    "damping in words": (lambda: AlternatingLeastSquares("much"), 'or "loss"'),
    "negative damping": (lambda: AlternatingLeastSquares(-1.0), 'or "loss"'),
    "momentum": (lambda: Nesterov(momentum=1.0), "0 ≤ momentum < 1"),
    "restart": (lambda: Nesterov(restart=0.5), "True or False"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_setting_that_cannot_work_is_refused(name):
    make, message = BAD[name]
    with pytest.raises(InputError, match=message):
        make()
