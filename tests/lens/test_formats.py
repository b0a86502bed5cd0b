"""Files that other programs read: read back by those, with hostile text in every field."""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree.ElementTree import fromstring

import bibtexparser
import pytest
import rispy
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from lopside.lens.formats.bibtex import bibtex, value
from lopside.lens.formats.csl import csl
from lopside.lens.formats.ris import ris
from lopside.lens.formats.table import rows
from lopside.lens.store.papers import Paper

UGLY = ["{", "}", "\\", "\\input{/etc/passwd}", "$", "%", "\\write18{rm}", "^^5cinput", "\n", "\r\nER  - ", "@book{x,"]
UGLY += [
    "TY  - JOUR\n",
    '"',
    ",",
    " and ",
    "=1+1",
    "\x00",
    "\x85",
    "\u2028",
    "é",
    "$\\alpha$",
    "#",
    "&",
    "~",
    "\\{",
    "\\csname",
]
TEXTS = st.lists(st.sampled_from(UGLY) | st.text(max_size=3), max_size=8).map("".join)


def paper(title: str, names: list[str], venue: str | None = None, abstract: str | None = None) -> Paper:
    facts = dict.fromkeys(("digest", "own_summary", "published", "updated", "version", "licence"))
    authors = [(f"a{place}", name) for place, name in enumerate(names)]
    return Paper(
        1,
        "a2021-b",
        title,
        2021,
        abstract,
        venue=venue,
        reading="new",
        authors=authors,
        ids={"arxiv": "2106.14289"},
        **facts,
    )


@given(TEXTS, st.lists(TEXTS.filter(str.strip), max_size=3), TEXTS)
def test_bibtex_is_read_back_and_runs_nothing(title: str, names: list[str], venue: str) -> None:
    text = bibtex([paper(title, names, venue)])
    found = bibtexparser.parse_string(text)
    assert not found.failed_blocks
    (entry,) = found.entries
    assert entry.key == "a2021-b"
    assert entry.fields_dict["eprint"].value == "2106.14289"
    for field in entry.fields:
        depth = 0
        for character in field.value:
            depth += (character == "{") - (character == "}")
            assert depth >= 0
        assert depth == 0
    assert not re.search(r"\\(input|write|csname|include|openin|catcode|def|let|immediate)(?![a-z])", text)
    assert "^^" not in text


@pytest.mark.parametrize(
    ("title", "made"),
    [
        ("Rank-$r$ \\& more", "Rank-$r$ \\& more"),
        ("$\\kappa^2$ of Jovanovi\\'c", "$\\kappa^2$ of Jovanović"),
        ("$\\{x\\}$", "$\\lbrace x\\rbrace $"),
        ("5% of {A}", "5\\% of A"),
        ("$\\input{x}$", "$input{x}$"),
        ("$}{$", "${}$"),
    ],
)
def test_values_keep_what_is_harmless(title: str, made: str) -> None:
    assert value(title) == made.replace("  ", " ")


def test_names_with_and_stay_one_name() -> None:
    (entry,) = bibtexparser.parse_string(bibtex([paper("T", ["Black and Decker", "Du, S.", "Tian Ye"])])).entries
    assert entry.fields_dict["author"].value == "{Black and Decker} and {Du, S.} and Tian Ye"


@given(TEXTS, st.lists(TEXTS.filter(str.strip), max_size=3), TEXTS, TEXTS)
def test_ris_is_read_back_line_by_line(title: str, names: list[str], venue: str, abstract: str) -> None:
    text = ris([paper(title, names, venue, abstract)] * 2)
    found = rispy.loads(text)
    assert len(found) == 2
    assert [line[:6] for line in text.split("\r\n") if line].count("TY  - ") == 2
    assert all(re.match(r"[A-Z][A-Z0-9]  - ", line) for line in text.split("\r\n") if line)
    assert {record["urls"][0] for record in found} == {"https://arxiv.org/abs/2106.14289"}


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_csl_names_everyone(title: str, names: list[str]) -> None:
    (found,) = json.loads(csl([paper(title, names)]))
    assert len(found["author"]) == len(names)
    assert found["issued"] == {"date-parts": [[2021]]}


@given(st.lists(st.fixed_dictionaries({"a": TEXTS, "b": TEXTS | st.none() | st.integers()}), max_size=4))
def test_no_cell_is_run(found: list[dict[str, object]]) -> None:
    heading, *cells = csv.reader(io.StringIO(rows(("a", "b"), found), newline=""))
    assert heading == ["a", "b"]
    assert len(cells) == len(found)
    for row, was in zip(cells, found, strict=True):
        for cell, text in zip(row, (was["a"], was["b"]), strict=True):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
            plain = "" if text is None else str(text).replace("\0", "")
            assert cell.removeprefix("'") == plain.removeprefix("'")


def test_the_graph_has_every_paper_and_citation(client: TestClient) -> None:
    root = fromstring(client.get("/graph.graphml").text.split("?>", 1)[1])
    space = "{http://graphml.graphdrawing.org/xmlns}"
    slugs = {node.get("id") for node in root.iter(f"{space}node")}
    edges = {(edge.get("source"), edge.get("target")) for edge in root.iter(f"{space}edge")}
    assert (len(slugs), len(edges)) == (62, 64)
    assert ("ward2023-convergence", "ye2021-global") in edges
    assert {end for edge in edges for end in edge} <= slugs


def test_files_have_names_of_ours(client: TestClient) -> None:
    for ending in ("bib", "ris", "csl.json", "json", "csv"):
        answer = client.get(f"/p/ye2021-global.{ending}")
        assert f'filename="ye2021-global.{ending}"' in answer.headers["content-disposition"]
    assert client.get("/export.json").headers["content-disposition"] == 'attachment; filename="library.json"'
