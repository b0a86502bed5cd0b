from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lopside as lo
from lopside.errors import InputError
from lopside.step_sizes import AllTime, OverSigma1, WardKolda, YeDu, resolve

M, N, D = 12, 9, 5
SIGMA = np.array([2.0, 1.0, 0.5])


def matrix(scale: float = 1.0) -> Any:
    rng = np.random.default_rng(7)
    left, right = (np.linalg.qr(rng.standard_normal((size, 3)))[0] for size in (M, N))
    return lo.Full(scale * (left * SIGMA) @ right.T)


def beta(tau: float, C: float, r: int = 3) -> float:
    # [WK23, (A2b), (A2c)]
    return (tau * (1 - math.sqrt((r - 1) / D)) * SIGMA[r - 1] / (C * SIGMA[0])) ** 2


def test_the_ward_kolda_step_is_the_corollary_with_the_floor_corrected() -> None:
    b, f0 = beta(0.3, 4.0), 0.5 * (1 + 1e-10) ** 2 * np.sum(SIGMA**2)
    f = 0.5 * 1e-8 * np.sum(SIGMA**2)
    written = b / math.sqrt(32 * f0 * (math.log(f0 / f) + b / 4))
    assert resolve(WardKolda(relative_error=1e-4, tau=0.3), matrix(), D, None) == pytest.approx(written)


def test_beta_counts_as_at_most_a_quarter() -> None:
    rank_one = lo.Full(np.outer(np.ones(4), np.ones(3)))
    f0 = 0.5 * (1 + 1e-10) ** 2 * 12
    written = 0.25 / math.sqrt(32 * f0 * (math.log(f0 / (0.5 * 1e-10 * 12)) + 1 / 16))
    assert resolve(WardKolda(tau=2.0, C=1.0), rank_one, 1, None) == pytest.approx(written)


def test_the_all_time_step_is_its_closed_form() -> None:
    # The step is linear in β, and τ is the one that fails with probability failure/2.
    from lopside.theory.probability import tau_from_probability

    b = beta(tau_from_probability(D, 3, 0.05), 4.0)
    f0 = 0.5 * 1.1**2 * np.sum(SIGMA**2)
    written = 0.2 * 0.8 * b / (2 * math.sqrt(f0))
    assert resolve(AllTime(failure=0.1, theta=0.2, nu=0.1), matrix(), D, None) == pytest.approx(written)


def test_the_ye_du_step_is_the_theorem_and_warns() -> None:
    scale = 0.5 / (math.sqrt(3**3 * 2.0) * (M + N))
    with pytest.warns(UserWarning, match=r"steps to a relative error"):
        step = resolve(YeDu(exponent=3.0, constant=2.0), matrix(), 3, None)
    assert step == pytest.approx(2.0 * 0.5 * scale**2 / (3 * 2.0**3))


@pytest.mark.parametrize("scale", [1e-140, 1e140])
@pytest.mark.parametrize("rule", [WardKolda(), AllTime(), YeDu(), OverSigma1(0.9)])
@pytest.mark.filterwarnings("ignore:the Ye")
def test_steps_scale_with_the_matrix(rule: Any, scale: float) -> None:
    one, other = (resolve(rule, matrix(c), 3, None) for c in (1.0, scale))
    assert other * scale == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize("rule", [WardKolda(), AllTime(), YeDu(), OverSigma1(0.9)])
def test_any_step_stays_at_the_answer_for_a_zero_matrix(rule: Any) -> None:
    assert resolve(rule, lo.Full(np.zeros((4, 3))), 2, None) == 1.0


@pytest.mark.parametrize("rule", [WardKolda, AllTime])
@pytest.mark.parametrize(
    "wrong",
    [{"r": 2.5}, {"r": 0}, {"r": True}, {"failure": 1.0}, {"failure": 0.0}, {"C": 0.5}, {"C": math.nan}, {"nu": 1.0}],
    ids=str,
)
def test_what_both_start_theorems_cannot_use_is_refused_by_name(rule: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"got {next(iter(wrong))}\b.*expected"):
        rule(**wrong)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (WardKolda, {"tau": 1e300}),
        (WardKolda, {"tau": -1.0}),
        (WardKolda, {"relative_error": 2}),
        (WardKolda, {"relative_error": 1e-300}),
        (AllTime, {"theta": 1.0}),
        (YeDu, {"exponent": -1.0}),
        (YeDu, {"constant": 0.0}),
    ],
    ids=str,
)
def test_what_one_theorem_cannot_use_is_refused_by_name(rule: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"got {next(iter(wrong))}\b.*expected"):
        rule(**wrong)


def test_a_rank_that_does_not_fit_is_refused_with_a_way_out() -> None:
    with pytest.raises(InputError, match="numerical rank 3 and d = 2; try a larger rank"):
        resolve(WardKolda(), matrix(), 2, None)
    with pytest.raises(InputError, match="try r=3"):
        resolve(AllTime(r=4), matrix(), D, None)
    with pytest.raises(InputError, match="expected at most 3: try"):
        resolve(YeDu(), matrix(), 4, None)
    with pytest.raises(InputError, match="exponent 1000"):
        resolve(YeDu(exponent=1000), matrix(), 3, None)
