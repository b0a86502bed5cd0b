"""The estimators keep scikit-learn's contracts: its own checks, frames in and out, callbacks, and absence."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from lopside.estimators import ConvergenceWarning, LowRank

ESTIMATORS = [LowRank(), LowRank(1), LowRank(center=True), LowRank(center=True, whiten=True)]


@parametrize_with_checks(ESTIMATORS)
def test_its_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_no_check_is_marked_as_known_to_fail() -> None:
    for estimator in ESTIMATORS:
        checks = list(estimator_checks_generator(estimator))
        assert len(checks) > 40
        assert not any(hasattr(check, "marks") for _, check in checks)


def test_the_check_that_is_skipped_above() -> None:
    # SciPy reads the variable it asks for when it is imported.
    code = """
from sklearn.utils.estimator_checks import check_array_api_input
from lopside.estimators import LowRank
for estimator in (LowRank(), LowRank(center=True)):
    check_array_api_input("LowRank", estimator, "numpy", expect_only_array_outputs=False)
print("done")
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout == "done\n", done.stderr


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


def table(m: int = 60, n: int = 7) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((m, 3)) @ rng.standard_normal((3, n)) + 0.1 * rng.standard_normal((m, n)) + 1.0


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_in_and_out(kind: str) -> None:
    A = table()
    names = [f"column {j}" for j in range(7)]
    frame = FRAMES[kind](dict(zip(names, A.T, strict=True)))
    fitted = LowRank(3, center=True).set_output(transform=kind)
    Z = fitted.fit_transform(frame)
    for told in (Z, fitted.transform(frame), fitted.partial_fit(frame).transform(frame)):
        assert isinstance(told, FRAMES[kind])
        assert list(told.columns) == list(fitted.get_feature_names_out()) == ["lowrank0", "lowrank1", "lowrank2"]
    assert list(fitted.feature_names_in_) == names
    assert_allclose(np.asarray(Z), LowRank(3, center=True).fit_transform(A), atol=1e-12)
    assert_allclose(fitted.inverse_transform(Z), A, atol=1.0)
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(frame[names[::-1]])


class Recorder:
    """A callback that says what it was told, and wants to stop after so many steps."""

    max_propagation_depth = None

    def __init__(self, last: int | None = None) -> None:
        self.told: list[str] = []
        self.last = last

    def setup(self, estimator: Any, context: Any) -> None:
        self.told.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any, fitted_estimator: Any) -> bool:
        self.told.append(f"end {context.task_name}")
        if isinstance(estimator, LowRank) and context.task_name == "fit":
            assert fitted_estimator.transform(X).shape[0] == X.shape[0]
        return self.told.count("end step") == self.last


callbacks = pytest.mark.skipif(not hasattr(LowRank, "set_callbacks"), reason="this scikit-learn has no callbacks")


@callbacks
@pytest.mark.parametrize("how", ["fit", "fit_transform"])
def test_callbacks_hear_of_each_step(how: str, searching: None) -> None:
    recorder, A = Recorder(), table(300, 80)
    estimator = LowRank(3).set_callbacks(recorder)
    getattr(estimator, how)(A)
    told = recorder.told
    assert told[:3] == ["setup", "begin fit", "begin step"]
    assert told[-3:] == ["end step", "end fit", "teardown"]
    assert told.count("begin step") == told.count("end step") >= 2
    assert (estimator.components_ == LowRank(3).fit(A).components_).all()


@callbacks
def test_a_callback_can_stop_a_fit(searching: None) -> None:
    A = table(300, 80)
    recorder = Recorder(last=1)
    with pytest.warns(ConvergenceWarning, match="a callback stopped the fit"):
        fitted = LowRank(2, tol=1e-12).set_callbacks(recorder).fit(A)
    assert recorder.told.count("end step") == 1
    assert fitted.n_iter_ < LowRank(2, tol=1e-12).fit(A).n_iter_
    s = np.linalg.svd(A, compute_uv=False)
    low, high = fitted.certificate_.best_relative_error_bounds
    assert low <= np.linalg.norm(s[2:]) / np.linalg.norm(s) <= high


@callbacks
def test_callbacks_come_through_a_search() -> None:
    recorder = Recorder()
    pipeline = make_pipeline(StandardScaler(), LowRank(center=True))
    search = GridSearchCV(pipeline, {"lowrank__n_components": [1, 2]}, cv=2)
    search.set_callbacks(recorder).fit(table())
    assert recorder.told.count("end step") >= 5
    assert not hasattr(clone(LowRank()), "_skl_callbacks")


@callbacks
def test_a_fit_that_fails_is_torn_down() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="NaN"):
        LowRank(2).set_callbacks(recorder).fit(np.full((5, 5), np.nan))
    assert recorder.told[-1] == "teardown"


def test_without_scikit_learn_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import lopside; import lopside.estimators"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'lopside[sklearn]'" in done.stderr.splitlines()[-1]
