"""Tables as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lopside.io import (
    read_matrix,
)

FOLDER_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
MATRICES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6))


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
        (",2001,2002\nr1,1,2\nr2,3,4\n", 2),  # years as names; only the row names say so
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


def test_a_first_line_of_whole_numbers_is_data_and_a_note_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("2001,2002\n1.5,2\n3,4.5\n")
    A, notes = read_matrix(path)
    np.testing.assert_array_equal(A[0], [2001, 2002])
    assert "line 1 of a.csv holds whole numbers only" in notes[0]
    path.write_text("2001,2002\n1.5,2\n3,4\n")
    assert read_matrix(path).notes == ()
