"""Tables survive the way to disk and back, and plain CSV readers understand them."""

from __future__ import annotations

import csv
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import FileError
from lopside.reproduce.table import Table

texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1).filter(
    lambda text: not text.startswith("#")
)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(
    st.lists(
        st.tuples(
            texts.filter(lambda text: not _is_number(text)),
            st.integers(-(10**12), 10**12),
            st.one_of(st.just(math.nan), st.floats(allow_nan=False)),
        ),
        min_size=1,
        max_size=8,
    ),
    texts,
)
def test_a_table_read_back_is_the_table_written(tmp_path_factory, rows, fact):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    names, counts, errors = zip(*rows, strict=True)
    written = Table({"start": names, "steps": counts, "error": errors}, {"seed": fact})
    read = Table.read(written.write(path))
    assert read.facts == {"seed": fact}
    assert read.columns["start"] == list(names)
    assert read.columns["steps"] == list(counts)
    for was, back in zip(errors, read.columns["error"], strict=True):
        assert was == back or (math.isnan(was) and math.isnan(back))


def test_a_reader_that_skips_comments_sees_an_ordinary_csv(tmp_path):
    path = Table.of([{"d": 6, "error": 0.5}, {"d": 10, "error": math.nan}], {"seed": "0"}).write(tmp_path / "t.csv")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert list(csv.DictReader(lines)) == [{"d": "6", "error": "0.5"}, {"d": "10", "error": ""}]


def test_where_keeps_only_the_rows_that_match_every_condition():
    table = Table({"d": [6, 10, 10], "run": [1, 1, 2], "steps": [80, 70, 71]}, {"seed": "0"})
    assert table.where(d=10, run=2).columns == {"d": [10], "run": [2], "steps": [71]}
    assert table.where(d=7).columns == {"d": [], "run": [], "steps": []}
    assert table.where(d=7).facts == table.facts


def test_what_is_no_table_is_refused(tmp_path):
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("# seed: 0\na,b\n1,2\n3\n")
    with pytest.raises(FileError, match="unequal length"):
        Table.read(ragged)
    with pytest.raises(FileError, match="cannot read"):
        Table.read(tmp_path / "missing.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(FileError, match="expected a table"):
        Table.read(empty)
