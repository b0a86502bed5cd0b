"""Entries out of files of every kind."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from file_contents import npz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import io as scipy_io
from scipy import sparse

from lopside.errors import InputError
from lopside.frames import Entries
from lopside.io import delimited, parquet
from lopside.io.triples import read_entries

FOLDER_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def listed(found: Entries) -> list[tuple]:
    rows = found.rows if found.row_ids is None else found.row_ids[found.rows]
    columns = found.columns if found.column_ids is None else found.column_ids[found.columns]
    return list(zip(rows.tolist(), columns.tolist(), found.values.tolist(), strict=True))


PLAIN = [("eve", 7, 4.0), ("bob", 3, 5.0), ("eve", 3, 0.5)]
TEXTS = {
    "plain.csv": "eve,7,4\nbob,3,5\neve,3,.5\n",
    "named.csv": "user,film,stars\neve,7,4\nbob,3,5\neve,3,0.5\n",
    "quoted.csv": '"user","film","stars"\n"eve",7,"4"\n"bob",3,5\n"eve",3,5e-1',
    "spaced.csv": "user, film, stars\neve, 7, 4.0 \n bob,3,+5\neve,3, 0.50\n",
    "index.csv": ",user,film,stars\n0,eve,7,4\n1,bob,3,5\n2,eve,3,0.5\n",
    "windows.csv": "\ufeffuser;film;stars\r\neve;7;4\r\nbob;3;5\r\neve;3;0.5\r\n",
    "mac.csv": "eve;7;4\rbob;3;5\reve;3;0.5\r",
    "timed.tsv": "eve\t7\t4\t978300760\nbob\t3\t5\t978300760\neve\t3\t0.5\t978300760\n",
    "timed.dat": "eve::7::4::978300760\nbob::3::5::978300760\neve::3::0.5::978300760\n",
    "blanks.txt": "eve 7 4\nbob  3 5\n eve 3 0.5\n",
    "u.data": "# by hand\n\neve\t7\t4\t1\n  # more\nbob\t3\t5\t2\n\neve\t3\t0.5\t3\n",
    "a.inter": "user_id:token\titem_id:token\trating:float\teve:float\neve\t7\t4\t1\nbob\t3\t5\t2\neve\t3\t0.5\t3\n",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: int, encoding: str
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", block)
    text = TEXTS[name] if encoding == "utf-8" else TEXTS[name].removeprefix("\ufeff")
    (tmp_path / name).write_bytes(text.encode(encoding))
    (tmp_path / (name + ".gz")).write_bytes(gzip.compress(text.encode(encoding)))
    if block == 7 and name in ("timed.dat", "blanks.txt", "u.data", "index.csv"):
        return  # the first two lines, which say the layout, are not in one block
    assert listed(read_entries(tmp_path / name).entries) == PLAIN
    assert listed(read_entries(tmp_path / (name + ".gz")).entries) == PLAIN


LABEL = st.text(
    st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=5
)
NUMBER = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6) | st.decimals(-99, 99, places=2)
)


@FOLDER_STAYS
@given(
    lines=st.lists(st.tuples(LABEL | st.integers(0, 10**20), st.integers(-5, 10**18 - 1), NUMBER), min_size=1),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    block=st.sampled_from([300, 1 << 20]),
)
def test_what_csv_writes_comes_back(
    tmp_path: Path, lines: list[tuple], delimiter: str, quoting: int, block: int
) -> None:
    lines = [line for line in lines if not str(line[0]).startswith("#")] or [("a", 1, 2.0)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerows([("row", "column", "value"), *lines])
    (tmp_path / "a.csv").write_text(text.getvalue(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK", block)
        found = read_entries(tmp_path / "a.csv", row="row", column="column", value="value").entries
    rows = [str(row) for row, _, _ in lines]
    whole = all(row.isdecimal() and row.isascii() and str(int(row)) == row and int(row) < 2**63 for row in rows)
    assert listed(found) == [
        (int(row) if whole else row, column, float(value)) for row, (_, column, value) in zip(rows, lines, strict=True)
    ]


@FOLDER_STAYS
@given(
    numbers=st.lists(st.floats(width=64, allow_nan=False, allow_infinity=False), min_size=1),
    form=st.sampled_from(["%r", "%.3f", "%.15g", "%e", "%.17g"]),
)
def test_every_number_is_the_nearest_to_what_is_written(tmp_path: Path, numbers: list[float], form: str) -> None:
    written = [form % number for number in numbers]
    (tmp_path / "a.csv").write_text("".join(f"a,b,{number}\n" for number in written))
    assert read_entries(tmp_path / "a.csv").entries.values.tolist() == list(map(float, written))


def test_ids_like_007_stay_text_and_turn_the_others_into_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", 12)
    (tmp_path / "a.csv").write_text("10,-5,1\n9,0,2\n9,12,2\n007,3,3\n7,-5,4\n10,3,5\n")
    assert listed(read_entries(tmp_path / "a.csv").entries) == [
        ("10", -5, 1.0),
        ("9", 0, 2.0),
        ("9", 12, 2.0),
        ("007", 3, 3.0),
        ("7", -5, 4.0),
        ("10", 3, 5.0),
    ]


def test_columns_are_chosen_by_name_and_number_and_notes_say_what_was_not(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when,film,user,stars,sure\n1,x,9,4,0.5\n2,y,8,5,0.25\n")
    found, notes, names = read_entries(tmp_path / "a.csv", row="user", column=2, value="stars", weight="sure")
    assert listed(found) == [(9, "x", 4.0), (8, "y", 5.0)]
    assert found.weights is not None
    assert found.weights.tolist() == [0.5, 0.25]
    assert notes == ("line 1 of a.csv is read as a header (when, film, user, stars, sure)",)
    assert names == ("user", "film", "stars", "sure")
    found, notes, names = read_entries(tmp_path / "a.csv", value="stars")
    assert listed(found) == [(1, "x", 4.0), (2, "y", 5.0)]
    assert notes[1].startswith("in a.csv the rows are column 1 (when), the columns are column 2 (film)")
    assert notes[1].endswith("left out: column 3 (user), column 5 (sure)")
    assert names == ("when", "film", "stars")


def test_a_header_of_numbers_is_one_if_a_name_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n4,5,6\n")
    assert listed(read_entries(tmp_path / "a.csv").entries) == [(1, 2, 3.0), (4, 5, 6.0)]
    assert listed(read_entries(tmp_path / "a.csv", row="1").entries) == [(4, 5, 6.0)]


def test_types_of_atomic_files_are_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.inter").write_text(TEXTS["a.inter"])
    for rating in ("rating", "rating:float"):
        assert listed(read_entries(tmp_path / "a.inter", row="user_id", value=rating).entries) == PLAIN


def test_comments_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,1\n#tag,b,2\nc,d,3\n")
    found, notes, names = read_entries(tmp_path / "a.csv")
    assert len(found) == 2
    assert notes[-1] == "lines of a.csv that start with # are skipped (1)"
    assert names == ()


def test_half_the_precision(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,0.1,2\nc,d,3,0\n")
    found = read_entries(tmp_path / "a.csv", weight=4, dtype="float32").entries
    assert found.weights is not None
    assert found.values.dtype == found.weights.dtype == np.float32
    assert found.values.tolist() == [float(np.float32(0.1)), 3.0]
    with pytest.raises(InputError, match="dtype int64"):
        read_entries(tmp_path / "a.csv", dtype=np.int64)


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda name: name == library or None)
    frame = pl.DataFrame(
        {"user": ["eve", "bob", "eve"], "film": [7, 3, 3], "stars": np.float32([4, 5, 0.5]), "w": [1, 2, 3]}
    )
    frame.write_parquet(tmp_path / "a.parquet")
    found, notes, names = read_entries(tmp_path / "a.parquet")
    assert listed(found) == PLAIN
    assert found.values.dtype == np.float32
    assert "left out: column 4 (w)" in notes[0]
    assert len(names) == 3
    chosen = read_entries(tmp_path / "a.parquet", row="film", column=1, value=3, weight="w", dtype=np.float64)
    assert listed(chosen.entries) == [(b, a, v) for a, b, v in PLAIN]
    assert chosen.entries.values.dtype == np.float64
    assert chosen.notes == ()


def test_parquet_of_pandas(tmp_path: Path) -> None:
    pd.DataFrame({"u": ["a"], "i": [1], "v": [2.0]}, index=[5]).to_parquet(tmp_path / "a.parquet")
    assert listed(read_entries(tmp_path / "a.parquet").entries) == [("a", 1, 2.0)]


def test_arrays_of_an_npz(tmp_path: Path) -> None:
    arrays = {"rows": np.array([0, 4]), "cols": np.array([10**12, 3]), "values": np.float32([1, 2]), "more": np.eye(2)}
    (tmp_path / "a.npz").write_bytes(npz(**arrays))
    found, notes, names = read_entries(tmp_path / "a.npz")
    assert listed(found) == [(0, 10**12, 1.0), (4, 3, 2.0)]
    assert (found.shape, found.rows.dtype, found.columns.dtype) == ((5, 10**12 + 1), np.int32, np.int64)
    assert (found.row_ids, found.values.dtype) == (None, np.float32)
    assert (notes, names) == (("in a.npz left out: more",), ())
    (tmp_path / "b.npz").write_bytes(
        npz(u=np.array(["b", "a"]), i=np.array([1, 0]), v=np.array([1, 2]), w=np.ones(2), shape=np.array([2, 9]))
    )
    found = read_entries(tmp_path / "b.npz", row="u", column="i", value="v", weight="w").entries
    assert listed(found) == [("b", 1, 1.0), ("a", 0, 2.0)]
    assert found.shape == (2, 9)
    assert found.weights is not None


@pytest.mark.parametrize("kind", ["npz", "mtx", "mtx.gz"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_every_stored_entry_is_an_observation_zeros_included(tmp_path: Path, kind: str, form: str) -> None:
    S = sparse.coo_array(([0.0, 2.0, -1.5], ([0, 2, 1], [3, 0, 1])), shape=(4, 5)).asformat(form)
    path = tmp_path / f"a.{kind}"
    if kind == "npz":
        sparse.save_npz(path, S)
    else:
        with gzip.open(path, "wb") if kind.endswith("gz") else open(path, "wb") as file:
            scipy_io.mmwrite(file, S)
    found = read_entries(path).entries
    assert sorted(listed(found)) == [(0, 3, 0.0), (1, 1, -1.5), (2, 0, 2.0)]
    assert found.shape == (4, 5)
