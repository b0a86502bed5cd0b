"""Imputers are compared on entries that none of them has seen, chosen and timed alike."""

from __future__ import annotations

import numpy as np
import pytest

from lopside.bench import imputation
from lopside.bench.imputation import OURS, Filler, compare, fillers, hide, standardized
from lopside.bench.tuning import Range


def planted() -> np.ndarray:
    """Return a 60 × 12 table of rank 2 with some holes of its own."""
    rng = np.random.default_rng(3)
    A = 1.0 + rng.standard_normal((60, 2)) @ rng.standard_normal((2, 12))
    A[rng.random(A.shape) < 0.1] = np.nan
    return A


def test_hidden_is_a_share_of_what_is_known() -> None:
    A = planted()
    holed, hidden = hide(A, 0.25, 0)
    assert hidden.sum() == round(0.25 * np.count_nonzero(~np.isnan(A)))
    assert not np.isnan(A[hidden]).any()
    np.testing.assert_array_equal(np.isnan(holed), np.isnan(A) | hidden)
    np.testing.assert_array_equal(holed[~hidden], A[~hidden])
    assert not np.array_equal(hidden, hide(A, 0.25, 1)[1])


def test_stocks_are_standardized_and_have_the_holes_they_come_with() -> None:
    A = standardized()
    assert A.shape == (524, 10)
    assert np.isnan(A).mean() == pytest.approx(0.37, abs=0.01)
    np.testing.assert_allclose(np.nanmean(A, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(A, axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize("filler", fillers(12), ids=lambda filler: filler.name)
def test_every_filler_leaves_what_is_known_and_fills_the_rest(filler: Filler) -> None:
    A = planted()
    settings = {name: values.at(0.4) for name, values in filler.space.items()}
    filled = imputation._quietly(filler, A, settings)
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[~np.isnan(A)], A[~np.isnan(A)], rtol=1e-12)


def test_a_comparison_has_every_filler_and_ours_finds_the_planted_rank() -> None:
    said: list[str] = []
    rows = compare("planted", planted(), 0.1, splits=2, trials=4, rounds=1, say=said.append)
    by_name = {row["method"]: row for row in rows}
    assert list(by_name) == [filler.name for filler in fillers(12)]
    ours, floor = by_name[OURS], by_name["SimpleImputer"]
    assert ours["error"].value < 0.3 * floor["error"].value
    assert floor["difference"].value == pytest.approx(floor["error"].value - ours["error"].value)
    assert (ours["tried"], floor["tried"]) == (8, 2)
    assert "difference" not in ours
    assert len(said) == 2


def test_the_test_is_never_what_settings_are_chosen_on(monkeypatch: pytest.MonkeyPatch) -> None:
    A, asked = planted(), []

    def fill(holed: np.ndarray, *, level: float) -> np.ndarray:
        asked.append((holed.copy(), level))
        return np.where(np.isnan(holed), level, holed)

    only = (Filler(OURS, fill, {"level": Range(0.1, 10.0)}),)
    monkeypatch.setattr(imputation, "fillers", lambda columns: only)
    compare("planted", A, 0.2, splits=2, trials=3, rounds=1, say=lambda _: None)
    holes = [hide(A, 0.2, seed)[1] for seed in (0, 1)]
    assert len(asked) >= 8
    assert all(any(np.isnan(holed[hidden]).all() for hidden in holes) for holed, _ in asked)
    assert len({level for _, level in asked}) == 3
