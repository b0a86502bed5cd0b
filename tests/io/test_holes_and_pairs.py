"""Tables with holes and pairs of ids: what is read, and the sentence for what cannot be."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from lopside.errors import FileError
from lopside.io import read_pairs, read_table

A = np.array([[1.5, np.nan, 3.0], [np.nan, -2.0, 4.0]])


def text(path: Path, contents: str) -> Path:
    path.write_text(contents)
    return path


@pytest.mark.parametrize(
    ("contents", "rows", "columns"),
    [
        ("1.5,,3\nNA,-2,4\n", None, None),
        ("x,y,z\n1.5,,3\n?,-2,4\n", None, ["x", "y", "z"]),
        (",7,8,9\na,1.5,nan,3\nb,null,-2,4\n", ["a", "b"], [7, 8, 9]),
        ("date;x;y;z\n2020-01-01;1.5;;3\n2020-02-01;;-2;4\n", ["2020-01-01", "2020-02-01"], ["x", "y", "z"]),
        (",x,x,z\na,1.5,,3\na,,-2,4\n", None, None),
    ],
)
def test_tables_as_text(tmp_path: Path, contents: str, rows: list | None, columns: list | None) -> None:
    found = read_table(text(tmp_path / "t.csv", contents))
    assert_array_equal(found.A, A)
    for ids, expected in ((found.row_ids, rows), (found.column_ids, columns)):
        assert (None if ids is None else ids.tolist()) == expected
    assert any("share names" in note for note in found.notes) == ("x,x" in contents)


@pytest.mark.parametrize("first", [{}, {"who": ["a", "b"]}, {"row": [5, 6]}])
def test_tables_in_parquet(tmp_path: Path, first: dict[str, list]) -> None:
    frame = pl.DataFrame({**first, "x": [1.5, None], "y": [None, -2], "z": [3.0, 4.0]})
    frame.write_parquet(tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet")
    assert_array_equal(found.A, A)
    assert (None if found.row_ids is None else [found.row_ids.tolist()]) == (list(first.values()) or None)
    assert found.column_ids is not None
    assert found.column_ids.tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("contents", "row", "columns"),
    [
        ("year,x,y,z\n2019,1.5,,3\n2020,,-2,4\n", "year", ["x", "y", "z"]),
        ("x,y,year,z\n1.5,,2019,3\n,-2,2020,4\n", 3, ["x", "y", "z"]),
        ("1.5,,3,2019\n,-2,4,2020\n", 4, None),
    ],
)
def test_names_of_rows_that_look_like_numbers(tmp_path: Path, contents: str, row: str | int, columns: Any) -> None:
    found = read_table(text(tmp_path / "t.csv", contents), row=row)
    assert_array_equal(found.A, A)
    assert found.row_ids is not None
    assert found.row_ids.tolist() == [2019, 2020]
    assert (None if found.column_ids is None else found.column_ids.tolist()) == columns
    with pytest.raises(FileError, match="column"):
        read_table(tmp_path / "t.csv", row="day" if columns else 5)


def test_names_of_rows_anywhere_in_parquet(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1.5, None], "year": [2019, 2020], "y": [None, -2], "z": [3.0, 4.0]})
    frame.write_parquet(tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet", row="year")
    assert_array_equal(found.A, A)
    assert found.row_ids is not None
    assert found.column_ids is not None
    assert (found.row_ids.tolist(), found.column_ids.tolist()) == ([2019, 2020], ["x", "y", "z"])
    np.save(tmp_path / "t.npy", A)
    with pytest.raises(FileError, match="has no names"):
        read_table(tmp_path / "t.npy", row=1)


@pytest.mark.parametrize(
    ("contents", "phrase"),
    [
        ("1,2\n3\n", "1 cell in line 2"),
        ("x,y\n1,2\n3,oops\n", "'oops' in line 3, column 2"),
        ("x,y\n1,2\n3,1_000\n", "line 3, column 2"),
        ("x\na\n", "without a"),
        ("x,y\n", "without a row"),
    ],
)
def test_no_tables(tmp_path: Path, contents: str, phrase: str) -> None:
    with pytest.raises(FileError, match=phrase):
        read_table(text(tmp_path / "t.csv", contents))


def test_no_tables_in_other_files(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1.0], "y": ["b"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(FileError, match="column 'y'"):
        read_table(tmp_path / "t.parquet")
    pl.DataFrame({"x": ["b"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(FileError, match="without a column of numbers"):
        read_table(tmp_path / "t.parquet")
    with pytest.raises(FileError, match="nothing there"):
        read_table(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("contents", "choice"),
    [
        ("eve,7\nbob,3\n", {}),
        ("# of today\r\neve\t7\r\n\r\nbob\t3", {"row": "user", "column": 5}),
        ("eve::7::1\nbob::3::2\n", {}),
        ('t,film,user\n1,7,eve\n1,3,"bob"\n', {"row": "user", "column": "film"}),
        ("t,film:token,user:token\n1,7,eve\n1,3,bob\n", {"row": "user", "column": "film"}),
        ("1,7,eve\n1,3,bob\n", {"row": 3, "column": 2}),
        ("eve,7\nbob,3\n", {"row": "user", "column": "film"}),
        ("film,user\n7,eve\n3,bob\n", {"row": "user", "column": "film"}),
        ("film,user\n7,eve\n3,bob\n", {"row": "user"}),
        ("film,user\n7,eve\n3,bob\n", {"column": "film"}),
    ],
)
def test_pairs_as_text(tmp_path: Path, contents: str, choice: dict) -> None:
    for name, data in (("p.csv", contents.encode()), ("p.csv.gz", gzip.compress(contents.encode("utf-16")))):
        (tmp_path / name).write_bytes(data)
        found = read_pairs(tmp_path / name, **choice)
        assert (found.rows.tolist(), found.columns.tolist()) == (["eve", "bob"], ["7", "3"])
        assert found.named == contents.startswith(("t,", "film,"))


def test_pairs_in_parquet_keep_their_kinds(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["eve", "bob"], "b": [7, 3]}).write_parquet(tmp_path / "p.parquet")
    found = read_pairs(tmp_path / "p.parquet")
    assert (found.rows.tolist(), found.columns.tolist(), found.named) == (["eve", "bob"], [7, 3], True)
    pl.DataFrame({"a": ["eve", None], "b": [7, 3]}).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(FileError, match="missing id"):
        read_pairs(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("name", "contents", "choice", "phrase"),
    [
        ("p.csv", "eve\n", {}, "one column"),
        ("p.csv", "# nothing\n", {}, "without a pair"),
        ("p.csv", "eve,7\nbob\n", {}, "1 cell in line 2"),
        ("p.csv", "eve,7\n,3\n", {}, "no id in line 2"),
        ("p.csv", 'eve,"7\n', {}, "line 1"),
        ("p.csv", "a,b,c\neve,7,1\n", {"row": "user"}, "no column 'user'"),
        ("p.csv", "a,b,c\neve,7,1\n", {"row": 4}, "no column 4"),
        ("p.csv", "a,b,c\neve,7,1\n", {"row": "b"}, "rows and columns"),
        ("p.json", "[]", {}, "unknown ending"),
        ("p.parquet", "PAR1", {}, "p.parquet"),
    ],
)
def test_no_pairs(tmp_path: Path, name: str, contents: str, choice: dict, phrase: str) -> None:
    with pytest.raises(FileError, match=phrase):
        read_pairs(text(tmp_path / name, contents), **choice)
