"""Entries out of frames of every library, by one path; what cannot be an entry is named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside import ids
from lopside.errors import InputError
from lopside.frames import Entries, entries

MAKERS = [pd.DataFrame, pl.DataFrame, pa.table]
GOOD = {"user": ["eve", "bob", "eve", "zoë"], "film": [7, 3, 3, -1], "stars": [4, 5, 1, 2]}


def read(frame: Any, **changed: Any) -> Entries:
    return entries(frame, **({"row": "user", "column": "film", "value": "stars"} | changed))


def narwhalled(columns: dict) -> Any:
    return nw.from_native(pl.DataFrame(columns))


@pytest.mark.parametrize("make", [*MAKERS, narwhalled])
def test_a_frame_of_any_library(make: Callable[[dict], Any]) -> None:
    found = read(make(GOOD))
    assert found.row_ids.tolist() == ["bob", "eve", "zoë"]
    assert found.column_ids.tolist() == [-1, 3, 7]
    assert found.rows.tolist() == [1, 0, 1, 2]
    assert found.columns.tolist() == [2, 1, 1, 0]
    assert found.values.tolist() == [4.0, 5.0, 1.0, 2.0]
    assert (found.values.dtype, found.rows.dtype, found.weights, found.shape) == (np.float64, np.int32, None, (3, 3))
    assert len(found) == 4


@given(
    triples=st.lists(st.tuples(st.integers(-9, 9), st.text("aé€", max_size=2), st.floats(-9, 9)), min_size=1),
    make=st.sampled_from(MAKERS),
)
def test_ids_and_values_come_back(triples: list[tuple], make: Callable[[dict], Any]) -> None:
    users, films, stars = map(list, zip(*triples, strict=True))
    found = read(make({"user": users, "film": films, "stars": stars}))
    assert found.row_ids[found.rows].tolist() == users
    assert found.column_ids[found.columns].tolist() == films
    assert found.values.tolist() == stars
    assert found.row_ids.tolist() == sorted(set(users))
    assert found.column_ids.tolist() == sorted(set(films))


def test_frames_of_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids.codes, "CHUNK", 3)
    rng = np.random.default_rng(2)
    users, films = rng.integers(0, 9, 50), np.array(list("abcdefgh"))[rng.integers(0, 8, 50)]
    frame = pl.DataFrame({"user": users, "film": films.tolist(), "stars": rng.standard_normal(50)})
    chunked = pa.concat_tables([frame[:20].to_arrow(), frame[20:].to_arrow()])
    for found in (read(frame), read(chunked), read(frame.to_pandas())):
        np.testing.assert_array_equal(found.rows, np.unique(users, return_inverse=True)[1])
        np.testing.assert_array_equal(found.columns, np.unique(films, return_inverse=True)[1])


@pytest.mark.parametrize("make", MAKERS)
def test_float32_is_kept_and_weights_are_read(make: Callable[[dict], Any]) -> None:
    arrays = {"user": np.arange(3), "film": np.arange(3), "stars": np.ones(3, np.float32), "w": np.array([1, 0, 2])}
    found = read(make(arrays), weight="w")
    assert found.values.dtype == np.float32
    assert found.weights is not None
    assert found.weights.tolist() == [1.0, 0.0, 2.0]


DAY, NOON = dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 12)
UTC_NOON = dt.datetime(2020, 1, 2, 3)  # noon in Tokyo
ID_COLUMNS = [
    (pd.Series([DAY, dt.date(2020, 1, 1)]), [dt.date(2020, 1, 1), DAY]),
    (pd.Series([NOON, dt.datetime(2019, 1, 1)]), [dt.datetime(2019, 1, 1), NOON]),
    (pl.Series([DAY, dt.date(2020, 1, 1)]), [dt.date(2020, 1, 1), DAY]),
    (pd.Series([NOON, dt.datetime(2020, 1, 2)]).dt.tz_localize("Asia/Tokyo"), [dt.datetime(2020, 1, 1, 15), UTC_NOON]),
    (pd.Series(["b", "a"], dtype="category"), ["a", "b"]),
    (pd.Series([3, 1], dtype="category"), [1, 3]),
    (pd.Series(["b", "a"], dtype=object), ["a", "b"]),
    (pd.array([2, 1], dtype="Int64"), [1, 2]),
    (pl.Series(["b", "a"], dtype=pl.Categorical), ["a", "b"]),
    (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), ["a", "b"]),
    (pl.Series([2**63 + 5, 1], dtype=pl.UInt64), [1, 2**63 + 5]),
    (pl.Series([True, False]), [False, True]),
    (pa.chunked_array([["b", "a"]]).dictionary_encode(), ["a", "b"]),
    (pa.chunked_array([pa.array([2, 1], pa.int8())]), [1, 2]),
]


@pytest.mark.parametrize(("column", "expected"), ID_COLUMNS)
def test_ids_of_every_type(column: Any, expected: list) -> None:
    makers = {pl.Series: pl.DataFrame, pa.ChunkedArray: pa.table}
    frame = makers.get(type(column), pd.DataFrame)({"user": column, "film": [1, 2], "stars": [1.0, 2.0]})
    found = read(frame)
    assert found.row_ids.tolist() == expected
    assert found.rows.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("frame", "numbers"),
    [
        (pl.DataFrame(GOOD | {"stars": [Decimal("1.5"), Decimal(2), Decimal(3), Decimal(4)]}), [1.5, 2, 3, 4]),
        (pa.table(GOOD | {"stars": [Decimal("1.5"), Decimal(2), Decimal(3), Decimal(4)]}), [1.5, 2, 3, 4]),
        (pd.DataFrame(GOOD | {"stars": [True, False, True, True]}), [1, 0, 1, 1]),
        (pd.DataFrame(GOOD | {"stars": pd.array([1, 2, 3, 4], dtype="Int8")}), [1, 2, 3, 4]),
        (pl.DataFrame(GOOD | {"stars": pl.Series([1, 2, 3, 4], dtype=pl.Int128)}), [1, 2, 3, 4]),
    ],
)
def test_numbers_of_every_type(frame: Any, numbers: list[float]) -> None:
    found = read(frame)
    assert (found.values.tolist(), found.values.dtype) == (numbers, np.float64)


def test_names_need_not_be_text() -> None:
    found = entries(pd.DataFrame([[1, 2, 3.5]]), row=0, column=1, value=2)
    assert (found.row_ids.tolist(), found.column_ids.tolist(), found.values.tolist()) == ([1], [2], [3.5])


BAD = [
    ({"user": ["a", None, "b", "c"]}, r"missing id .* column 'user', in row 1 \(counted from 0\)"),
    ({"film": [1, 2, None, 3]}, r"missing id .* column 'film', in row 2"),
    ({"film": [1.0, float("nan"), 2.0, 3.0]}, r"missing id .* column 'film', in row 1"),
    (
        {"stars": [1, 2, None, None]},
        r"column 'stars' without a number in 2 of 4 rows, first in row 2 .*what is unknown",
    ),
    ({"stars": ["x", "y", "z", "4"]}, r"column 'stars' of type String; expected numbers"),
    ({"stars": [1.0, float("inf"), 2.0, 3.0]}, r"got inf in row 1 \(counted from 0\) of column 'stars'"),
    ({"user": [[1], [2], [3], [4]]}, r"column 'user' of type"),
    ({"user": ["a\0", "a", "b", "c"]}, r"NUL"),
    ({"user": [b"a", b"b", b"c", b"d"]}, r"column 'user' of type (Binary|bytes)"),
    ({"user": [dt.timedelta(1)] * 4}, r"column 'user' of type Duration"),
    ({name: [] for name in GOOD}, r"frame without rows"),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("changed", "phrase"), BAD)
def test_what_cannot_be_an_entry_is_named(make: Callable[[dict], Any], changed: dict, phrase: str) -> None:
    with pytest.raises(InputError, match=phrase):
        read(make(GOOD | changed))


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_nan_among_the_values_is_named(make: Callable[[dict], Any]) -> None:
    with pytest.raises(InputError, match=r"got nan in row 3 \(counted from 0\) of column 'stars'"):
        read(make(GOOD | {"stars": [1.0, 2.0, 3.0, float("nan")]}))


MIXED = pd.DataFrame({"user": [1, "1"], "film": [1, 2], "stars": [1, 2]})
TWICE = pd.DataFrame([[1, 2, 3, 4]], columns=["user", "film", "stars", "film"])
STRANGE = [
    (MIXED, r"both whole numbers \(1, row 0\) and text \('1', row 1\)"),
    (pd.DataFrame(GOOD | {"stars": np.array([1, 2, 3, 4], dtype=object)}), r"'stars' of type Object"),
    (pl.DataFrame(GOOD | {"film": pl.Series([1, 2, 3, 4], dtype=pl.Int128)}), r"type Int128"),
    (pd.DataFrame(GOOD | {"film": pd.period_range("2020", periods=4, freq="D")}), r"'film' of type Unknown"),
    (TWICE, r"there twice .*'film' 2 times"),
    (pa.Table.from_arrays([pa.array([1])] * 4, names=["user", "film", "stars", "film"]), r"there twice .*'film'"),
    (pl.LazyFrame(GOOD), r"got a LazyFrame, .* Try its collect\(\)"),
    (GOOD, r"got dict; expected a DataFrame"),
    (pd.Series([1]), r"got Series"),
    (np.eye(3), r"got ndarray"),
    (None, r"got NoneType"),
]


@pytest.mark.parametrize(("frame", "phrase"), STRANGE)
def test_what_is_no_frame_of_entries_is_named(frame: Any, phrase: str) -> None:
    with pytest.raises(InputError, match=phrase):
        read(frame)


@pytest.mark.parametrize("make", MAKERS)
def test_columns_that_are_not_there(make: Callable[[dict], Any]) -> None:
    with pytest.raises(InputError, match=r"no column 'users' in a frame with the columns 'user', 'film', 'stars'"):
        read(make(GOOD), row="users")
    with pytest.raises(InputError, match=r"no column 'w'"):
        read(make(GOOD), weight="w")
    with pytest.raises(InputError, match=r"'user', 'user', 'stars' .*three different"):
        read(make(GOOD), column="user")
