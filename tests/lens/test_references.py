"""What the reader gives, understood: identifiers, titles, BibTeX, RIS, and anything hostile."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.lens.sources.identifiers import identifiers
from lopside.lens.sources.references import MOST, understood


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("2106.14289", [("arxiv", "2106.14289")]),
        ("arXiv:2106.14289v12 [cs.LG]", [("arxiv", "2106.14289")]),
        ("https://arxiv.org/abs/2106.14289v2", [("arxiv", "2106.14289")]),
        ("http://www.arxiv.org/pdf/2106.14289.pdf", [("arxiv", "2106.14289")]),
        ("https://arxiv.org/html/2106.14289v1#S2", [("arxiv", "2106.14289")]),
        ("0704.0001", [("arxiv", "0704.0001")]),
        ("math/0309136", [("arxiv", "math/0309136")]),
        ("arXiv:math.GT/0309136v1", [("arxiv", "math/0309136")]),
        ("https://arxiv.org/abs/hep-th/9901001", [("arxiv", "hep-th/9901001")]),
        ("10.48550/arXiv.2106.14289", [("arxiv", "2106.14289")]),
        ("https://doi.org/10.48550/ARXIV.2106.14289v3", [("arxiv", "2106.14289")]),
        ("10.48550/arXiv.foo&id_list=1,2", [("doi", "10.48550/arxiv.foo&id_list=1,2")]),
        ("https://doi.org/10.1007/S10208-019-09429-9.", [("doi", "10.1007/s10208-019-09429-9")]),
        ("doi:10.1016/0024-3795(86)90167-9, p. 3", [("doi", "10.1016/0024-3795(86)90167-9")]),
        ("(see 10.1000/xyz123)", [("doi", "10.1000/xyz123")]),
        ("https://dx.doi.org/10.1137%2F080738970", [("doi", "10.1137/080738970")]),
        ("https://www.semanticscholar.org/paper/A-Title/" + "0A" * 20, [("s2", "0a" * 20)]),
        ("CorpusId:235658744", [("corpus", "235658744")]),
        ("2106.14289, 2001.00001 2106.14289v2", [("arxiv", "2106.14289"), ("arxiv", "2001.00001")]),
        ("2113.14289", []),
        ("foo/0309136", []),
        ("1234567.12345", []),
        ("12.2106.142891", []),
    ],
)
def test_an_identifier_is_read(line: str, found: list[tuple[str, str]]) -> None:
    assert [tuple(one) for one in identifiers(line)] == found


@given(st.text() | st.text('arXiv:/.v0123456789 \n@{}"=ERTY -doi', max_size=400))
def test_any_text_is_understood_or_said_to_be_lost(text: str) -> None:
    found = understood(text)
    for one in found.wanted:
        assert one.identifier or one.given
    for _, _, why in found.lost:
        assert why


@given(st.lists(st.sampled_from(["2106.14289", "Low-rank matrix completion", "?", "", "https://example.org/x", "17"])))
def test_no_line_is_lost_without_a_word(lines: list[str]) -> None:
    found = understood("\n".join(lines))
    told = {one.given for one in found.wanted} | {given for _, given, _ in found.lost}
    assert {line for line in lines if line} <= told
    assert all(lines[number - 1] == given for number, given, _ in found.lost)


HOSTILE = [
    "2106.",
    "10.1000/",
    "arxiv:",
    "a-",
    "@a{",
    "@a{x,\n",
    "@a{x,t={",
    "{",
    "TY  - \n",
    "ER  - \n",
    "AU  - x\n",
    '"{',
]


@pytest.mark.parametrize("piece", [*HOSTILE, "@a{x, author={a and ", '@a{x, title={\\"', "word "])
def test_reading_takes_time_in_proportion(piece: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        understood("TY  - JOUR\n" * piece.startswith("AU") + piece * count)
        return time.process_time() - began

    seconds(100)
    short, long = (min(seconds(count) for _ in range(2)) for count in (5_000, 40_000))
    assert long < 8 * 4 * short + 0.2  # were it the square: 64 times as long


BIBTEX = r"""
Before the first: 2001.00001
@string{neurips = "Neural Information Processing Systems"}
@comment{jabref-meta: x}
@inproceedings{ye, title={Global {C}onvergence of $\ell_{2}$ Descent}, author={Ye, Tian and Du, Simon S.},
  year=2021, booktitle=neurips, eprint={2106.14289v2}, archivePrefix={arXiv}, abstract={We show $x_{1}$.}}
@article{j, title={Fast}, author={Mihailo R. Jovanovi{\'c} and {The Group and Others} and others}, doi={10.1000/J}}
@article{j, title={The same key again}, author={Erd\H{o}s, P{\'a}l}}
@article{broken, title={never closed, author = {X}
@article{last, title="Only a title here", date={2019-05-06}}
"""


def test_bibtex_is_read_entry_by_entry() -> None:
    found = understood(BIBTEX)
    first, ye, fast, again, last = found.wanted
    assert (first.identifier and first.identifier.value, first.source) == ("2001.00001", "")
    assert ye.facts["title"] == r"Global Convergence of $\ell_{2}$ Descent"
    assert (ye.facts["authors"], ye.facts["year"]) == (["Tian Ye", "Simon S. Du"], 2021)
    assert ye.facts["venue"] == "Neural Information Processing Systems"
    assert ye.facts["abstract"] == "We show $x_{1}$."
    assert tuple(ye.identifier or ()) == ("arxiv", "2106.14289")
    assert fast.facts["authors"] == ["Mihailo R. Jovanović", "The Group and Others"]
    assert fast.facts["ids"] == {"doi": "10.1000/j"}
    assert again.facts["authors"] == ["Pál Erdős"]
    assert (last.given, last.facts["year"], last.identifier) == ("Only a title here", 2019, None)
    (line, given, why) = found.lost[0]
    assert (line, given[:15]) == (9, "@article{broken")
    assert "cannot be read" in why


RIS = """\
TY  - JOUR
TI  - A first record
AU  - Du, Simon S.
AU  - Ye, Tian
PY  - 2020/01/02
DO  - 10.1000/ABC
JO  - Journal of Records
ER  - 

TY  - CONF
T1  - The end is missing
UR  - http://arxiv.org/abs/2106.14289
"""


def test_ris_is_read_record_by_record() -> None:
    first, second = understood(RIS).wanted
    assert first.facts["authors"] == ["Simon S. Du", "Tian Ye"]
    assert (first.facts["title"], first.facts["year"]) == ("A first record", 2020)
    assert (first.facts["venue"], first.facts["ids"]) == ("Journal of Records", {"doi": "10.1000/abc"})
    assert (second.line, tuple(second.identifier or ())) == (10, ("arxiv", "2106.14289"))


def test_a_byte_order_mark_and_other_line_ends_do_not_matter() -> None:
    assert len(understood("\ufeff" + RIS.replace("\n", "\r\n")).wanted) == 2
    assert len(understood("2106.14289\r2001.00001\r\n").wanted) == 2


def test_no_more_than_the_limit_and_the_rest_is_named() -> None:
    found = understood("\n".join(f"2106.{number:05}" for number in range(1, MOST + 4)))
    assert len(found.wanted) == MOST
    assert [line for line, _, _ in found.lost] == [201, 202, 203]


def test_an_address_without_an_identifier_is_refused_and_not_taken_for_a_title() -> None:
    found = understood("http://127.0.0.1:22/some secret path")
    assert not found.wanted
    assert "not fetched" in found.lost[0][2]
