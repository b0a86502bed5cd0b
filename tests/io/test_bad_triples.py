"""Every bad file of entries gets a sentence, with the line where there is one."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from file_contents import MARKET, npz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lopside.errors import FileError
from lopside.io import delimited, parquet
from lopside.io.triples import read_entries

FOLDER_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)


def parquet_of(**columns: object) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


WHOLE = b"user,film,stars\n" + b"".join(b"%d,f%d,%d\n" % (k % 7, k % 5, k) for k in range(60))
TRIPLE = {"rows": np.array([0, 1]), "columns": np.array([1, 0]), "values": np.ones(2)}
BAD = {
    "empty.csv": (b"", "an empty file"),
    "header.csv": (b"user,film,stars\n", "without an entry"),
    "comments.csv": (b"# nothing\n\n", "without an entry"),
    "two.csv": (b"a,b\nc,d\n", "got 2 columns in two.csv ('a', 'b'); expected three"),
    "two_plain.csv": (b"1,2\n3,4\n", "got 2 columns in two_plain.csv (2 without names)"),
    "ragged.csv": (WHOLE + b"1,f1\n2,f2,3\n", "2 cells in line 62 of ragged.csv, where the first has 3"),
    "surplus.csv": (WHOLE + b"1,f1,3,4\n", "4 cells in line 62"),
    "balanced.csv": (WHOLE + b"1,f1\n2,f2,3,4\n", "2 cells in line 62"),
    "one.csv": (WHOLE + b"x\n", "1 cell in line 62"),
    "word.csv": (WHOLE + b"1,f2,good\n", "'good' in line 62, column 3 of word.csv, which is no number"),
    "hole.csv": (WHOLE + b"1,f2,\n", "an empty entry in line 62, column 3"),
    "nan.csv": (WHOLE + b"1,f2,NaN\n", "'NaN' in line 62, column 3 of nan.csv, where a number is missing"),
    "na.csv": (b"a,b,NA\nc,d,1\n", "'NA' in line 1"),
    "first_hole.csv": (b"a,b,\nc,d,1\n", "an empty entry in line 1"),
    "inf.csv": (WHOLE + b"1,f2,inf\n", "expected a finite number"),
    "huge.csv": (WHOLE + b"1,f2,1e400\n", "'1e400' in line 62, column 3 of huge.csv; expected a finite number"),
    "under.csv": (WHOLE + b"1,f2,1_0\n", "'1_0' in line 62"),
    "double.csv": (WHOLE + b"1,f2,--5\n", "'--5' in line 62"),
    "points.csv": (WHOLE + b"1,f2,1.2.3\n", "'1.2.3' in line 62"),
    "comma.csv": (b"a;b;1,5\nc;d;2\n", "decimal point"),
    "latin.csv": (WHOLE + "é,f2,5\n".encode("latin-1"), "no UTF-8 in line 62"),
    "noid.csv": (WHOLE + b",f2,5\n", "no id in line 62, column 1"),
    "blank.csv": (WHOLE + b"1,  ,5\n", "no id in line 62, column 2"),
    "long.csv": (WHOLE + b"1," + b"x" * 1001 + b",5\n", "1001 letters in line 62"),
    "wide.csv": (WHOLE + b"1," + b"x" * 200_000 + b",5\n", "line 62"),
    "quote.csv": (WHOLE + b'1,"f2,5\n2,f3,4\n', 'quotation marks " in line 62'),
    "inner.csv": (WHOLE + b'1,"f"2,5\n', 'quotation marks " in line 62'),
    "first.csv": (b'"a,b,1\nc,d,2\n', 'quotation marks " in line 1'),
    "binary.csv": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary contents"),
    "half.csv": ("a,b,1\n".encode("utf-16")[:-1], "UTF-16"),
    "cut.csv.gz": (gzip.compress(WHOLE)[:-9], "cannot read"),
    "plain.csv.gz": (WHOLE, "cannot read"),
    "table.xlsx": (b"PK", "an unknown ending"),
    "text.parquet": (WHOLE, "a Parquet file"),
    "cut.parquet": (parquet_of(u=[1], i=[2], v=[3])[:-5], "a Parquet file"),
    "two.parquet": (parquet_of(u=[1], i=[2]), "got 2 columns"),
    "null.parquet": (parquet_of(u=[1, None], i=[2, 2], v=[3, 4]), "null.parquet: got a missing id"),
    "word.parquet": (parquet_of(u=[1], i=[2], v=["x"]), "type String"),
    "no.npz": (npz(A=np.eye(2)), "expected an array 'rows' or 'row' for its rows"),
    "short.npz": (npz(**TRIPLE | {"rows": np.array([0])}), "arrays of one length"),
    "none.npz": (npz(**{name: array[:0] for name, array in TRIPLE.items()}), "arrays of one length"),
    "square.npz": (npz(**dict.fromkeys(TRIPLE, np.eye(2))), "arrays of one length"),
    "below.npz": (npz(**TRIPLE | {"rows": np.array([0, -1])}), "got -1 among the rows"),
    "beyond.npz": (
        npz(**TRIPLE, shape=np.array([1, 2])),
        "got 1 among the rows of beyond.npz; expected positions from 0 to 0",
    ),
    "shape.npz": (npz(**TRIPLE, shape=np.array([0, 2])), "the shape [0, 2]"),
    "nan.npz": (npz(**TRIPLE | {"values": np.array([1, np.nan])}), "got nan in the values of nan.npz, at place 1"),
    "complex.npz": (npz(**TRIPLE | {"values": np.array([1, 1j])}), "complex"),
    "float.npz": (npz(**TRIPLE | {"rows": np.array([0.5, np.nan])}), "missing id"),
    "objects.npz": (npz(**TRIPLE | {"rows": np.array(["a", None])}), "pickled"),
    "text.npz": (WHOLE, "cannot read"),
    "dense.mtx": (b"%%MatrixMarket matrix array real general\n1 1\n5\n", "every entry of a dense matrix"),
    "zero.mtx": (b"%%MatrixMarket matrix coordinate real general\n1 1 0\n", "without a stored entry"),
    "nan.mtx": (MARKET.replace("-2", "nan").encode(), "got nan in the values"),
    "cut.mtx": (MARKET[:-6].encode(), "Truncated"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    contents, phrase = BAD[name]
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(FileError) as caught:
        read_entries(tmp_path / name)
    message = str(caught.value)
    assert phrase in message
    assert name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("choice", "phrase"),
    [
        ({"row": "name"}, "no column 'name' in a.csv, which has 'user', 'film', 'stars', 'stars'"),
        ({"value": "stars"}, "2 columns 'stars'"),
        ({"row": 5}, "column number 5 for a.csv"),
        ({"row": 0}, "column number 0"),
        ({"row": 2, "column": "film"}, "one column of a.csv for two things (column 2 (film), column 2 (film)"),
        ({"value": 3, "weight": 3}, "for two things"),
    ],
)
def test_columns_that_cannot_be_taken(tmp_path: Path, choice: dict, phrase: str) -> None:
    (tmp_path / "a.csv").write_text("user,film,stars,stars\na,b,1,2\n")
    with pytest.raises(FileError) as caught:
        read_entries(tmp_path / "a.csv", **choice)
    assert phrase in str(caught.value)


def test_a_sparse_matrix_has_no_columns_to_choose(tmp_path: Path) -> None:
    (tmp_path / "a.mtx").write_text(MARKET)
    with pytest.raises(FileError, match=r"a choice of columns for a\.mtx"):
        read_entries(tmp_path / "a.mtx", row="user")


@pytest.mark.parametrize("name", ["nothing.csv", "folder.csv"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileError, match="cannot read"):
        read_entries(tmp_path / name)


def test_a_number_too_large_for_half_the_precision(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,1e39\n")
    with pytest.raises(FileError, match=r"got 1e\+39 .*float32.* Try float64"):
        read_entries(tmp_path / "a.csv", dtype=np.float32)


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", 10)
    monkeypatch.setattr(delimited, "_LONGEST_LINE", 100)
    (tmp_path / "a.csv").write_text("a,b,1\n" + "x" * 200)
    with pytest.raises(FileError, match="near line 2"):
        read_entries(tmp_path / "a.csv")


def test_without_a_library_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    (tmp_path / "a.parquet").write_bytes(parquet_of(u=[1], i=[2], v=[3]))
    with pytest.raises(FileError, match="pip install pyarrow"):
        read_entries(tmp_path / "a.parquet")


@FOLDER_STAYS
@given(data=st.data(), block=st.sampled_from([50, 1 << 20]))
def test_at_once_and_line_by_line_are_the_same(tmp_path: Path, data: st.DataObject, block: int) -> None:
    """Damaged text gives the same entries or the same sentence, whether or not each line is looked at."""
    contents = bytearray(WHOLE[: data.draw(st.integers(40, len(WHOLE)))])
    for _ in range(data.draw(st.integers(0, 3))):
        contents[data.draw(st.integers(20, len(contents) - 1))] = data.draw(
            st.sampled_from(b'"#,\n\r ;.-+e07x\xe9\xc3\0')
        )
    (tmp_path / "a.csv").write_bytes(contents)
    outcomes = []
    for plain in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited, "_BLOCK", block)
            if not plain:
                patch.setattr(delimited, "split", lambda *_: None)
            try:
                found = read_entries(tmp_path / "a.csv").entries
                outcomes.append(
                    (
                        found.row_ids[found.rows].tolist(),
                        found.column_ids[found.columns].tolist(),
                        found.values.tolist(),
                    )
                )
            except FileError as error:
                outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_the_slow_way_is_not_taken_for_plain_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "read_lines", lambda *_: pytest.fail("read line by line"))
    (tmp_path / "a.csv").write_bytes(WHOLE)
    assert len(read_entries(tmp_path / "a.csv").entries) == 60
