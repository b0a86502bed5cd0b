"""Every bad file gets a sentence, never another exception, and nothing of it is run."""

from __future__ import annotations

import gzip
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
from file_contents import GREY, MARKET, header, npy, npz, picture, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lopside.errors import FileError
from lopside.io import (
    read_archive,
    read_factors,
    read_matrix,
)

FOLDER_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))


def bomb(side: int) -> bytes:
    """Return a PNG of a few bytes whose header promises side × side pixels."""
    contents = picture(Image.fromarray(GREY))
    promise = b"IHDR" + side.to_bytes(4, "big") * 2 + contents[24:29]
    return contents[:12] + promise + zlib.crc32(promise).to_bytes(4, "big") + contents[33:]


def sparse(parts: dict[str, np.ndarray], **changed: np.ndarray | None) -> bytes:
    return npz(**{name: part for name, part in (parts | changed).items() if part is not None})


def csr(**changed: np.ndarray | None) -> bytes:
    parts = {"format": np.array(b"csr"), "shape": np.array([2, 3]), "data": np.ones(2), "indices": np.array([0, 1])}
    return sparse(parts | {"indptr": np.array([0, 1, 2])}, **changed)


def coo(**changed: np.ndarray | None) -> bytes:
    parts = {"format": np.array(b"coo"), "shape": np.array([2, 3]), "data": np.ones(2), "row": np.array([0, 1])}
    return sparse(parts | {"col": np.array([0, 2])}, **changed)


