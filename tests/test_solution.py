"""Solutions: their SVD, their file, their faces."""

import numpy as np
import pytest
import reference

import lopside as lo

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
