"""The theory's numbers for the paper's matrix, by the conventions of the reproduction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lopside.reproduce.setting import TOLERANCE, Theory, spectrum


@pytest.mark.parametrize(
    ("rank", "beta", "step", "steps"), [(10, 6.84e-3, 1.68e-4, 13468), (6, 1.705e-3, 4.18e-5, 54029)]
)
def test_theory_step_and_count_for_the_matrix_of_figure_2(rank, beta, step, steps):
    theory = Theory.of(spectrum(10 / 9, 5), rank)
    assert theory.beta == pytest.approx(((1 - math.sqrt(4 / rank)) * 0.9 / 4) ** 2, rel=1e-12)
    assert theory.beta == pytest.approx(beta, rel=2e-3)
    assert theory.step_size == pytest.approx(step, rel=5e-3)
    assert theory.steps == pytest.approx(steps, abs=2)


def test_the_line_reaches_the_tolerance_after_the_promised_steps_and_stops_with_its_window():
    sigma = spectrum(10 / 9, 5)
    theory = Theory.of(sigma, 10)
    steps, errors = theory.line(theory.step_size, sigma, 10**6)
    # With this step the window is as long as the count, up to rounding.
    assert abs(steps[-1] - theory.steps) <= 1
    assert errors[0] == pytest.approx(1.0, abs=1e-9)
    assert errors[-1] == pytest.approx(TOLERANCE, rel=2e-3)
    assert np.all(np.diff(errors) < 0)
    assert theory.line(0.1, sigma, 1000)[0] == [0]
