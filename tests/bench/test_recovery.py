"""The recovery benchmark recovers what its papers recover, and says where a method does not."""

from __future__ import annotations

import numpy as np

from lopside.bench import recovery
from lopside.bench.recovery import Demo, Size


def quiet(_sentence: str) -> None:
    pass


def test_the_condition_number_matters_to_plain_descent_only() -> None:
    size = Size(100, 2, 0.7, 120)
    for table in (
        recovery.completion_table(size, (1, 10), quiet),
        recovery.sensing_table(Size(30, 2, 0.7, 120), (1, 10), quiet),
    ):
        steps = {(row["method"], row["kappa"]): row["steps"] for row in table.rows}
        errors = {(row["method"], row["kappa"]): row["error"] for row in table.rows}
        assert steps["scaled-gd", 10] - steps["scaled-gd", 1] <= 0.5 * steps["scaled-gd", 1]
        assert errors["scaled-gd", 10] <= 1e-8
        assert errors["gd", 10] >= 1e-4


def test_a_step_size_that_diverges_has_no_error() -> None:
    table = recovery.sweep_table(Size(60, 2, 0.6, 50), (5,), np.array([0.5, 1.2, 3.0]), quiet)
    assert table.rows[0]["scaled-gd 5"] < 1e-8
    assert "scaled-gd 5" not in table.rows[1]
    assert table.rows[2]["gd 5"] is None
    assert "–" in table.text()


def test_noise_sets_the_error_that_scaled_descent_ends_at() -> None:
    table = recovery.noise_table(Size(100, 2, 0.6, 150), (1, 10), (1e2, 1e4), quiet)
    found = {(row["method"], row["kappa"], row["ratio"]): row for row in table.rows}
    for kappa in (1, 10):
        for ratio in (1e2, 1e4):
            assert 0.5 < found["scaled-gd", kappa, ratio]["over"] < 2.0
    assert found["gd", 10, 1e4]["over"] > 10.0


def test_gauss_newton_needs_few_entries() -> None:
    table = recovery.demo_table(Demo((50, 60), 2, 3.0), 1, 60, quiet)
    errors = {row["method"]: row["error"] for row in table.rows}
    assert max(errors["setting"], errors["averaging"]) <= 1e-11
    rows, columns = (recovery.mask_with(Demo((50, 60), 2, 3.0), 0).sum(axis=axis) for axis in (1, 0))
    assert min(rows.min(), columns.min()) >= 2
