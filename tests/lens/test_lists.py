"""The library's list: how it divides, what is done with what is chosen, and the pages of authors and terms."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

Post = Callable[..., Any]
BOTH = {"p": ["ye2021-global", "ward2023-convergence"]}


@pytest.mark.parametrize("query", ["", "gradient", "year:2023", "has:lab", "-cat:cs.LG rank", "zzzz"])
def test_every_facet_counts_what_it_leads_to(client: TestClient, post: Post, query: str) -> None:
    post("/p/ye2021-global/tags", {"tag": "to read"})
    post("/p/ye2021-global/tags", {"tag": "é+ü"})
    found = client.get("/library.json", params={"q": query}).json()
    values = [value for values in found["facets"].values() for value in values]
    assert bool(values) == bool(found["count"])
    for value in values:
        narrower = client.get("/library.json", params={"q": f"{query} {value['part']}"}).json()
        assert narrower["count"] == value["papers"] > 0, value
        assert narrower["not_understood"] == []


def test_facets_are_links_that_lead_in_and_out(client: TestClient) -> None:
    page = html.unescape(client.get("/").text)
    assert 'href="/?q=cat%3Acs.LG">cs.LG</a> <span class="soft">2</span>' in page
    chosen = html.unescape(client.get("/?q=rank cat:cs.LG").text)
    assert 'href="/?q=rank" aria-current="true">cs.LG</a>' in chosen
    assert "2 papers" in html.unescape(client.get("/?q=cat:cs.LG").text)
    assert "60 papers" in html.unescape(client.get("/?q=-cat:cs.LG").text)
    assert 'href="/?q=-cat%3Acs.LG" aria-label="without cs.LG"' in page
    assert 'aria-label="without title only"' not in page


def test_the_list_is_dense_if_that_is_wanted_and_stays_so(client: TestClient) -> None:
    page = html.unescape(client.get("/?view=compact&order=title").text)
    assert "papers dense" in page
    assert 'class="terms"' not in page
    assert 'rel="next" href="/?order=title&page=2&view=compact"' in page


def test_the_json_has_what_the_page_has(client: TestClient) -> None:
    page, twin = (
        client.get("/?q=gradient&order=oldest").text,
        client.get("/library.json?q=gradient&order=oldest").json(),
    )
    assert re.findall(r'<li data-slug="([^"]+)"', page) == [paper["slug"] for paper in twin["papers"]]
    assert f"{twin['count']} papers" in page
    assert client.get("/library.json?page=2").json()["papers"][0]["slug"] in client.get("/?page=2").text


def test_the_chosen_are_compared_exported_and_tagged(client: TestClient, post: Post) -> None:
    answer = client.get("/compare", params=BOTH, follow_redirects=False)
    assert answer.headers["location"] == "/compare?a=ye2021-global&b=ward2023-convergence"
    for ending in ("bib", "ris", "csl.json", "csv", "json"):
        answer = client.get("/selected", params=BOTH | {"as": ending, "tag": ""})
        assert answer.headers["content-disposition"] == f'attachment; filename="papers-2.{ending}"'
        assert "Alternating" in answer.text
        assert "Asymmetric" in answer.text
    assert post("/selected/tag", BOTH | {"tag": "both"}).headers["location"] == "/?q=tag%3A%22both%22"
    assert client.get('/library.json?q=tag:"both"').json()["count"] == 2


@pytest.mark.parametrize(
    ("address", "status"),
    [("/selected?as=exe&p=ye2021-global", 400), ("/selected?as=bib", 400), ("/selected?as=bib&p=nobody", 404)],
)
def test_nothing_to_export_is_said(client: TestClient, address: str, status: int) -> None:
    assert client.get(address).status_code == status


def test_tagging_needs_a_tag_and_papers(client: TestClient, post: Post) -> None:
    assert post("/selected/tag", BOTH | {"tag": " "}).status_code == 400
    assert post("/selected/tag", {"tag": "x"}).status_code == 400
    assert client.post("/selected/tag", data=BOTH | {"tag": "x"}).status_code == 403
    assert client.get("/library.json?q=has:tags").json()["count"] == 0


def test_the_table_is_narrowed_by_its_address_and_so_is_its_file(client: TestClient) -> None:
    ward = "/p/ward2023-convergence"
    for query, count in (("", 25), ("?relation=cited", 25), ("?relation=cites", 0), ("?year=2021", None)):
        page, rows = (
            client.get(ward + query).text,
            list(csv.DictReader(io.StringIO(client.get(f"{ward}.csv{query}").text))),
        )
        assert re.findall(r'<tr data-slug="([^"]+)"', page) == [row["slug"] for row in rows]
        assert len(rows) == count if count is not None else {row["year"] for row in rows} == {"2021"}
    assert client.get(f"{ward}.csv?year=unknown").text.count("\n") == 1


def test_rows_offer_what_can_be_done_with_them(client: TestClient) -> None:
    page = html.unescape(client.get("/p/ward2023-convergence").text)
    row = page[page.index('<tr data-slug="ye2021-global">') :]
    row = row[: row.index("</tr>")]
    for part in (
        'href="/p/ye2021-global"',
        'data-peek="ye2021-global"',
        'href="/compare?a=ward2023-convergence&b=ye2021-global"',
        'href="/import?ids=arXiv:2106.14289"',
        'href="https://arxiv.org/abs/2106.14289" rel="noopener noreferrer"',
    ):
        assert part in row
    without = page[page.index('<tr data-slug="burer2003-nonlinear">') :]
    assert "/import" not in without[: without.index("</tr>")]


def test_an_author_has_papers_and_company(client: TestClient) -> None:
    found = client.get("/author/simon-s-du.json").json()
    assert {"ye2021-global"} <= {paper["slug"] for paper in found["papers"]}
    years = [paper["year"] for paper in found["papers"]]
    assert years == sorted(years, reverse=True)
    others = {other["slug"]: other["papers"] for other in found["coauthors"]}
    assert others["tian-ye"] == 1
    assert "simon-s-du" not in others
    page = client.get("/author/simon-s-du").text
    assert all(f"/p/{paper['slug']}" in page for paper in found["papers"])
    assert 'href="/author/simon-s-du"' in client.get("/p/ye2021-global").text
    assert client.get("/author/nobody").status_code == 404


def test_a_term_tells_whom_it_leads_and_where_it_stands(client: TestClient) -> None:
    term = client.get("/p/ye2021-global.json").json()["key_terms"][0]
    found = client.get(f"/term/{term['key']}.json").json()
    (mine,) = [paper for paper in found["papers"] if paper["slug"] == "ye2021-global"]
    assert mine["leads"]
    assert (mine["place"], mine["count"], found["df"]) == (1, term["count"], term["df"])
    sums = client.get("/term/matrix completion.json").json()
    stands = {paper["slug"]: paper["stands"] for paper in sums["papers"]}
    assert (
        stands["ye2021-global"]
        == "Asymmetric matrix sensing and matrix completion are harder problems of the same kind."
    )
    assert sum(count for _, count in sums["years"]) == len([p for p in sums["papers"] if p["year"]])
    assert stands["ye2021-global"] in client.get("/term/matrix completion").text
    assert client.get("/term/no such term").status_code == 404
