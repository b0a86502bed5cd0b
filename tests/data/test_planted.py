"""Planted matrices have the spectrum and the noise that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.data import planted
from lopside.errors import InputError


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    values=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6),
    seed=st.integers(0, 2**32),
)
def test_singular_values_are_those_asked_for_up_to_rounding(shape, values, seed):
    if len(values) > min(shape):
        with pytest.raises(InputError, match="expected 1 to"):
            planted(shape, values, rng=seed)
        return
    A = planted(shape, values, rng=seed).A
    found = np.linalg.svd(A, compute_uv=False)
    expected = np.zeros(min(shape))
    expected[: len(values)] = sorted(values, reverse=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=40 * 2.0**-53 * max(values))


def test_noise_has_exactly_the_relative_size_and_leaves_the_signal_alone():
    clean, noisy = planted((30, 50), [2.0, 1.0], rng=3), planted((30, 50), [2.0, 1.0], noise=0.1, rng=3)
    np.testing.assert_array_equal(clean.U, noisy.U)
    np.testing.assert_array_equal(clean.V, noisy.V)
    assert np.linalg.norm(noisy.A - clean.A) == pytest.approx(0.1 * np.sqrt(5.0), rel=1e-13)


def test_one_seed_is_one_matrix_and_another_seed_another():
    first, again, other = (planted((8, 9), [1.0, 0.5], noise=0.2, rng=seed).A for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.linalg.norm(first - other) > 0.5


@pytest.mark.parametrize(("values", "noise"), [([], 0.0), ([0.0], 0.0), ([-1.0], 0.0), ([1.0], -0.1), ([1.0], np.nan)])
def test_what_makes_no_sense_is_refused(values, noise):
    with pytest.raises(InputError):
        planted((5, 5), values, noise=noise)
