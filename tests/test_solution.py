"""Solutions: their SVD, their file, their faces."""

import numpy as np
import pytest
import reference

import lopside as lo
from lopside.io import read_archive, write_archive

A = reference.planted(40, 30, np.linspace(1.0, 0.5, 4), noise=0.05)


@pytest.fixture(scope="module")
def solution():
    return lo.solve(lo.Full(A), rank=4, stop=lo.Stop(max_steps=150), trace_every=40)


def test_svd_of_the_product(solution):
    U, s, Vt = solution.svd()
    np.testing.assert_allclose((U * s) @ Vt, solution.matrix(), atol=1e-14)
    np.testing.assert_allclose(U.T @ U, np.eye(4), atol=1e-13)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(4), atol=1e-13)
    assert (np.diff(s) <= 0).all()
    assert (Vt[np.arange(4), np.abs(Vt).argmax(axis=1)] > 0).all()


def test_what_is_saved_is_loaded(solution, tmp_path):
    path = tmp_path / "fit.npz"
    solution.save(path)
    loaded = lo.Solution.load(path)
    for name in ("X", "Y"):
        assert getattr(loaded, name).tobytes() == getattr(solution, name).tobytes()
    assert loaded.initial[0].tobytes() == solution.initial[0].tobytes()
    for name in ("status", "converged", "steps", "passes", "loss", "relative_error", "step_size", "order", "rank"):
        assert getattr(loaded, name) == getattr(solution, name)
    assert loaded.trace.loss == solution.trace.loss
    assert loaded.trace.details[1].step == 40
    np.testing.assert_array_equal(
        loaded.trace.details[2].singular_values_x, solution.trace.details[2].singular_values_x
    )
    assert lo.certify(lo.Full(A), loaded).gap == solution.certificate.gap
    with pytest.raises(lo.errors.InputError, match=r"try lo\.certify"):
        loaded.certificate  # noqa: B018


def test_the_file_needs_no_pickle(solution, tmp_path):
    solution.save(tmp_path / "fit.npz")
    with np.load(tmp_path / "fit.npz", allow_pickle=False) as archive:
        assert {"X", "Y", "X0", "Y0"} <= set(archive.files)


def test_unusable_files_are_refused(solution, tmp_path):
    path = tmp_path / "fit.npz"
    solution.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(lo.errors.FileError, match="fit.npz"):
        lo.Solution.load(path)
    np.savez(path, X=solution.X, Y=solution.Y)
    with pytest.raises(lo.errors.FileError, match="fit.npz"):
        lo.Solution.load(path)
    with pytest.raises(lo.errors.FileError, match="absent"):
        lo.Solution.load(tmp_path / "absent.npz")


def test_a_newer_version_is_named(solution, tmp_path, monkeypatch):
    monkeypatch.setattr("lopside.solution.VERSION", 99)
    solution.save(tmp_path / "fit.npz")
    monkeypatch.undo()
    with pytest.raises(lo.errors.FileError, match="version 99"):
        lo.Solution.load(tmp_path / "fit.npz")


def test_nothing_is_left_behind_where_writing_fails(solution, tmp_path):
    with pytest.raises(lo.errors.FileError, match="nowhere"):
        solution.save(tmp_path / "nowhere" / "fit.npz")
    assert list(tmp_path.iterdir()) == []


def test_faces(solution):
    assert repr(solution).startswith("Solution(40 × 30, rank 4, relative error 0.0")
    assert "<th>relative error</th>" in solution._repr_html_()


SCALED = {"X": 1e300, "X0": np.nan, "trace_loss": -1.0, "trace_step": 0.5, "detail_imbalance": np.inf}
EDITS = [
    *((name, lambda column, by=factor: column * by) for name, factor in SCALED.items()),
    ("X0", lambda X0: X0[1:]),
    ("X0", lambda X0: X0[:, 1:]),
    ("Y", lambda Y: Y[:, 1:]),
    ("Y0", lambda Y0: Y0[:, :0]),
    ("X", lambda X: X.astype(int)),
    ("detail_singular_values_x", lambda values: values[:, 0]),
    ("detail_singular_values_y", lambda values: values[:, 1:]),
    ("detail_step", lambda steps: steps + 1),
    ("detail_step", lambda steps: steps[:0]),
    ("trace_loss", lambda losses: losses[:-1]),
    ("trace_step", lambda steps: steps[:, None]),
    ("trace_passes", lambda passes: np.array(["many"] * len(passes))),
    *(("version", wrong) for wrong in ("abc", None, 0, True)),
    *(("steps", wrong) for wrong in (1e400, -3, 149, 1.5, None)),
    *(("step_size", wrong) for wrong in (1e200, 0, -0.1, float("nan"), "0.5", 10**400)),
    *(("status", wrong) for wrong in ("DONE", ["MAX_STEPS"])),
    *(("order", wrong) for wrong in ("random", {})),
    *(("passes", -1), ("trace_every", 0), ("loss", -1.0), ("seconds", float("inf")), ("converged", "no")),
]


@pytest.mark.parametrize(("name", "change"), EDITS)
def test_an_edited_file_is_refused(solution, tmp_path, name, change):
    path = tmp_path / "fit.npz"
    solution.save(path)
    arrays, facts = read_archive(path)
    if callable(change):
        arrays[name] = change(arrays[name])
    else:
        assert name in facts
        facts[name] = change
    write_archive(path, arrays, facts)
    with pytest.raises(lo.errors.FileError, match="fit.npz") as caught:
        lo.Solution.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["X0", "trace_loss", "detail_step"])
def test_a_file_with_something_missing_is_refused(solution, tmp_path, name):
    path = tmp_path / "fit.npz"
    solution.save(path)
    arrays, facts = read_archive(path)
    del arrays[name]
    write_archive(path, arrays, facts)
    with pytest.raises(lo.errors.FileError, match=name.partition("_")[2] or name):
        lo.Solution.load(path)


def test_a_solution_in_float32_is_loaded_and_an_infinite_one_refused(tmp_path):
    path = tmp_path / "fit.npz"
    single = lo.solve(lo.Full(A.astype(np.float32)), rank=4, stop=lo.Stop(max_steps=5))
    single.save(path)
    np.testing.assert_array_equal(lo.Solution.load(path).X, single.X)
    arrays, facts = read_archive(path)
    write_archive(path, arrays | {"X": np.full_like(arrays["X"], np.inf)}, facts)
    with pytest.raises(lo.errors.FileError, match="a number in X that is NaN, or beyond"):
        lo.Solution.load(path)
