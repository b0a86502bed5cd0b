"""What the reader adds to a paper: tags, how far it is read, a summary, notes on it and on what is in it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

Post = Callable[..., Any]
YE = "/p/ye2021-global"


def facts(client: TestClient) -> dict[str, Any]:
    return client.get(f"{YE}.json").json()


def mark(client: TestClient) -> str:
    found = re.search(r'name="mark" value="([0-9a-f]{16})"', client.get(YE).text)
    assert found is not None
    return found[1]


def test_tags_come_and_go(client: TestClient, post: Post) -> None:
    for tag in ("  to   read ", "<b>", 'a"b', "to read"):
        assert post(f"{YE}/tags", {"tag": tag}).headers["location"] == f"{YE}#own"
    assert facts(client)["tags"] == ["<b>", "a b", "to read"]
    assert "<b>" not in client.get(YE).text
    assert post(f"{YE}/tags", {"remove": "<b>"}).status_code == 303
    assert facts(client)["tags"] == ["a b", "to read"]
    found = client.get("/library.json", params={"q": 'tag:"to read"'}).json()
    assert [(paper["slug"], paper["tags"]) for paper in found["papers"]] == [("ye2021-global", ["a b", "to read"])]
    assert client.get("/library.json", params={"q": '-tag:"to read"'}).json()["count"] == 61


@pytest.mark.parametrize("tag", ["", '  " ', "x" * 51])
def test_what_is_no_tag_is_refused(client: TestClient, post: Post, tag: str) -> None:
    assert post(f"{YE}/tags", {"tag": tag}).status_code == 400
    assert facts(client)["tags"] == []


def test_how_far_it_is_read_is_found_again(client: TestClient, post: Post) -> None:
    assert post(f"{YE}/reading", {"reading": "reading"}).status_code == 303
    assert facts(client)["reading"] == "reading"
    assert [paper["slug"] for paper in client.get("/library.json?q=reading:reading").json()["papers"]] == [
        "ye2021-global"
    ]
    assert re.search(r'value="reading" aria-pressed="true"', client.get(YE).text)
    assert post(f"{YE}/reading", {"reading": "eaten"}).status_code == 400
    assert facts(client)["reading"] == "reading"


def test_ones_own_summary_stands_first(client: TestClient, post: Post) -> None:
    assert post(f"{YE}/summary", {"body": "First $\\kappa^4$ proof.", "mark": mark(client)}).status_code == 303
    page = client.get(YE).text
    assert page.index("Yours") < page.index("From the summary")
    assert 'data-tex="\\kappa^4"' in page
    assert client.get("/library.json?q=has:summary").json()["count"] == 1
    assert post(f"{YE}/summary", {"body": " ", "mark": mark(client)}).status_code == 303
    assert facts(client)["own_summary"] is None


def test_the_second_window_with_a_summary_is_told(client: TestClient, post: Post) -> None:
    before = mark(client)
    post(f"{YE}/summary", {"body": "from the first", "mark": before})
    answer = post(f"{YE}/summary", {"body": "from the second", "mark": before})
    assert answer.status_code == 409
    assert "from the first" in answer.text
    assert "from the second" in answer.text
    assert facts(client)["own_summary"] == "from the first"
    again = re.search(r'name="mark" value="([0-9a-f]{16})"', answer.text)
    assert again is not None
    post(f"{YE}/summary", {"body": "both", "mark": again[1]})
    assert facts(client)["own_summary"] == "both"


def test_a_summary_has_an_end(client: TestClient, post: Post) -> None:
    assert post(f"{YE}/summary", {"body": "x" * 2001, "mark": mark(client)}).status_code == 413
    assert facts(client)["own_summary"] is None


ANCHORS = {
    "term:global convergence": ("the term", "/term/global%20convergence"),
    "node:ward2023-convergence": ("its tie to", "/p/ward2023-convergence"),
    "formula:\\kappa^2": ("the formula", ""),
    "run:agd-unbalanced?m=100&start=gaussian%5Bscale%3D0.1%5D": (
        "a run of",
        "/lab/agd-unbalanced?m=100&start=gaussian%5Bscale%3D0.1%5D",
    ),
}


@pytest.mark.parametrize("anchor", ANCHORS)
def test_notes_are_about_what_they_were_written_at(client: TestClient, post: Post, anchor: str) -> None:
    said, address = ANCHORS[anchor]
    form = client.get(YE, params={"anchor": anchor}).text
    assert f'name="anchor" value="{html.escape(anchor)}"' in form
    assert post(f"{YE}/notes", {"body": "so it is", "anchor": anchor}).status_code == 303
    for page in (client.get(YE).text, client.get("/notes").text):
        assert f"On {said}" in page
        assert f'href="{html.escape(address)}"' in page if address else 'data-tex="\\kappa^2"' in page
    assert client.get("/notes.json").json()[0]["anchor"] == anchor


@pytest.mark.parametrize("anchor", ["run:javascript:alert(1)", "node:../x", "who:me", "term:", "run://evil.example"])
def test_anchors_of_no_kind_are_refused(client: TestClient, post: Post, anchor: str) -> None:
    assert 'name="anchor"' not in client.get(YE, params={"anchor": anchor}).text
    assert post(f"{YE}/notes", {"body": "x", "anchor": anchor}).status_code == 400
    assert client.get("/notes.json").json() == []


def test_places_to_write_from_stand_on_the_pages(client: TestClient) -> None:
    page = html.unescape(client.get("/p/ward2023-convergence").text)
    for anchor in ("term:", "node:ye2021-global", "formula:%5CPhi_1" if "Phi_1$" in page else "formula:"):
        assert f"/p/ward2023-convergence?anchor={anchor}" in page
    assert "/p/ward2023-convergence?anchor=run%3Aagd-unbalanced%3F" in client.get("/lab/agd-unbalanced").text


def test_notes_are_found_by_their_words(client: TestClient, post: Post) -> None:
    post(f"{YE}/notes", {"body": "The quincunx lemma of Jovanović", "anchor": "term:polynomial"})
    post("/p/ward2023-convergence/notes", {"body": "Something else"})
    for words, count in (("quinc LEMMA", 1), ("jovanovic", 1), ("polynomial", 1), ("lemma else", 0), ("", 2)):
        assert len(client.get("/notes.json", params={"q": words}).json()) == count, words
    assert "quincunx" in client.get("/notes?q=quin").text
    assert "No note has these words" in client.get("/notes?q=zzz").text
    assert [paper["slug"] for paper in client.get("/library.json?q=note:quincunx").json()["papers"]] == [
        "ye2021-global"
    ]


def test_a_note_shows_formulas_links_and_lists_and_no_markup(client: TestClient, post: Post) -> None:
    body = "See $x^2$ at https://example.org/a_(b).\n\n- <script>alert(1)</script>\n- [here](http://example.org)\n"
    post(f"{YE}/notes", {"body": body + "- javascript:alert(1) [x](javascript:alert(1))"})
    shown = client.get("/notes").text
    note = shown[shown.index("<article") : shown.index("</article>")]
    assert '<span class="math inline" data-tex="x^2">$x^2$</span>' in note
    assert '<a href="https://example.org/a_(b)" rel="noopener noreferrer">https://example.org/a_(b)</a>.' in note
    assert (
        '<a href="http://example.org" rel="noopener noreferrer">here</a> <span class="host">(example.org)</span>'
        in note
    )
    assert note.count("<li>") == 3
    assert "<script" not in note
    assert not re.search(r'href="(?!https?://|/)', note)


def test_two_windows_on_a_note(client: TestClient, post: Post) -> None:
    post(f"{YE}/notes", {"body": "as it was"})
    change = f"{YE}/notes/1"
    assert post(change, {"body": "first", "version": "1"}).status_code == 303
    answer = post(change, {"body": "second", "version": "1"})
    assert answer.status_code == 409
    assert "first" in answer.text
    assert "second" in answer.text
    assert post(change, {"do": "delete", "version": "1"}).status_code == 409
    assert client.get("/notes.json").json()[0]["body"] == "first"
    assert post(change, {"body": "both", "version": "2"}).status_code == 303
    assert post(change, {"body": "x", "version": "٣"}).status_code == 400
    assert post(change, {"do": "delete", "version": "3"}).status_code == 303
    assert client.get("/notes.json").json() == []
