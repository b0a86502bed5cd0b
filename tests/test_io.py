"""Every file format: what is written comes back, and every bad file gets a sentence, never another exception."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from lopside.errors import FileError
from lopside.io import (
    read_archive,
    read_factors,
    read_matrix,
    require_writable,
    whole_file,
    write_archive,
    write_json,
    write_table,
)
from lopside.io.market import DENSE_LIMIT

FOLDER_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
MATRICES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**named: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **named)  # type: ignore[arg-type]
    return file.getvalue()


def picture(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def header(shape: tuple[int, ...], promise: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": promise, "fortran_order": False, "shape": shape})
    return file.getvalue()


def zipped(name: str, contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, contents)
    return file.getvalue()


GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
MARKET = "%%MatrixMarket matrix coordinate real general\n% by hand\n2 3 3\n1 1 1.5\n2 3 -2\n1 2 4\n"


# --- reading ---------------------------------------------------------------------------------------------------


@FOLDER_STAYS
@given(
    A=MATRICES,
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    named=st.booleans(),
    last=st.booleans(),
)
def test_text_comes_back_bit_for_bit(
    tmp_path: Path, A: np.ndarray, separator: str, end: str, encoding: str, named: bool, last: bool
) -> None:
    rows = [separator.join(map(repr, row.tolist())) for row in A]
    if named:
        rows.insert(0, separator.join(f'"höhe {j}"' for j in range(A.shape[1])))
    path = tmp_path / ("a.tsv" if separator == "\t" else "a.csv")
    path.write_bytes((end.join(rows) + (end if last else "")).encode(encoding))
    read = read_matrix(path)
    np.testing.assert_array_equal(read.A, A)
    assert bool(read.notes) == named


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (",a,b\nr1,1,2\nr2,3,4\n", 2),  # row names, as R and spreadsheets write them
        (",0,1\n0,1,2\n1,3,4\n", 2),  # pandas without names
        ("# by hand\n\n1 2\n3 4\n", 0),
        ('"1","2"\n"3","4"\n', 0),
        ("x1,x2\n1,2\n3,4\n", 1),
    ],
)
def test_tables_as_other_programs_write_them(tmp_path: Path, text: str, notes: int) -> None:
    (tmp_path / "a.csv").write_text(text)
    read = read_matrix(tmp_path / "a.csv")
    np.testing.assert_array_equal(read.A, [[1, 2], [3, 4]])
    assert len(read.notes) == notes


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
        np.testing.assert_array_equal(read.A, expected)
        assert ("coordinate" in text) == any("made dense" in note for note in read.notes)


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


# --- bad files -------------------------------------------------------------------------------------------------

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))


def bomb(side: int) -> bytes:
    """Return a PNG of a few bytes whose header promises side × side pixels."""
    contents = picture(Image.fromarray(GREY))
    promise = b"IHDR" + side.to_bytes(4, "big") * 2 + contents[24:29]
    return contents[:12] + promise + zlib.crc32(promise).to_bytes(4, "big") + contents[33:]


OBJECTS = np.array([[1, None]], dtype=object)

BAD = {
    "ragged.csv": (b"a,b\n1,2\n3,4,5\n", "3 cells in line 3"),
    "short.csv": (b"1,2\n\n3\n", "1 cells in line 3"),
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
    "sparse.npz": (npz(indices=np.ones(1), indptr=np.ones(1), format=np.array(b"csr"), data=np.ones(1)), "sparse"),
    "cut.mtx": (MARKET[:-6].encode(), "Truncated"),
    "complex.mtx": (b"%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 2\n", "complex"),
    "outside.mtx": (b"%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n", "out of bounds"),
    "large.mtx": (b"%%MatrixMarket matrix coordinate real general\n200000 200000 1\n1 1 1\n", str(DENSE_LIMIT)),
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


def test_keys_are_for_npz_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(np.eye(2)))
    (tmp_path / "a.npz").write_bytes(npz(A=np.eye(2)))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(FileError, match="key"):
            read_matrix(tmp_path / name, "B")


WHOLE = {
    "a.npy": npy(np.arange(20.0).reshape(4, 5)),
    "a.npz": npz(A=np.arange(20.0).reshape(4, 5)),
    "a.png": picture(Image.fromarray(GREY)),
    "a.mtx.gz": gzip.compress(MARKET.encode()),
    "a.csv": b"a,b\r\n1,2\r\n3.5,-4e3\r\n",
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
    assert isinstance(A, np.ndarray)


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


# --- writing ---------------------------------------------------------------------------------------------------


def test_archives_come_back(tmp_path: Path) -> None:
    arrays_in = {"X": np.arange(6.0).reshape(3, 2), "Y": np.ones((4, 2), np.float32)}
    write_archive(tmp_path / "a.npz", arrays_in, {"rank": 2, "name": "η"})
    arrays_out, facts = read_archive(tmp_path / "a.npz")
    assert facts == {"rank": 2, "name": "η"}
    for name, array in arrays_in.items():
        np.testing.assert_array_equal(arrays_out[name], array)
        assert arrays_out[name].dtype == array.dtype
    np.testing.assert_array_equal(read_factors(tmp_path / "a.npz")[1], arrays_in["Y"])


def test_factors_need_both_names(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npz(X=np.eye(2)))
    with pytest.raises(FileError, match="no Y"):
        read_factors(tmp_path / "a.npz")


def write_half(path: Path) -> None:
    with whole_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert path.read_text() == "old"
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("place", ["file/a.npz", "file/deeper/a.npz", "folder"])
def test_a_place_that_cannot_be_written_is_found_out(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError):
        require_writable(tmp_path / place)
    with pytest.raises(FileError):
        write_json(tmp_path / place, {})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "a.npz")
    assert list((tmp_path / "new").iterdir()) == []


def test_tables_and_json_keep_all_digits(tmp_path: Path) -> None:
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308]
    write_table(tmp_path / "a.csv", {"step": [0, 1, 2, 3], "loss": values})
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == values
    assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
    write_json(tmp_path / "a.json", {"loss": values, "gap": float("nan"), "n": np.int64(3), "rate": [np.inf, None]})
    read = json.loads((tmp_path / "a.json").read_text())
    assert read == {"loss": values, "gap": None, "n": 3, "rate": [None, None]}
