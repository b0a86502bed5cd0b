"""Predictions and filled tables come back with their ids."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lopside.errors import FileError, InputError
from lopside.ids import codes
from lopside.io import parquet, read_matrix
from lopside.io.predictions import write_filled, write_predictions
from lopside.io.triples import read_entries

ROWS = ["b,1", 'q"x', "007", "tab\there", "zoë"]
COLUMNS = np.array([5, -3, 7, 7, 2**62])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_predictions_come_back_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, precision: type
) -> None:
    monkeypatch.setattr(codes, "CHUNK", 2)
    values = np.array([0.1, 1 / 3, -1e-30, 12345678.9, 3.0], precision)
    path = tmp_path / f"a{suffix}"
    write_predictions(path, ROWS, COLUMNS, values)
    rows = pl.read_parquet(path)["row"].to_list() if suffix == ".parquet" else None
    found = read_entries(path, row="row", column="column", value="prediction", dtype=precision).entries
    assert (rows or found.row_ids[found.rows].tolist()) == ROWS
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.column_ids[found.columns], [5, -3, 7, 7, 2**62])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_dates_missing_predictions_and_other_names(tmp_path: Path) -> None:
    days, names = [dt.date(2020, 1, 2)], ("day", "place", "rain")
    write_predictions(tmp_path / "a.csv", days, ["x"], np.array([np.nan]), names=names)
    assert (tmp_path / "a.csv").read_text() == "day,place,rain\n2020-01-02,x,nan\n"


A = np.array([[0.1, -2.0, 1 / 3], [4.0, 5e10, np.nan]])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".npy"])
def test_tables_without_labels_are_read_as_matrices(tmp_path: Path, suffix: str) -> None:
    full = np.nan_to_num(A)
    write_filled(tmp_path / f"a{suffix}", full)
    np.testing.assert_array_equal(read_matrix(tmp_path / f"a{suffix}").A, full)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_text_with_labels(tmp_path: Path, precision: type) -> None:
    table = A.astype(precision)
    write_filled(tmp_path / "a.csv", table, row_ids=[10, 7], column_ids=["x", "y,z", "w"])
    with open(tmp_path / "a.csv", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["", "x", "y,z", "w"]
    assert [line[0] for line in lines] == ["10", "7"]
    np.testing.assert_array_equal(np.array([line[1:] for line in lines]).astype(precision), table)
    write_filled(tmp_path / "a.csv", table, column_ids=["x", "y,z", "w"])
    assert (tmp_path / "a.csv").read_text().startswith('x,"y,z",w\n0.1,-2.0,')
    write_filled(tmp_path / "a.csv", table, row_ids=["u", "v"])
    assert (tmp_path / "a.csv").read_text().startswith(",0,1,2\nu,0.1,-2.0,")


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_parquet_with_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda name: name == library or None)
    write_filled(tmp_path / "a.parquet", A.astype(np.float32), column_ids=[5, 3, 4])
    found = pl.read_parquet(tmp_path / "a.parquet")
    assert found.columns == ["5", "3", "4"]
    np.testing.assert_array_equal(found.to_numpy(), A.astype(np.float32))
    write_filled(tmp_path / "a.parquet", A, row_ids=[10, 7])
    assert pl.read_parquet(tmp_path / "a.parquet")["row"].to_list() == [10, 7]
    write_filled(tmp_path / "a.parquet", A)
    assert pl.read_parquet(tmp_path / "a.parquet").columns == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.npy"])
def test_unknown_endings(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="unknown ending; expected one of .csv .tsv .parquet$"):
        write_predictions(tmp_path / name, [1], [1], np.ones(1))
    if name != "a.npy":
        with pytest.raises(FileError, match="unknown ending; expected one of .csv .tsv .parquet .npy$"):
            write_filled(tmp_path / name, A)


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(InputError, match=r"shapes \(1,\), \(2,\), \(2,\)"):
        write_predictions(path, [1], [1, 2], np.ones(2))
    with pytest.raises(InputError, match="three different"):
        write_predictions(path, [1], [1], np.ones(1), names=("a", "a", "b"))
    with pytest.raises(InputError, match="both whole numbers"):
        write_predictions(path, [1, "1"], [1, 2], np.ones(2))
    with pytest.raises(InputError, match="got 1 row ids for a table with 2"):
        write_filled(path, A, row_ids=[1])
    with pytest.raises(InputError, match='one named "row"'):
        write_filled(path, A, row_ids=[1, 2], column_ids=["row", "a", "b"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_an_older_file_stays_if_the_folder_cannot_take_another(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FileError, match="cannot write"):
        write_filled(tmp_path / "nowhere" / f"a{suffix}", A, row_ids=["a", "b"])


def test_letters_that_utf8_lacks_are_escaped(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a.csv", ["\ud800"], ["b"], np.ones(1))
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "\\ud800,b,1.0"
