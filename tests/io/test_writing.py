"""What is written comes back, and appears whole or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from file_contents import npz

from lopside.errors import FileError
from lopside.io import (
    read_archive,
    read_factors,
    require_writable,
    whole_file,
    write_archive,
    write_json,
    write_table,
)


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
