"""Papers side by side: what is shared adds up, paths are shortest, and theorems stand with their sources."""

from __future__ import annotations

import html
import itertools
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from lopside.lens.comparison import compared
from lopside.lens.lab.settings import Settings
from lopside.lens.proved import PROVED
from lopside.lens.store import papers
from lopside.lens.store.database import Library

YE, WARD, JIANG = "ye2021-global", "ward2023-convergence", "jiang2022-algorithmic"


def test_the_two_papers_side_by_side(client: TestClient) -> None:
    page = html.unescape(client.get(f"/compare?a={YE}&b={WARD}").text)
    assert "Ward & Kolda 2023 cites Ye & Du 2021." in page
    assert "2021-06-29 Ye & Du 2021" in page.replace("<time>", "").replace("</time>", "")
    assert "\\kappa^4 \\log(1/\\epsilon)" in page
    assert "\\kappa^2 \\log(1/\\epsilon)" in page
    assert "σ₁/σ₁ for κ, a slip" in page
    assert "/lab/agd-unbalanced?" in page
    lab = page[page.index('id="joint"') :]
    (address,) = re.findall(r'href="(/lab/[^"]+)"', lab)
    settings, said = Settings.read({}, parse_qs(html.unescape(address).partition("?")[2])["start"])
    assert (settings.starts, said) == (("gd / gaussian[scale=0.001]", "agd / unbalanced"), [])


def test_every_theorem_is_of_a_paper_that_is_there(client: TestClient) -> None:
    assert set(PROVED) == {YE, WARD, JIANG}
    page = html.unescape(client.get(f"/compare?a={YE}&b={JIANG}&c={WARD}").text)
    for theorem in PROVED.values():
        assert theorem.source in page
    assert "C_d\\, \\kappa^3 \\log(1/\\epsilon)" in page


def test_similarity_is_the_sum_of_its_parts(client: TestClient) -> None:
    found = client.get(f"/compare.json?a={YE}&b={WARD}").json()
    (pair,) = found["pairs"]
    weights = [{term["key"]: term["score"] for term in paper["key_terms"]} for paper in found["papers"]]
    expected = math.fsum(weights[0][key] * weights[1][key] for key in weights[0].keys() & weights[1].keys())
    assert pair["similarity"] == pytest.approx(expected)
    assert math.fsum(addend["share"] for addend in pair["addends"]) == pytest.approx(expected)
    assert pair["cites"] == [[1, 0]]
    assert [(step["slug"], step["cited"]) for step in pair["path"]] == [(WARD, False)]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/compare", 200),
        (f"/compare?a={YE}", 200),
        (f"/compare?a={YE}&b={YE}", 200),
        (f"/compare?a={YE}&b=nobody", 404),
        ("/compare.json", 400),
        (f"/compare.json?a={YE}", 400),
    ],
)
def test_what_is_no_pair(client: TestClient, address: str, status: int) -> None:
    assert client.get(address).status_code == status


def test_a_fifth_is_left_out_and_said(client: TestClient) -> None:
    slugs = [row["slug"] for row in client.get("/library.json").json()["papers"][:5]]
    answer = client.get("/compare", params={"p": slugs}, follow_redirects=False)
    assert answer.headers["location"].count("=") == 4
    found = client.get(f"/compare?a={YE}&b={WARD}&c=nobody").text
    assert "Left out: nobody" in found


def graph(folder: Path, edges: set[tuple[int, int]]) -> Any:
    store = Library(folder / "library.db")
    with store.writing() as db:
        keys = [papers.put(db, {"title": f"Paper {i}", "authors": [], "slug": f"p{i}"}, source="x") for i in range(6)]
        for citing, cited in edges:
            papers.cite(db, keys[citing], keys[cited], source="x")
    return store


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda e: e[0] != e[1]), max_size=12))
def test_counts_and_paths_agree_with_the_plain_definition(
    tmp_path_factory: pytest.TempPathFactory, edges: set[tuple[int, int]]
) -> None:
    store = graph(tmp_path_factory.mktemp("graph"), edges)
    with store.reading() as db:
        found = compared(db, [paper for slug in ("p0", "p1", "p2") if (paper := papers.paper(db, slug))])
    store.close()
    near = [{b for a, b in edges if a == i} | {a for a, b in edges if b == i} for i in range(6)]
    far = [[0.0 if i == j else 1.0 if j in near[i] else math.inf for j in range(6)] for i in range(6)]
    for k, i, j in itertools.product(range(6), repeat=3):
        far[i][j] = min(far[i][j], far[i][k] + far[k][j])
    for pair in found.pairs:
        length = math.inf if pair.path is None else len(pair.path)
        assert length == far[pair.one][pair.other]
        at = pair.one
        for step in pair.path or ():
            there = int(step.slug[1:])
            assert ((at, there) if step.cited else (there, at)) in edges
            at = there
        references = [{b for a, b in edges if a == i} for i in (pair.one, pair.other)]
        citers = [{a for a, b in edges if b == i} for i in (pair.one, pair.other)]
        assert (pair.references, pair.citers) == (len(references[0] & references[1]), len(citers[0] & citers[1]))
        assert set(pair.cites) == edges & {(pair.one, pair.other), (pair.other, pair.one)}
    for places, references, citers in found.counts:
        outside = set(range(3)) - set(places)
        exact = [
            sum(all(tie(i, x) for i in places) and not any(tie(i, x) for i in outside) for x in range(6))
            for tie in (lambda i, x: (i, x) in edges, lambda i, x: (x, i) in edges)
        ]
        assert [references, citers] == exact
