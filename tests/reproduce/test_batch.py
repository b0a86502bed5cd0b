"""The stacked runs behind the figures are the papers' iteration, and the library's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference

import lopside as lo
from lopside.data import planted
from lopside.problems.protocol import Order
from lopside.reproduce.batch import descend, grid, shrink
from lopside.reproduce.setting import METHODS, STARTS

PATHS: dict[Order, Any] = {"alternating": reference.alternating, "simultaneous": reference.simultaneous}
ETA, D = 0.2, 6


def drawn(matrix, name, seeds):
    problem = lo.Full(matrix.A)
    return [STARTS[name](problem, D, step_size=ETA, sigma1=1.0, rng=np.random.default_rng(seed)) for seed in seeds]


@pytest.mark.parametrize("order", PATHS)
@pytest.mark.parametrize("name", STARTS)
def test_stacked_and_shrunk_runs_follow_the_formulas_of_the_paper(name, order):
    matrix = planted((30, 24), [1.0, 0.7, 0.5], rng=7)
    starts = drawn(matrix, name, (1, 2, 3))
    small = [shrink(matrix.U, matrix.sigma, matrix.V, *pair) for pair in starts]
    tracks = descend(small[0][0], [pair[1:] for pair in small], ETA, order, max_steps=200, tolerance=1e-5, floor=0.0)
    for pair, track in zip(starts, tracks, strict=True):
        path = PATHS[order](matrix.A, *pair, ETA, 200)
        errors = [np.linalg.norm(X @ Y.T - matrix.A) / np.linalg.norm(matrix.A) for X, Y in path]
        np.testing.assert_allclose(
            track.relative_errors, [errors[step] for step in track.steps], rtol=1e-11, atol=1e-14
        )
        reached = next((step for step, error in enumerate(errors) if error <= 1e-5), None)
        assert track.reached == reached
        assert track.steps == grid(200)
        for factor, expected in zip(track.factors, path[-1], strict=True):
            assert np.linalg.norm(factor, 2) == pytest.approx(np.linalg.norm(expected, 2), rel=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_stacked_runs_are_those_of_solve(method):
    matrix = planted((30, 24), [1.0, 0.7, 0.5], noise=0.05, rng=7)
    solver = METHODS[method](ETA)
    (track,) = descend(
        matrix.A, drawn(matrix, "proposed", [4]), ETA, solver.order, max_steps=200, tolerance=1e-5, floor=0.0
    )
    stop = lo.Stop(max_steps=200)
    solution = lo.solve(lo.Full(matrix.A), solver, rank=D, start=STARTS["proposed"], stop=stop, rng=4, sigma1=1.0)
    errors = np.array(solution.trace.relative_error)[track.steps]
    np.testing.assert_allclose(track.relative_errors, errors, rtol=1e-9)


def test_results_do_not_depend_on_what_else_is_in_the_stack():
    matrix = planted((60, 50), [1.0, 0.5], noise=0.1, rng=1)  # 3000 entries: 40 runs fill more than one stack
    starts = drawn(matrix, "random", range(40))
    arguments = {"max_steps": 30, "tolerance": 1e-5, "floor": 0.0}
    together = descend(matrix.A, starts, ETA, "alternating", **arguments)
    for i in (0, 15, 16, 39):
        (alone,) = descend(matrix.A, [starts[i]], ETA, "alternating", **arguments)
        assert alone.relative_errors == together[i].relative_errors


def test_a_run_that_blows_up_is_dropped_and_the_others_go_on():
    matrix = planted((20, 20), [1.0, 0.8], rng=3)
    good = drawn(matrix, "proposed", [1])[0]
    bad = tuple(40.0 * factor for factor in drawn(matrix, "random", [2])[0])
    first, second = descend(matrix.A, [bad, good], 0.5, "alternating", max_steps=300, tolerance=1e-5, floor=1e-8)
    assert first.diverged
    assert first.reached is None
    assert all(np.isfinite(first.relative_errors))
    assert not second.diverged
    assert second.relative_errors[-1] <= 1e-8
    assert second.steps[-1] < 300


def test_the_grid_starts_dense_ends_at_the_budget_and_never_repeats():
    for last in (0, 1, 7, 1000, 8000):
        steps = grid(last)
        assert steps[0] == 0
        assert steps[-1] == last
        assert steps == sorted(set(steps))
        assert steps[:20] == list(range(min(last + 1, 20)))
    assert len(grid(8000)) < 160
