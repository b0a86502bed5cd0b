"""Notes as pieces: nothing is lost, nothing becomes markup, and it takes time in proportion to the length."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.lens.store.facets import toggled
from lopside.lens.text.anchors import anchor
from lopside.lens.text.prose import blocks

PIECES = st.sampled_from(
    ["- ", "1. ", "\n", "\n\n", "$x$", "$", "[a](", ")", "https://", "http://[", "e.org", " ", "<b>"]
)
NOTES = st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join)


def letters(text: str) -> list[str]:
    return [letter for letter in text if letter.isalpha()]


@given(NOTES)
def test_links_lead_to_the_web_and_no_letter_is_lost(text: str) -> None:
    found = [part for block in blocks(text) for line in block.lines for part in line]
    for part in found:
        if part.kind == "link":
            assert urlsplit(part.source).scheme in ("http", "https")
            assert urlsplit(part.source).hostname
            assert part.host or part.text == part.source
    shown = "".join(part.text + (part.source if part.host else "") for part in found)
    assert letters(shown) == letters(text)


def test_lists_and_paragraphs() -> None:
    text = "one\nline\n\n- a\n  goes on\n- b\n1. c\n2) d\n\nend - no list"
    assert [(block.kind, ["".join(part.text for part in line) for line in block.lines]) for block in blocks(text)] == [
        ("paragraph", ["one\nline"]),
        ("points", ["a\ngoes on", "b"]),
        ("numbers", ["c", "d"]),
        ("paragraph", ["end - no list"]),
    ]


@pytest.mark.parametrize("unit", ["[", "[a](", "https://a", "- \n", "$", "((", "[a](http://e(", "http://e("])
def test_long_notes_take_no_longer_than_they_are(unit: str) -> None:
    def seconds(count: int) -> float:
        begun = time.perf_counter()
        blocks(unit * count)
        return time.perf_counter() - begun

    seconds(100)
    assert seconds(65_536 // len(unit)) < 2.0


@given(st.text(max_size=30))
def test_anchors_lead_into_the_app_alone(text: str) -> None:
    for kind in ("term", "node", "formula", "run"):
        found = anchor(f"{kind}:{text}")
        assert found is None or found.address == "" or found.address.startswith(("/term/", "/p/", "/lab/"))
        assert found is None or not found.address.startswith("//")


def test_a_part_of_a_query_is_put_in_and_taken_out() -> None:
    for asked in ("", "low rank", 'tag:"to read" year:2021'):
        there = toggled(asked, "cat:cs.LG")
        assert there.endswith("cat:cs.LG")
        assert toggled(there, "cat:cs.LG") == asked
