"""What is held how, and that centering and weights mean the same on every form of A."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator

import lopside as lo
from lopside.storage.choose import as_storage

RNG = np.random.default_rng(0)
A = RNG.standard_normal((40, 15)) * (RNG.random((40, 15)) < 0.5) + 0.5 * (np.arange(15) > 12)
WEIGHTS = RNG.uniform(0, 2, 40) * (np.arange(40) != 7)


def on_disk(B: np.ndarray, folder: Path) -> Path:
    np.save(folder / "a.npy", B)
    return folder / "a.npy"


def map_of(B: np.ndarray, folder: Path) -> np.ndarray:
    return np.load(on_disk(B, folder), mmap_mode="r")


FORMS = {
    "rows": (lambda B, _: B, "Dense", False),
    "list": (lambda B, _: B.tolist(), "Dense", False),
    "columns": (lambda B, _: np.asfortranarray(B), "Dense", True),
    "part of columns": (lambda B, _: np.asfortranarray(np.vstack([B, B]))[: len(B)], "Dense", True),
    "part of rows": (lambda B, _: np.hstack([B, B])[:, : B.shape[1]], "Dense", False),
    "gaps": (lambda B, _: np.repeat(B, 2, axis=1)[:, ::2], "Dense", False),
    "backwards": (lambda B, _: B[::-1, ::-1].copy()[::-1, ::-1], "Dense", False),
    **{
        name: (lambda B, _, name=name: scipy.sparse.coo_array(B).asformat(name), "Sparse", name == "csc")
        for name in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
    },
    "old csr": (lambda B, _: scipy.sparse.csr_matrix(B), "Sparse", False),
    "path": (on_disk, "Mapped", False),
    "text": (lambda B, folder: str(on_disk(B, folder)), "Mapped", False),
    "path, columns": (lambda B, folder: on_disk(np.asfortranarray(B), folder), "Mapped", True),
    "map": (map_of, "Mapped", False),
    "map, columns": (lambda B, folder: map_of(np.asfortranarray(B), folder), "Mapped", True),
    "map, turned": (lambda B, folder: map_of(np.ascontiguousarray(B.T), folder).T, "Mapped", True),
    "map, gaps": (lambda B, folder: map_of(np.repeat(B, 2, axis=1), folder)[:, ::2], "Dense", False),
    "private map": (lambda B, folder: np.load(on_disk(B, folder), mmap_mode="c"), "Dense", False),
    "operator": (lambda B, _: aslinearoperator(B), "Operator", False),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_form_is_the_same_matrix(tmp_path, form, center, weighted):
    build, kind, transposed = FORMS[form]
    weights = WEIGHTS if weighted else None
    given = build(A, tmp_path)
    held = as_storage(given, center=center, weights=weights)
    w = np.ones(40) if weights is None else weights
    B = np.sqrt(w)[:, None] * (A - (w @ A / w.sum() if center else 0.0))
    stored = held.storage.times(np.eye(held.storage.shape[1]))
    np.testing.assert_allclose(stored.T if held.transposed else stored, B, atol=1e-14)
    assert held.storage.norm() == pytest.approx(np.linalg.norm(B), rel=1e-13)
    if not center:
        assert type(held.storage).__name__ == kind
    if not weighted:
        assert held.transposed == transposed


@pytest.mark.parametrize("name", ["rows", "columns", "csr", "csc"])
def test_what_needs_no_copy_is_shared(tmp_path, name):
    given = FORMS[name][0](A, tmp_path)
    numbers = given if isinstance(given, np.ndarray) else given.data
    held = as_storage(given).storage.A
    assert np.shares_memory(numbers, held if isinstance(held, np.ndarray) else held.data)


def test_a_storage_passes():
    storage = as_storage(A).storage
    assert as_storage(storage).storage is storage
    assert as_storage(storage, center=True).storage.norm() == pytest.approx(np.linalg.norm(A - A.mean(axis=0)))


def test_means_are_right_to_the_last_digits():
    rng = np.random.default_rng(0)
    m = 30_000
    B = 1e6 + rng.standard_normal((m, 2))
    for given in (B, np.asfortranarray(B)):
        held = as_storage(given, center=True)
        # 1ᵀ(A − 1μᵀ)/m: what is left of the mean, exactly
        storage = held.storage
        at = np.eye(2)
        centered = storage.times(at) if not held.transposed else storage.transpose_times(at)
        left = max(abs(math.fsum(column)) / m for column in centered.T)
        assert left < 1e-8
        exact = np.array([math.fsum(column) / m for column in B.T])
        assert storage.norm() == pytest.approx(np.linalg.norm(B - exact), rel=1e-13)


BAD_WEIGHTS = {
    "length": (np.ones(39), r"shape \(39,\); expected \(40,\)"),
    "matrix": (np.ones((40, 1)), r"shape \(40, 1\)"),
    "negative": (np.r_[np.ones(39), -1.0], "weight -1.0 for row 39"),
    "nan": (np.r_[np.nan, np.ones(39)], "weight nan for row 0"),
    "zero": (np.zeros(40), "all zero"),
    "words": (["a"] * 40, "no numbers"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
@pytest.mark.parametrize("form", ["rows", "csc", "path", "operator"])
def test_bad_weights(tmp_path, name, form):
    weights, message = BAD_WEIGHTS[name]
    with pytest.raises(lo.errors.InputError, match=message):
        as_storage(FORMS[form][0](A, tmp_path), weights=weights)


def test_centering_is_yes_or_no():
    with pytest.raises(lo.errors.InputError, match="got center = 'no'; expected True or False"):
        as_storage(A, center="no")


def test_weights_of_a_storage_belong_into_it():
    with pytest.raises(lo.errors.InputError, match="scale="):
        as_storage(as_storage(A).storage, weights=WEIGHTS)


def test_large_weights_widen_float32():
    B = A.astype(np.float32)
    for given in (B, scipy.sparse.csr_array(B), np.asfortranarray(B)):
        assert as_storage(given, weights=WEIGHTS).storage.dtype == np.float32
        assert as_storage(given, weights=WEIGHTS * 1e24).storage.dtype == np.float64


def test_a_path_of_another_kind(tmp_path):
    with pytest.raises(lo.errors.InputError, match="read_matrix"):
        as_storage(tmp_path / "a.csv")
    with pytest.raises(lo.errors.FileError, match="nothing there"):
        as_storage(tmp_path / "a.npy")


def test_notes_say_what_was_done(tmp_path):
    assert as_storage(A).notes == ()
    assert any("transpose" in note for note in as_storage(np.asfortranarray(A)).notes)
    assert any("copied" in note for note in as_storage(np.asfortranarray(A), weights=WEIGHTS).notes)
    assert any("copied" in note for note in as_storage(A[:, ::2]).notes)
    assert any("block by block" in note for note in as_storage(on_disk(A, tmp_path)).notes)
    assert any("15 products" in note for note in as_storage(aslinearoperator(A)).notes)
