"""Ids become positions and back, whatever they are; what is missing or mixed gets a sentence."""

from __future__ import annotations

import datetime as dt
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.ids import Coder, Ids, as_ids, codes, distinct_ids, factorized

NO_NUL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
IDS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.integers(0, 5), min_size=1),
    st.lists(NO_NUL, min_size=1),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.dates(), min_size=1),
)


@given(ids=IDS)
def test_positions_lead_back_to_the_ids(ids: list) -> None:
    found = factorized(ids)
    assert found.ids.ids[found.codes].tolist() == ids
    assert found.ids.ids.tolist() == sorted(set(ids))  # Python sorts text by code point too
    np.testing.assert_array_equal(found.ids.codes(ids), found.codes)


@given(ids=IDS, seed=st.integers(0, 99))
def test_ids_in_any_order_are_found(ids: list, seed: int) -> None:
    shuffled = [sorted(set(ids))[k] for k in np.random.default_rng(seed).permutation(len(set(ids)))]
    known, unknown = shuffled[: len(shuffled) // 2 + 1], shuffled[len(shuffled) // 2 + 1 :]
    index = Ids(known)
    assert index.ids.tolist() == known
    assert index.codes(known + unknown).tolist() == [*range(len(known)), *[-1] * len(unknown)]


@pytest.mark.parametrize("kind", ["<i8", "<i4", ">i2", "<u8", "<f4", "<U7", "M8[D]", "M8[ns]", "?", "T"])
def test_chunks_together_are_what_numpy_finds_at_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "CHUNK", 7)
    rng = np.random.default_rng(1)
    ids = (
        rng.integers(0, 30, 200)
        .astype("<U7" if kind == "T" else kind)
        .astype(np.dtypes.StringDType if kind == "T" else kind)
    )
    distinct, inverse = np.unique(ids.astype("<U7") if kind == "T" else ids, return_inverse=True)
    found = factorized(ids)
    np.testing.assert_array_equal(found.ids.ids, distinct)
    np.testing.assert_array_equal(found.codes, inverse)
    assert found.codes.dtype == np.int32
    np.testing.assert_array_equal(found.ids.codes(ids[::-1]), inverse[::-1])


def test_wider_text_in_a_later_chunk_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "CHUNK", 2)
    ids = ["b", "a", "a much longer name", "b", "a much longer nam"]
    found = factorized(ids)
    assert found.ids.ids[found.codes].tolist() == ids
    assert found.ids.codes(["a much longer name and more", "a"]).tolist() == [-1, 0]


@given(values=st.lists(NO_NUL, min_size=1), as_bytes=st.booleans())
def test_distinct_text(values: list[str], as_bytes: bool) -> None:
    array = np.array([value.encode() for value in values]) if as_bytes else np.array(values)
    distinct, inverse = distinct_ids(array)
    np.testing.assert_array_equal(distinct, sorted(set(array.tolist())))
    np.testing.assert_array_equal(distinct[inverse], array)


def test_texts_of_one_digest_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_ODD", np.uint64(0))
    distinct, inverse = distinct_ids(np.array(["b", "a", "b"]))
    assert (distinct.tolist(), inverse.tolist()) == (["a", "b"], [1, 0, 1])


def test_numbers_of_any_type_are_looked_up() -> None:
    index = Ids([1, 3, 2**53 + 1])
    assert index.codes(np.array([1.0, 1.5, 3.0, 1e300, 2.0**53])).tolist() == [0, -1, 1, -1, -1]
    assert index.codes(np.array([1, 2**63 + 1], np.uint64)).tolist() == [0, -1]
    assert index.codes(np.array([True])).tolist() == [0]
    assert Ids(np.array([2**63 + 1, 5], np.uint64)).codes([5, -1]).tolist() == [1, -1]
    assert index.codes([]).tolist() == []
    assert Ids([]).codes(["a"]).tolist() == [-1]


def test_dates_of_any_unit_are_looked_up() -> None:
    index = Ids([dt.date(2020, 1, 2), dt.date(2020, 1, 1)])
    assert index.codes(pd.Series(pd.to_datetime(["2020-01-01 00:00", "2020-01-01 05:00"]))).tolist() == [1, -1]
    assert index.codes([dt.datetime(2020, 1, 2), dt.datetime(2021, 1, 2)]).tolist() == [0, -1]


