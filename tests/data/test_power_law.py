"""Planted entries are what was asked for: each place once, popular as a power law, with the planted values."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lopside.data import power_law as module
from lopside.data.power_law import planted_entries
from lopside.errors import InputError


@given(
    m=st.integers(1, 40),
    n=st.integers(1, 40),
    rank=st.integers(1, 3),
    share=st.floats(0, 0.5),
    exponent=st.sampled_from([0.0, 0.5, 0.8, 1.0, 1.7]),
    seed=st.integers(0, 2**32),
)
def test_every_place_is_there_once_with_its_value(m, n, rank, share, exponent, seed):
    if m * n < 2:
        return
    entries = max(1, int(share * m * n))
    found = planted_entries(m, n, rank, entries, exponent=exponent, noise=0.0, rng=seed)
    assert len(set(zip(found.rows.tolist(), found.columns.tolist(), strict=True))) == entries
    assert found.rows.min() >= 0
    assert found.columns.min() >= 0
    table = found.mean + found.row_bias[:, None] + found.column_bias + np.float64(found.X) @ found.Y.T
    assert table.shape == found.shape == (m, n)
    np.testing.assert_allclose(found.values, table[found.rows, found.columns], atol=1e-5)
    assert (found.rows.dtype, found.columns.dtype, found.values.dtype) == (np.int32, np.int32, np.float32)


def test_as_many_rows_have_as_many_entries_as_a_power_law_says():
    found = planted_entries(20_000, 10_000, 1, 20_000, exponent=0.7, rng=1)
    for places, side in ((found.rows, 20_000), (found.columns, 10_000)):
        counts = np.bincount(places, minlength=side)
        edges = np.arange(1, side + 2) ** 0.3
        expected = 20_000 * np.diff(edges) / (edges[-1] - 1)
        for least in (1, 2, 3, 5, 8):
            rows = stats.poisson.sf(least - 1, expected).sum()
            assert np.count_nonzero(counts >= least) == pytest.approx(rows, rel=0.1), least


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.0, 1.0 + 1e-12, 2.0])
def test_ranks_follow_the_integral_of_the_power(exponent):
    u = (np.arange(200_000) + 0.5) / 200_000
    ranks = module._popular(u, 50, exponent)
    edges = np.arange(1.0, 52.0)
    integral = np.log(edges) if abs(exponent - 1) < 1e-9 else (edges ** (1 - exponent) - 1) / (1 - exponent)
    np.testing.assert_allclose(np.bincount(ranks, minlength=50) / 2e5, np.diff(integral) / integral[-1], atol=1e-5)


def test_the_order_of_popularity_and_of_the_entries_says_nothing():
    found = planted_entries(500, 400, 1, 5_000, rng=3)
    popular = np.argmax(np.bincount(found.rows))
    assert popular > 5
    assert abs(np.corrcoef(np.arange(5_000), found.rows)[0, 1]) < 0.1


def test_noise_and_biases_have_the_deviations_asked_for():
    clean = planted_entries(300, 300, 4, 40_000, noise=0.0, biases=0.0, mean=1.0, rng=5)
    noisy = planted_entries(300, 300, 4, 40_000, noise=0.25, biases=2.0, rng=5)
    assert np.var(clean.values) == pytest.approx(1.0, rel=0.15)
    assert np.mean(clean.values) == pytest.approx(1.0, abs=0.1)
    table = noisy.mean + noisy.row_bias[:, None] + noisy.column_bias + np.float64(noisy.X) @ noisy.Y.T
    rest = noisy.values - table[noisy.rows, noisy.columns]
    assert np.sqrt(np.mean(rest**2)) == pytest.approx(noisy.noise, rel=0.02)
    assert np.std(noisy.row_bias) == pytest.approx(2.0, rel=0.15)
    np.testing.assert_array_equal(clean.rows, noisy.rows)


def test_one_seed_is_one_draw_whatever_the_size_of_the_blocks(monkeypatch: pytest.MonkeyPatch):
    first, other = (planted_entries(60, 50, 2, 900, rng=seed) for seed in (1, 2))
    again = planted_entries(60, 50, 2, 900, rng=1)
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.rows, other.rows)
    monkeypatch.setattr(module, "_BLOCK", 7)
    small = planted_entries(60, 50, 2, 900, noise=0.0, rng=1)
    assert len(np.unique(small.rows * 50 + small.columns)) == 900


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"m": 0}, "the shape 0 × 8"),
        ({"n": 2**31}, "2\\^31"),
        ({"rank": 0}, "rank 0"),
        ({"entries": 0}, "got 0 entries"),
        ({"entries": 41}, f"1 to {int(0.5 * 80)}, half"),
        ({"exponent": -1.0}, "exponent"),
        ({"noise": -1.0}, "noise"),
        ({"biases": log(0.5)}, "biases"),
        ({"rng": None}, "repeat"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict, phrase: str):
    with pytest.raises(InputError, match=phrase):
        planted_entries(**({"m": 10, "n": 8, "rank": 1, "entries": 5} | changed))
