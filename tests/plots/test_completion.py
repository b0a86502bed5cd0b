"""What the pictures of a completion show is what was measured, proved and estimated."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import lopside as lo
from lopside.plots.completion import draw_completion

RNG = np.random.default_rng(0)
TABLE = np.where(RNG.random((30, 20)) < 0.7, RNG.standard_normal((30, 1)) * RNG.standard_normal(20), np.nan)
PROBLEM = lo.Completion.from_dense(TABLE + 0.1 * RNG.standard_normal(TABLE.shape), ridge=0.5)


def test_the_proved_line_is_the_gap_and_no_step_is_below_it() -> None:
    solution = lo.solve(PROBLEM, rank=4, stop=lo.Stop(max_steps=12))
    certificate = solution.certificate
    errors, proved = draw_completion(solution, certificate, title="t").axes
    assert_array_equal(errors.get_lines()[0].get_ydata(), solution.trace.relative_error)
    curve, line = (drawn.get_ydata() for drawn in proved.get_lines())
    least = solution.loss - certificate.gap
    assert_allclose(line, solution.loss / least - 1.0, rtol=1e-12)
    assert_allclose(curve[:-1], np.array(solution.trace.loss[:-1]) / least - 1.0, rtol=1e-6, atol=1e-12)
    assert (np.asarray(curve) >= line[0] * (1 - 1e-12)).all()


def test_without_a_proof_the_loss_is_drawn() -> None:
    solution = lo.solve(PROBLEM.with_ridge(0.0), rank=2, stop=lo.Stop(max_steps=5))
    for certificate in (None, solution.certificate):
        drawn = draw_completion(solution, certificate).axes[1].get_lines()
        assert len(drawn) == 1
        assert_array_equal(drawn[0].get_ydata(), solution.trace.loss)


def test_the_ridges_tried_are_drawn_with_the_one_chosen() -> None:
    choice = lo.choose_ridge(PROBLEM, rank=2)
    axis = draw_completion(choice.tried[0].solution, None, choice).axes[2]
    curve, chosen = axis.get_lines()
    assert_array_equal(curve.get_xdata(), [fit.ridge for fit in choice.tried])
    assert_array_equal(curve.get_ydata(), [fit.error for fit in choice.tried])
    assert chosen.get_xdata()[0] == choice.ridge
