from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.iteration_counts import (
    all_time_count,
    iteration_counts,
    jiang_chen_ding_count,
    ward_kolda_count,
    ye_du_count,
)
from lopside.theory.ye_du import start_scale, theory_step, total_steps

kappas = st.floats(1, 1000)


def slope(count: Callable[[float], float], low: float, high: float) -> float:
    """Measure the power of kappa in a count."""
    return math.log(count(high) / count(low)) / math.log(high / low)


def test_powers_of_the_condition_number() -> None:
    shape, eps = (100, 80), 1e-5
    assert slope(lambda k: ye_du_count(k, 5, shape, eps), 10, 100) == pytest.approx(4)
    assert slope(lambda k: jiang_chen_ding_count(k, eps), 10, 100) == pytest.approx(3)
    assert slope(lambda k: ward_kolda_count(k, 10, 5, eps), 10, 100) == pytest.approx(2, abs=1e-4)
    assert slope(lambda k: all_time_count(k, 10, 5, eps), 10, 100) == pytest.approx(2, abs=1e-3)
    # As printed in the comparison, Ye and Du's count would not depend on the condition number at all.
    assert slope(lambda k: ye_du_count(k, 5, shape, eps, form="printed"), 10, 100) == 0


@given(kappa=kappas, d=st.integers(1, 10), m=st.integers(10, 500), n=st.integers(10, 500))
def test_ye_du_count_is_what_their_theorem_gives(kappa: float, d: int, m: int, n: int) -> None:
    # The count adds a logarithm of the start scale; the growth is 1/(ησ_d).
    eps, sigma_d = 1e-5, 1 / kappa
    scale = start_scale(1.0, sigma_d, d, (m, n))
    step = theory_step(1.0, sigma_d, d, scale)
    whole = total_steps(sigma_d, d, scale, step, eps**2 * sigma_d)
    start = math.log(d * sigma_d / scale)
    expected = ye_du_count(kappa, d, (m, n), eps) * (1 + max(0.0, start) / (-2 * math.log(eps)))
    assert whole == pytest.approx(expected)
    # As printed (n d, not squared) it is too small by more than a factor of d (m + n).
    assert ye_du_count(kappa, d, (m, n), eps) > d * m * ye_du_count(kappa, d, (m, n), eps, form="printed")


@given(kappa=kappas, r=st.integers(1, 20), extra=st.integers(0, 20), eps=st.floats(1e-8, 0.5))
def test_the_all_time_theorem_needs_half_the_steps_of_the_window(kappa: float, r: int, extra: int, eps: float) -> None:
    window = ward_kolda_count(kappa, r + extra, r, eps)
    assert all_time_count(kappa, r + extra, r, eps) <= window / 2 + 1
    # A smaller θ keeps more of σ_r: (1 − θ)² in place of 1/4.
    fewer = all_time_count(kappa, r + extra, r, eps, theta=0.1)
    assert fewer <= all_time_count(kappa, r + extra, r, eps)


@pytest.mark.parametrize(("d", "steps"), [(10, 13_467), (6, 54_028)])
def test_the_count_at_tau_one(d: int, steps: int) -> None:
    # One more than (4/β) log rounded down, which the floor in Corollary 5.2 misses.
    assert ward_kolda_count(1 / 0.9, d, 5, 1e-5) == pytest.approx(steps + 1, abs=1)


def test_edge_and_overparameterized_growth_in_the_rank() -> None:
    # 1/ρ² = O(r²) at d = r, and bounded at d = 2 r.
    edge = [ward_kolda_count(1.0, r, r, 1e-3) for r in (50, 100)]
    double = [ward_kolda_count(1.0, 2 * r, r, 1e-3) for r in (50, 100)]
    assert edge[1] / edge[0] == pytest.approx(4, rel=0.05)
    assert double[1] / double[0] == pytest.approx(1, rel=0.05)


def test_the_table_names_what_is_hidden() -> None:
    rows = iteration_counts(10.0, (100, 80), 10, 5, 1e-5, failure=0.05)
    assert [row.hidden for row in rows] == [True, True, False, False]
    counts = np.array([row.steps for row in rows])
    assert (counts > 0).all()
    # A probability asks for a smaller tau, and so for more steps, than the convention tau = 1.
    plain = iteration_counts(10.0, (100, 80), 10, 5, 1e-5)
    assert [a.steps > b.steps for a, b in zip(rows, plain, strict=True)] == [False, False, True, True]
    with pytest.raises(InputError, match="relative_error"):
        iteration_counts(10.0, (100, 80), 10, 5, 1.0)