OBJECTS = np.array([[1, None]], dtype=object)
BAD = {
    "ragged.csv": (b"a,b\n1,2\n3,4,5\n", "3 cells in line 3"),
    "surplus.csv": (b",a\nr1,1,2\nr2,3,4\n", "3 cells in line 2"),
    "break.csv": (b'"a\nb",c\n1,2\n', 'a quotation mark " in line 1'),
    "open.csv": (b'1,2\n"3,4\n5,6\n', 'a quotation mark " in line 2'),
    "short.csv": (b"1,2\n\n3\n", "1 cell in line 3"),
    "word.csv": (b"1,2\n3,oops\n", "'oops' in line 2, column 2"),
    "hole.csv": (b"1,2\n,4\n5,\n", "line 2, column 1 of hole.csv (2 in all)"),
    "hole2.csv": (b"1,2\n,4\n5,\n", "Completion"),
    "na.csv": (b"1,2\n3,NA\n", "Completion"),
    "comma.csv": (b"1,5;2,5\n3;4\n", "decimal point"),
    "under.csv": (b"1_000,2\n3,4\n", "'1_000'"),
    "header.csv": (b"a,b\n", "without a row of numbers"),
    "comment.csv": (b"# nothing\n\n", "without a row of numbers"),
    "binary.csv": (picture(Image.fromarray(GREY)), "binary contents"),
    "empty.csv": (b"", "an empty file"),
    "table.xlsx": (b"PK", ".csv"),
    "text.npy": (b"1,2\n3,4\n", "no array in NumPy's format"),
    "cut.npy": (npy(np.eye(5))[:-1], "200 bytes, where there are 199"),
    "huge.npy": (header((10**12, 10**12)), "where there are 0"),
    "negative.npy": (header((-2, -3)) + bytes(48), "promises -2"),
    "broken.npy": (b"\x93NUMPY\x01\x00\x10\x00garbage{{{{{{{{{", "no array in NumPy's format"),
    "objects.npy": (npy(OBJECTS), "pickled"),
    "objects.npz": (npz(A=OBJECTS), "pickled"),
    "zip.npy": (npz(A=np.eye(2)), "no array in NumPy's format"),
    "text.npz": (b"hello", "not a zip file"),
    "two.npz": (npz(A=np.eye(2), B=np.ones((3, 2))), "A (2 × 2 float64), B (3 × 2 float64)"),
    "none.npz": (npz(), "no arrays"),
    "cut.npz": (npz(A=np.eye(50))[:-20], "not a zip file"),
    "huge.npz": (zipped("A.npy", header((10**6, 10**6))), "where there are 0"),
    "key.npz": (csr(format=np.array(b"lil")), "in the format 'lil'"),
    "part.npz": (csr(indices=None), "in the format 'csr'"),
    "float.npz": (csr(indices=np.array([0.0, 1.0])), "integers"),
    "square.npz": (csr(indices=np.array([[0, 1]])), "integers"),
    "shape.npz": (csr(shape=np.array([2, 10**18 * 9])), "two integers"),
    "tall.npz": (csr(shape=np.array([10**15, 2])), "cannot read"),
    "side.npz": (csr(shape=np.array([2, 3, 4])), "two integers"),
    "below.npz": (csr(indices=np.array([0, -1])), "column index -1"),
    "beyond.npz": (csr(indices=np.array([0, 3])), "0 to 2"),
    "fall.npz": (csr(indptr=np.array([0, 2, 1])), "fall"),
    "short.npz": (csr(indptr=np.array([0, 1, 9])), "cannot read"),
    "zero.npz": (csr(format=np.array(b"bsr"), data=np.ones((2, 0, 0))), "cannot read"),
    "vast.npz": (coo(shape=np.array([10**14, 3])), "empty rows"),
    "coo.npz": (coo(row=np.array([0, 2**40])), "cannot read"),
    "objects2.npz": (csr(indices=np.array([0, None])), "pickled"),
    "cut.mtx": (MARKET[:-6].encode(), "Truncated"),
    "complex.mtx": (b"%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 2\n", "complex"),
    "outside.mtx": (b"%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n", "out of bounds"),
    "large.mtx": (b"%%MatrixMarket matrix coordinate real general\n2000000000 2 1\n1 1 1\n", "empty rows"),
    "greedy.mtx": (b"%%MatrixMarket matrix coordinate real general\n2 2 1000000000\n1 1 1\n", "promises"),
    "hungry.mtx": (b"%%MatrixMarket matrix array real general\n100000 100000\n1\n", "promises"),
    "words.mtx": (b"hello\n", "cannot read"),
    "cut.mtx.gz": (gzip.compress(MARKET.encode())[:-9], "cannot read"),
    "plain.mtx.gz": (MARKET.encode(), "cannot read"),
    "cut.png": (picture(NOISE)[:2000], "truncated"),
    "bomb.png": (bomb(10_000), "smaller picture"),
    "bomb2.png": (bomb(60_000), "smaller picture"),
    "bitmap.png": (picture(Image.fromarray(GREY), "BMP"), "cannot identify"),
    "photo.tif": (b"II*\0", ".png"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    contents, phrase = BAD[name]
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(FileError) as caught:
        read_matrix(tmp_path / name)
    message = str(caught.value)
    assert phrase in message
    assert name in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["nothing.csv", "folder.csv"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileError, match="cannot read"):
        read_matrix(tmp_path / name)


WHOLE = {
    "a.npy": npy(np.arange(20.0).reshape(4, 5)),
    "a.npz": npz(A=np.arange(20.0).reshape(4, 5)),
    "a.png": picture(Image.fromarray(GREY)),
    "a.mtx.gz": gzip.compress(MARKET.encode()),
    "a.csv": b"a,b\r\n1,2\r\n3.5,-4e3\r\n",
    "sparse.npz": csr(),
}


@pytest.mark.parametrize("name", WHOLE)
@FOLDER_STAYS
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_but_never_crashes(tmp_path: Path, name: str, data: st.DataObject) -> None:
    contents = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(0, 4))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(contents[: data.draw(st.integers(0, len(contents)))])
    try:
        A = read_matrix(path).A
    except FileError:
        return
    assert A.ndim == 2 or name == "a.npz"
    assert isinstance(A, np.ndarray) or A.format in ("csr", "coo")


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (str(self.path),)


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    body = header((1, 1), "|O") + pickle.dumps(np.array([[Trap(sprung)]], dtype=object))
    (tmp_path / "a.npy").write_bytes(body)
    (tmp_path / "a.npz").write_bytes(zipped("X.npy", body))
    for name, read in (
        ("a.npy", read_matrix),
        ("a.npz", read_matrix),
        ("a.npz", read_factors),
        ("a.npz", read_archive),
    ):
        with pytest.raises(FileError):
            read(tmp_path / name)
    assert not sprung.exists()
