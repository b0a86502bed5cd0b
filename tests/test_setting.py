"""What a saved completion knows beside its factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import lopside as lo
from lopside.io import read_archive, write_archive

IDS = [np.array(["a", "zoë", "b,"]), np.array([7, 3, 9]), np.array(["2020-01-01", "2020-01-02", "2019-01-01"], "M8[D]")]


def fit(ids: Any = None, **options: Any) -> tuple[lo.Completion, lo.Solution]:
    asked: dict[str, Any] = {"ridge": 0.1, "bias": "both"} | options
    problem = lo.Completion([0, 0, 1, 2], [0, 1, 0, 1], [1.0, 2, 3, 5], **asked)
    problem.row_ids = ids
    return problem, lo.solve(problem, rank=1, stop=lo.Stop(max_steps=4))


@pytest.mark.parametrize("bias", ["none", "mean", "rows", "columns", "both"])
@pytest.mark.parametrize("ids", [None, *IDS])
def test_a_loaded_solution_predicts_and_is_proved_like_the_run(tmp_path: Path, bias: str, ids: Any) -> None:
    problem, solution = fit(ids, bias=bias, ridge_scaling="smoothed", bias_ridge=0.2 if bias == "both" else None)
    solution.save(tmp_path / "fit.npz")
    loaded = lo.Solution.load(tmp_path / "fit.npz")
    assert loaded.setting is not None
    assert loaded.setting.penalty == problem.penalty
    assert loaded.setting.mean == problem.mean
    rows = [2, 0] if ids is None else ids[[2, 0]]
    expected = problem.predict(solution, rows, [1, 5])
    assert_array_equal(loaded.setting.predict(loaded, rows, [1, 5]), expected)
    assert np.isnan(loaded.setting.predict(loaded, rows, [1, 5], cold="nan")).tolist() == [False, True]
    assert lo.certify(problem, loaded).gap == lo.certify(problem, solution).gap
    with pytest.raises(lo.errors.InputError, match="2 rows and 1 columns"):
        loaded.setting.predict(loaded, rows, [1])


@pytest.mark.parametrize("shape", [(4, 4), (10**9, 10**9)])
def test_lines_without_entries_are_cold_whether_they_are_kept_or_not(tmp_path: Path, shape: tuple[int, int]) -> None:
    problem = lo.Completion([0, 0, 3], [0, 2, 0], [1.0, 2, 3], shape=shape, ridge=0.1, bias="both")
    solution = lo.solve(problem, rank=1, stop=lo.Stop(max_steps=4))
    solution.save(tmp_path / "fit.npz")
    loaded = lo.Solution.load(tmp_path / "fit.npz")
    pairs = [0, 1, 3, 0, 2], [0, 0, 2, 1, 3]
    for setting, found in ((problem, solution), (loaded.setting, loaded)):
        assert np.isnan(setting.predict(found, *pairs, cold="nan")).tolist() == [False, True, False, True, True]
        with pytest.raises(lo.errors.InputError, match="3 places whose row or column was not there, or had no"):
            setting.predict(found, *pairs, cold="raise")
        i, j = (np.searchsorted(ids, 0) if ids is not None else 0 for ids in (problem.row_ids, problem.column_ids))
        b, c = solution.X[i, -2], solution.Y[j, -1]
        expected = [problem.mean + c, problem.mean + b, problem.mean]
        np.testing.assert_allclose(setting.predict(found, *pairs)[[1, 3, 4]], expected, rtol=1e-12)


def test_whole_matrices_have_none_and_older_files_are_read(tmp_path: Path) -> None:
    solution = lo.solve(lo.Full(np.eye(3)), rank=1, stop=lo.Stop(max_steps=2))
    solution.save(tmp_path / "fit.npz")
    assert solution.setting is None
    assert lo.Solution.load(tmp_path / "fit.npz").setting is None
    arrays, facts = read_archive(tmp_path / "fit.npz")
    del facts["setting"]
    write_archive(tmp_path / "old.npz", arrays, facts | {"version": 2})
    assert lo.Solution.load(tmp_path / "old.npz").setting is None


@pytest.mark.parametrize(
    "change",
    [
        {"mean": None},
        {"mean": float("nan")},
        {"mean": True},
        {"ridge": -1.0},
        {"ridge": "x"},
        {"bias": "sideways"},
        {"bias": []},
        {"ridge_scaling": 3},
        {"bias_ridge": 0.0},
        {"row_ids": np.array(["a", "a", "b"])},
        {"row_ids": np.array(["a", "b"])},
        {"column_ids": np.array([[1, 2]])},
        {"empty_rows": np.array([3])},
        {"empty_rows": np.array([-1])},
        {"empty_columns": np.array([0.5])},
        {"empty_columns": np.array([[0]])},
    ],
)
def test_an_edited_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    fit(IDS[0])[1].save(tmp_path / "fit.npz")
    arrays, facts = read_archive(tmp_path / "fit.npz")
    (name, value), *_ = change.items()
    if name in facts["setting"]:
        facts["setting"][name] = value
    else:
        arrays[name] = value
    write_archive(tmp_path / "fit.npz", arrays, facts)
    with pytest.raises(lo.errors.FileError, match="fit.npz"):
        lo.Solution.load(tmp_path / "fit.npz")