def test_series_of_pandas_are_looked_up() -> None:
    index = Ids(["a", "b"])
    assert index.codes(pd.Series(["b", "c"])).tolist() == [1, -1]
    assert index.codes(pd.Series(["b", "a"], dtype="category")).tolist() == [1, 0]
    with pytest.raises(InputError, match="missing id .* in row 1"):
        index.codes(pd.Series(["b", None]))


def test_ids_are_locked_survive_copies_and_are_no_part_of_what_was_given() -> None:
    given_ids = np.array(["b", "a"])
    index = Ids(given_ids)
    given_ids[0] = "z"
    copied = pickle.loads(pickle.dumps(index))
    assert copied.codes(["a", "b"]).tolist() == index.codes(["a", "b"]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="read-only"):
        index.ids[0] = "c"
    with pytest.raises(AttributeError):
        index.ids = given_ids  # type: ignore[misc]
    assert (len(index), repr(index), repr(Ids(range(5)))) == (2, "Ids(2: 'b', 'a')", "Ids(5: 0, 1, 2, …)")


@pytest.mark.parametrize(
    ("ids", "phrase"),
    [
        ([1, "1"], r"both whole numbers \(1, row 0\) and text \('1', row 1\)"),
        ([1, True], r"whole numbers \(1, row 0\) and truth values"),
        ([1, 2.5], r"whole numbers \(1, row 0\) and numbers \(2.5, row 1\)"),
        (["a", None], r"missing id \(null.*row 1"),
        (["a", float("nan")], r"missing id .*row 1"),
        (["a", pd.NA], r"missing id .*row 1"),
        ([pd.Timestamp(0), pd.NaT], r"missing id .*row 1"),
        ([1.0, float("inf")], r"missing id \(null, NaN or infinite\).*row 1"),
        (np.array([1, np.nan]), r"row 1"),
        (np.array(["2020", "NaT"], "M8[D]"), r"row 1"),
        (np.ma.array([1, 2], mask=[0, 1]), r"missing id .*row 1"),
        ([(1,), (2,)], r"of type tuple, the first in row 0"),
        ([2**64, 1], r"64 bits"),
        ([2**63, -1], r"64 bits"),
        (["a\0", "a"], r"NUL"),
        (["a" * 1001], r"1001 letters, in row 0"),
        ([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)], r"time zone"),
        (np.array([b"\xff"]), r"no UTF-8"),
        (np.array([1j]), r"complex128"),
        (np.array([1.0], np.longdouble), r"longdouble|float128"),
        (np.eye(2), r"shape \(2, 2\)"),
        ("abc", r"shape \(\)"),
    ],
)
def test_what_is_no_id_gets_a_sentence(ids: object, phrase: str) -> None:
    with pytest.raises(InputError, match=phrase):
        factorized(ids)
    with pytest.raises(InputError, match=phrase):
        Ids(ids)  # type: ignore[arg-type]


def test_rows_are_counted_over_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "CHUNK", 2)
    with pytest.raises(InputError, match="in row 4"):
        factorized(["a", "b", "c", "d", None])
    with pytest.raises(InputError, match=r"both whole numbers \(1\) and text \('c'\)"):
        factorized([1, 2, "c", "d"])


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="the id 3 in rows 0 and 2"):
        Ids([3, 1, 3])


@pytest.mark.parametrize("wrong", [["1"], [dt.date(2020, 1, 1)]])
def test_ids_of_another_kind_are_refused_rather_than_unknown(wrong: list) -> None:
    with pytest.raises(InputError, match=r"expected whole numbers, such as 1\. Try astype\('<i8'\)"):
        Ids([1, 2]).codes(wrong)


def test_more_ids_than_codes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_MOST", 2)
    assert len(factorized([1, 2, 1]).ids) == 2
    with pytest.raises(InputError, match="more than 2 distinct"):
        factorized([1, 2, 3])


def test_whole_numbers_go_on_as_text() -> None:
    coder = Coder("ids")
    first = coder.codes(as_ids([10, 9]))
    coder.as_text()
    second = coder.codes(as_ids(["9", "x"]))
    ids = coder.finish(first, second)
    assert ids.ids.tolist() == ["10", "9", "x"]
    assert [first.tolist(), second.tolist()] == [[0, 1], [1, 2]]
