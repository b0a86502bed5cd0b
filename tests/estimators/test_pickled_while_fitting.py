"""An estimator that is pickled while a fit is at work: what it was before, or what it is after, and never a crash."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from lopside.estimators import LowRank, LowRankImputer, Recommender, versions


def table(m: int = 60, n: int = 20, *, seed: int = 0, holes: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, 3)) @ rng.standard_normal((3, n)) + 0.1 * rng.standard_normal((m, n))
    if holes:
        A[rng.random(A.shape) < 0.3] = np.nan
    return A


def uses(estimator: Any, A: np.ndarray) -> np.ndarray:
    if isinstance(estimator, Recommender):
        return estimator.predict(np.argwhere(~np.isnan(A))[:50])
    return estimator.transform(A)


CASES = {
    "LowRank.fit": (LowRank(3, random_state=1), "fit", False),
    "LowRank.fit_transform": (LowRank(3, center=True), "fit_transform", False),
    "LowRank.partial_fit": (LowRank(3), "partial_fit", False),
    "LowRankImputer.fit": (LowRankImputer(3, ridge=1.0), "fit", True),
    "Recommender.fit": (Recommender(3, ridge=1.0), "fit", True),
}


@pytest.fixture
def every_line(monkeypatch):
    """Pickle an estimator at each attribute that a fit sets: every state another thread could see."""
    seen: list[bytes] = []

    def watch(estimator: Any) -> list[bytes]:
        kind = type(estimator)

        def __setattr__(self: Any, name: str, value: Any) -> None:
            object.__setattr__(self, name, value)
            if self is estimator:
                seen.append(pickle.dumps(self))

        monkeypatch.setattr(kind, "__setattr__", __setattr__, raising=False)
        return seen

    yield watch
    monkeypatch.undo()


@pytest.mark.parametrize("case", CASES)
def test_at_every_moment_it_is_as_before_or_as_after(case: str, every_line: Any, monkeypatch: Any) -> None:
    fresh, how, holes = CASES[case]
    fitted, before = copy.deepcopy(fresh), None
    for A in (table(seed=0, holes=holes), table(seed=1, holes=holes)):
        old = None if before is None else uses(before, A)
        seen = every_line(fitted)
        seen.clear()
        getattr(fitted, how)(A)
        states = list(seen)
        monkeypatch.undo()
        new, kinds = uses(fitted, A), set()
        assert len(states) >= 3
        for again in map(pickle.loads, states):
            assert "_before_fit" not in vars(again)
            try:
                told = uses(again, A)
            except NotFittedError:
                told = None
            kinds.add("new" if told is not None and np.array_equal(told, new) else "old")
            if "new" not in kinds:
                np.testing.assert_array_equal(told, old)
        assert "old" in kinds
        before = copy.deepcopy(fitted)


def test_pickled_in_another_thread(searching: None) -> None:
    estimator, A = LowRank(4, tol=1e-9), table(400, 120)
    stop, failures, states = threading.Event(), [], []

    def pickling() -> None:
        while not stop.is_set():
            try:
                states.append(pickle.dumps(estimator))
            except Exception as error:
                failures.append(error)
                return

    thread = threading.Thread(target=pickling)
    thread.start()
    try:
        for _ in range(5):
            estimator.fit(A)
    finally:
        stop.set()
        thread.join()
    assert not failures
    expected = estimator.transform(A)
    fitted = [again for again in map(pickle.loads, states) if hasattr(again, "components_")]
    assert fitted
    for again in fitted[:: max(1, len(fitted) // 50)]:
        np.testing.assert_array_equal(again.transform(A), expected)
        assert again.certificate_.excess <= 1e-9


def test_a_fit_that_fails_leaves_nothing_hidden(monkeypatch: Any) -> None:
    estimator = LowRank(2).fit(table())
    monkeypatch.setattr(versions.Progress, "step", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimator.fit(table(seed=1))
    assert "_before_fit" not in vars(estimator)
    pickle.loads(pickle.dumps(estimator))


def test_a_callback_is_handed_a_copy_that_can_be_pickled() -> None:
    estimator = LowRank(2)
    fitted = copy.copy(estimator.fit(table()))
    assert vars(fitted).keys() == vars(estimator).keys()
