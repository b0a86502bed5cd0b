"""NumPy files, Matrix Market files and pictures."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from file_contents import GREY, MARKET, npy, npz, picture
from PIL import Image

from lopside.errors import FileError
from lopside.io import (
    read_matrix,
)


@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4", "<i2", "|b1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy_files(tmp_path: Path, kind: str, order: str) -> None:
    A = np.asarray(np.arange(6).reshape(2, 3) % 2, dtype=kind, order=order)  # type: ignore[call-overload]
    (tmp_path / "a.npy").write_bytes(npy(A))
    (tmp_path / "a.npz").write_bytes(npz(v=np.arange(3), A=A))
    for name in ("a.npy", "a.npz"):
        read = read_matrix(tmp_path / name).A
        np.testing.assert_array_equal(read, A)
        assert read.dtype == A.dtype
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.npz", "v").A, np.arange(3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MARKET, [[1.5, 4, 0], [0, 0, -2]]),
        ("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n", [[1, 3], [2, 4]]),
        ("%%MatrixMarket matrix coordinate integer symmetric\n2 2 2\n1 1 3\n2 1 7\n", [[3, 7], [7, 0]]),
        ("%%MatrixMarket matrix coordinate pattern general\n2 2 2\n1 1\n2 1\n", [[1, 0], [1, 0]]),
    ],
)
def test_market_files(tmp_path: Path, text: str, expected: list[list[float]]) -> None:
    (tmp_path / "a.mtx").write_text(text)
    (tmp_path / "a.mtx.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.mtx", "a.mtx.gz"):
        read = read_matrix(tmp_path / name)
        assert ("coordinate" in text) == scipy.sparse.issparse(read.A)
        np.testing.assert_array_equal(read.A.toarray() if "coordinate" in text else read.A, expected)
        assert ("pattern" in text) == any("counts as 1" in note for note in read.notes)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("old", [False, True])
def test_sparse_files(tmp_path: Path, kind: str, old: bool) -> None:
    A = scipy.sparse.random_array((12, 8), density=0.3, rng=np.random.default_rng(1), format=kind)
    scipy.sparse.save_npz(tmp_path / "a.npz", (scipy.sparse.csr_matrix(A).asformat(kind) if old else A))
    read = read_matrix(tmp_path / "a.npz")
    assert scipy.sparse.issparse(read.A)
    np.testing.assert_array_equal(read.A.toarray(), A.toarray())
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.npz", "shape").A, [12, 8])


def test_a_large_array_stays_in_its_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(3))
    np.save(tmp_path / "int.npy", np.eye(3, dtype=int))
    np.save(tmp_path / "row.npy", np.ones(9))
    assert isinstance(read_matrix(tmp_path / "a.npy", load_limit=72).A, np.ndarray)
    left = read_matrix(tmp_path / "a.npy", load_limit=71).A
    assert left == tmp_path / "a.npy"
    for name in ("int.npy", "row.npy"):  # not to be read in blocks
        assert isinstance(read_matrix(tmp_path / name, load_limit=0).A, np.ndarray)


def test_pictures_are_grey_levels(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    luma = colours @ np.array([0.299, 0.587, 0.114])
    half = np.dstack([GREY] * 3 + [np.full_like(GREY, 51)])  # a fifth of the picture over four fifths of white
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: turn by a quarter, clockwise
    cases = {
        "grey.png": (Image.fromarray(GREY), {}, GREY, 0),
        "sixteen.png": (Image.fromarray(GREY.astype(np.uint16) * 257 + 100), {}, GREY + 100 / 257, 1e-12),
        "colour.png": (Image.fromarray(colours), {}, luma, 0.51),
        "alpha.png": (Image.fromarray(half), {}, 0.2 * GREY + 0.8 * 255, 1.1),
        "opaque.png": (Image.fromarray(np.dstack([GREY, np.full_like(GREY, 255)]), "LA"), {}, GREY, 0),
        "turned.png": (Image.fromarray(GREY), {"exif": turned}, np.rot90(GREY, -1), 0),
        "bits.png": (Image.fromarray(GREY > 100), {}, 255 * (GREY > 100), 0),
        "palette.png": (Image.fromarray(GREY).convert("P"), {}, GREY, 0),
    }
    for name, (image, options, expected, tolerance) in cases.items():
        (tmp_path / name).write_bytes(picture(image, **options))
        A = read_matrix(tmp_path / name).A
        assert A.dtype == np.float64
        np.testing.assert_allclose(A, expected, rtol=0, atol=tolerance, err_msg=name)
    (tmp_path / "b.jpg").write_bytes(picture(Image.fromarray(np.full((8, 8), 77, np.uint8)), "JPEG"))
    np.testing.assert_allclose(read_matrix(tmp_path / "b.jpg").A, 77, atol=1)


def test_keys_are_for_npz_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(np.eye(2)))
    (tmp_path / "a.npz").write_bytes(npz(A=np.eye(2)))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(FileError, match="key"):
            read_matrix(tmp_path / name, "B")
