"""What the pictures of a run show is what was measured and proved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lopside as lo
from lopside.data import planted
from lopside.plots.run import draw_run, draw_together


def lines(axis: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): line.get_data() for line in axis.get_lines()}


def test_the_guarantee_lies_above_the_curve_from_its_step_on() -> None:
    A = planted((40, 30), np.linspace(1.0, 0.8, 4)).A
    solution = lo.solve(lo.Full(A), rank=6, stop=lo.Stop(max_steps=120), trace_every=5, watch=True)
    certificate = solution.certificate
    drawn = lines(draw_run(A, solution, certificate).axes[3])
    (label,) = (name for name in drawn if name.startswith("guaranteed"))
    steps, bound = drawn[label]
    errors = np.array(solution.trace.relative_error)
    assert 0 < steps[0] < 60
    assert steps[-1] == 120
    assert bound[0] <= 1.001 * errors[int(steps[0])]
    assert (bound >= errors[steps.astype(int)] * (1 - 1e-12)).all()
    assert_array_equal(drawn["relative error"][1], errors)


def test_the_least_possible_error_is_the_one_of_the_svd() -> None:
    A = np.random.default_rng(0).standard_normal((30, 20))
    s = np.linalg.svd(A, compute_uv=False)
    least = np.linalg.norm(s[5:]) / np.linalg.norm(s)
    solution = lo.solve(lo.Full(A), rank=5, start=lo.starts.Spectral(), stop=lo.Stop(max_steps=3))
    drawn = lines(draw_run(A, solution, solution.certificate).axes[3])
    (label,) = (name for name in drawn if name.startswith("least"))
    assert_allclose(drawn[label][1], least, rtol=1e-6)


def test_pictures_show_the_matrix_its_fit_and_the_difference() -> None:
    A = np.random.default_rng(1).standard_normal((2500, 7))
    solution = lo.solve(lo.Full(A), rank=2, start=lo.starts.Sketch(), stop=lo.Stop(max_steps=4))
    original, fitted, left = (axis.get_images()[0].get_array() for axis in draw_run(A, solution).axes[:3])
    assert_array_equal(original, A[::3])  # thinned to what a picture can show
    assert_allclose(fitted, solution.matrix()[::3], atol=1e-12)
    assert_allclose(left, fitted - original, atol=1e-12)


def test_tiles_show_rows_as_small_pictures() -> None:
    A = np.random.default_rng(2).standard_normal((12, 6))
    solution = lo.solve(lo.Full(A), rank=2, start=lo.starts.Sketch(), stop=lo.Stop(max_steps=4))
    shown = np.asarray(draw_run(A, solution, tile=(2, 3)).axes[0].get_images()[0].get_array())
    assert_array_equal(shown[:2, :3], A[0].reshape(2, 3))
    assert_array_equal(shown[3:5, 4:7], A[11].reshape(2, 3))


@pytest.mark.parametrize("A", [np.zeros((3, 4)), np.full((3, 4), 5.0), np.ones((1, 3)), 1e150 * np.eye(3)[:, :2]])
def test_odd_matrices_can_be_drawn(A: np.ndarray) -> None:
    solution = lo.solve(lo.Full(A), rank=1, stop=lo.Stop(max_steps=5))
    fig = draw_run(A, solution, solution.certificate)
    fig.canvas.draw()
    for axis in fig.axes[:3]:
        low, high = axis.get_images()[0].get_clim()
        assert np.isfinite([low, high]).all()
        assert low < high


def test_several_runs_share_their_axes() -> None:
    rng, runs = np.random.default_rng(3), {}
    for name, steps in (("short", 10), ("long", 300)):
        solution = lo.solve(lo.Full(rng.standard_normal((9, 8))), rank=2, stop=lo.Stop(max_steps=steps))
        runs[name] = solution, solution.certificate
    together, excess = draw_together(runs).axes
    assert together.get_xlim() == (0, 300)
    assert all((np.asarray(line.get_ydata()) > -1e-12).all() for line in excess.get_lines())
