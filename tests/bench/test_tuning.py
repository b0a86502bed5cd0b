"""Settings are chosen alike for all: the same points, the same number of trials, never the entries of the test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.bench.tuning import HELD, Range, Settings, least_steps, mean, paired, rmse, shares, split, tune

RIDGE, RANK = Range(0.01, 100.0), Range(4, 64, whole=True)


def test_a_range_runs_from_end_to_end_by_ratios() -> None:
    assert (RIDGE.at(0.0), RIDGE.at(0.5), RIDGE.at(1.0)) == pytest.approx((0.01, 1.0, 100.0))
    assert (RANK.at(0.0), RANK.at(0.5), RANK.at(1.0)) == (4, 16, 64)
    assert isinstance(RANK.at(0.3), int)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_points_leave_no_large_holes(dimensions: int) -> None:
    points = shares(64, dimensions)
    assert points.shape == (64, dimensions)
    assert points.min() >= 0.0
    assert points.max() < 1.0
    gaps = np.diff(np.sort(points, axis=0), axis=0, prepend=0.0, append=1.0)
    assert gaps.max() < 3 / 64  # drawn at random, they are above this nearly always
    corners = (points > 0.5) @ (1 << np.arange(dimensions))
    assert np.bincount(corners, minlength=1 << dimensions).min() >= 64 // (1 << dimensions) - 1


def test_the_best_trial_is_near_the_best_setting() -> None:
    def error(settings: Settings) -> float:
        return math.log(settings["ridge"] / 3.0) ** 2 + math.log(settings["rank"] / 20.0) ** 2

    tuned = tune({"rank": RANK, "ridge": RIDGE}, error, 24)
    assert len(tuned.trials) == 24
    assert tuned.best.error == min(error(trial.settings) for trial in tuned.trials)
    assert tuned.best.error < 0.1
    first, near = (sum(trial.error for trial in part) / len(part) for part in (tuned.trials[:16], tuned.trials[16:]))
    assert near < first / 4.0


def test_two_methods_are_tried_at_the_same_points_and_again_at_the_same() -> None:
    asked: dict[str, list[Settings]] = {"mine": [], "its": []}

    def record(name: str) -> list[Settings]:
        tune({"rank": RANK, "ridge": RIDGE}, lambda settings: asked[name].append(settings) or settings["ridge"], 9)
        return asked[name]

    assert record("mine") == record("its")
    assert len({trial["ridge"] for trial in asked["mine"]}) == 9


def test_a_range_of_one_value_stays_and_a_space_without_others_is_one_point() -> None:
    tuned = tune({"rank": Range(16, 16, whole=True), "ridge": RIDGE}, lambda settings: settings["ridge"], 6)
    assert {trial.settings["rank"] for trial in tuned.trials} == {16}
    assert len({trial.settings["ridge"] for trial in tuned.trials}) == 6
    assert tune({}, lambda _: 2.0, 3).best.settings == {}


def test_a_trial_that_fails_counts_and_is_never_the_best() -> None:
    def error(settings: Settings) -> float:
        if settings["ridge"] < 1.0:
            raise ArithmeticError("diverged")
        return math.nan if settings["ridge"] < 10.0 else settings["ridge"]

    tuned = tune({"ridge": RIDGE}, error, 12)
    assert len(tuned.trials) == 12
    assert 10.0 <= tuned.best.settings["ridge"] < 30.0
    failed = [trial for trial in tuned.trials if trial.settings["ridge"] < 10.0]
    assert failed
    assert all(trial.error == math.inf for trial in failed)
    assert tuned.seconds == pytest.approx(sum(trial.seconds for trial in tuned.trials))


@given(st.integers(min_value=20, max_value=2000), st.integers(min_value=0, max_value=50))
def test_a_split_is_a_partition_and_its_seed_decides(count: int, seed: int) -> None:
    kept, held = split(count, seed)
    assert len(held) == round(HELD * count)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(count))
    np.testing.assert_array_equal(split(count, seed)[1], held)
    assert np.all(np.diff(held) > 0)


def test_another_seed_holds_out_others() -> None:
    first, second = split(1000, 0)[1], split(1000, 1)[1]
    assert len(np.intersect1d(first, second)) < 30


def test_standard_errors_and_what_pairing_takes_away() -> None:
    values = [0.9, 0.95, 1.0, 1.05]
    others = [value + 0.01 for value in values]
    assert mean(values).value == pytest.approx(0.975)
    assert mean(values).error == pytest.approx(np.std(values, ddof=1) / 2.0)
    assert paired(others, values).value == pytest.approx(0.01)
    assert paired(others, values).error == pytest.approx(0.0, abs=1e-12)
    assert f"{mean(values):.3f}" == "0.975 ± 0.032"
    assert f"{paired(values, others):+.3f}" == "-0.010 ± 0.000"


def test_errors_are_summed_in_double_precision() -> None:
    ones = np.ones(10**6, dtype=np.float32)
    assert rmse(ones * np.float32(1e-3), np.zeros_like(ones)) == pytest.approx(1e-3, rel=1e-6)
    assert rmse(np.array([1.0, 5.0]), np.array([1.0, 2.0])) == pytest.approx(3.0 / math.sqrt(2.0))


@pytest.mark.parametrize("needed", [1, 2, 3, 7, 30, 99, 100])
def test_the_fewest_steps_are_found_with_few_looks(needed: int) -> None:
    looked: list[int] = []
    assert least_steps(lambda steps: looked.append(steps) or steps >= needed, 100) == needed
    assert len(looked) == len(set(looked)) <= 18
    looked.clear()
    assert least_steps(lambda steps: looked.append(steps) or steps >= needed, 1, known=100) == needed
    assert max(looked, default=0) < 100


def test_steps_are_given_up_at_the_most_or_when_told() -> None:
    assert least_steps(lambda _: False, 50) is None
    looked: list[int] = []
    assert least_steps(lambda steps: looked.append(steps) or False, 50, enough=lambda: len(looked) >= 3) is None
    assert len(looked) == 3
