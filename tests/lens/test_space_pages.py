"""The map, related papers and search by meaning, as pages and as data."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lopside.lens.app import create
from lopside.lens.space.refreshing import refresh
from lopside.lens.store.database import Library
from tests.lens.spaces import of_papers, planted

PORT = 8642


def client_of(path: Path) -> TestClient:
    return TestClient(create(path, port=PORT), base_url=f"http://127.0.0.1:{PORT}")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    found = client_of(tmp_path_factory.mktemp("pages") / "library.db")
    found.get("/map")
    yield found
    found.app.state.store.close()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def cited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    path = tmp_path_factory.mktemp("cited") / "library.db"
    store = planted(path)
    refresh(store)
    store.close()
    found = client_of(path)
    yield found
    found.app.state.store.close()  # type: ignore[attr-defined]


def test_the_first_that_asks_has_it_computed(tmp_path: Path) -> None:
    """The page is there at once and says so; behind it, all is computed."""
    client = client_of(tmp_path / "library.db")
    first = client.get("/p/ye2021-global")
    assert first.status_code == 200
    assert "It is being computed" in first.text
    assert "It is being computed" not in client.get("/p/ye2021-global").text
    client.app.state.store.close()  # type: ignore[attr-defined]


def test_the_data_of_a_library_that_is_new(tmp_path: Path) -> None:
    client = client_of(tmp_path / "library.db")
    answer = client.get("/map.json")
    assert (answer.status_code, answer.json()) == (202, {"computed": False})
    assert client.get("/map.json").json()["computed"] is True
    client.app.state.store.close()  # type: ignore[attr-defined]


def test_the_map_says_what_it_is(client: TestClient) -> None:
    text = client.get("/map").text
    facts = client.get("/map.json").json()
    metrics = facts["run"]["metrics"]
    kept = round(100 * metrics["kept"][facts["rank"] - 1])
    assert f"62 papers, {metrics['shape'][1]} terms; rank {facts['rank']} keeps {kept} % of the energy" in text
    assert "60 papers are placed by their titles alone" in " ".join(text.split())
    assert f"lopside lens verify {facts['run']['pk']}" in text
    assert facts["run"]["corpus"][:16] in text
    assert "Eckart–Young gap" in text


def test_the_outline_is_an_equal_alternative(client: TestClient) -> None:
    text = client.get("/map").text
    drawn = re.findall(r'<a href="/p/([^"]+)" class="node', text)
    outline = re.findall(r'<li><a class="tex" href="/p/([^"]+)"', text)
    assert len(drawn) == len(outline) == 62
    assert set(drawn) == set(outline)
    topics = client.get("/map.json").json()["topics"]
    assert sum(len(topic["papers"]) for topic in topics) == 62
    for topic in topics:
        assert topic["name"] in text


def test_rank_and_number_of_topics_are_asked_for(client: TestClient) -> None:
    assert len(client.get("/map.json?topics=12").json()["topics"]) > len(
        client.get("/map.json?topics=6").json()["topics"]
    )
    assert client.get("/map.json?k=5").json()["rank"] == 5
    for strange in ("k=-1", "k=x", "k=99999999999", "topics=0", "topics=9999", "k=%00", "topics=²"):
        answer = client.get(f"/map?{strange}")
        assert answer.status_code == 200
        assert "Map of the library" in answer.text


def test_a_map_of_few_papers_is_a_sentence(tmp_path: Path) -> None:
    store = of_papers(tmp_path / "few.db", [{"title": f"Descent of matrices {i}", "slug": f"p{i}"} for i in range(11)])
    refresh(store)
    store.close()
    client = client_of(tmp_path / "few.db")
    text = client.get("/map").text
    assert "Nothing is drawn: 11 of 11 papers" in text
    assert "<svg viewBox" not in text
    client.app.state.store.close()  # type: ignore[attr-defined]


def test_the_numbers_on_the_page_add_up(client: TestClient) -> None:
    for query in ("", "?k=2", "?k=64", "?k=8"):
        text = client.get(f"/p/ye2021-global{query}").text
        block = text[text.index('id="near"') :]
        block = block[: block.index("</ol>")]
        rows = re.findall(r'class="score">([\d.]+)</span>\s*<span class="why">([^<;]*)', block)
        assert len(rows) == 8
        for score, why in rows:
            parts = [float(part) for part in re.findall(r"(-?\d\.\d\d)(?: \+|$)", why.strip())]
            assert round(sum(parts), 2) == float(score)


def test_related_as_data(client: TestClient) -> None:
    found = client.get("/p/ye2021-global/related.json?k=8").json()
    assert found["rank"] == 8
    assert client.get("/p/ye2021-global/related.json").json()["rank"] == found["usual"]
    for paper in found["papers"]:
        assert sum(reason["score"] for reason in paper["reasons"]) == pytest.approx(paper["score"], abs=1e-9)
    assert client.get("/p/nobody/related.json").status_code == 404


def test_the_block_of_missing_links_refuses_with_the_numbers(client: TestClient) -> None:
    text = client.get("/p/ye2021-global").text
    assert "Needs reference lists of at least 30 papers; stored: 1. Import references." in text
    assert "predicted" not in text


def test_missing_links_are_shown_with_their_hit_rate(cited: TestClient) -> None:
    store: Library = cited.app.state.store  # type: ignore[attr-defined]
    with store.reading() as db:
        slug = db.execute(
            "SELECT slug FROM link_guess JOIN paper ON pk = citing GROUP BY 1 ORDER BY count(*) DESC, 1"
        ).fetchone()[0]
    text = cited.get(f"/p/{slug}").text
    assert "predicted (" in text
    assert 'guess" data-from' in text
    assert "Adamic–Adar" in text
    assert "the best of the other ways is" in text
    guessed = re.findall(r'perhaps (?:cites this|cited here)"><title>', text)
    assert 1 <= len(guessed) <= 5


def test_related_by_citations(cited: TestClient) -> None:
    text = cited.get("/p/g1-p040?by=both&w=30").text
    assert "citations 0." in text
    assert re.search(r'name="w"[^>]*value="30"', text)
    found = cited.get("/p/g1-p040/related.json?by=citations").json()
    assert found["way"] == "citations"
    assert cited.get("/p/g1-p040/related.json?by=nonsense&w=900").json()["way"] == "text"


def test_what_is_near_in_meaning_is_a_block_of_its_own(client: TestClient) -> None:
    text = client.get("/?q=tensor").text
    assert text.index('class="papers"') < text.index("Near in meaning")
    assert "Near in meaning" not in client.get("/").text
    assert "Near in meaning" not in client.get("/?q=author:du").text
    assert "Near in meaning" not in client.get("/?q=xyzzyplugh").text


def test_hostile_titles_on_the_map(tmp_path: Path) -> None:
    titles = [f"<script>alert({i})</script> descent \u202e matrix \"'>" for i in range(14)]
    store = of_papers(tmp_path / "hostile.db", [{"title": title, "slug": f"p{i}"} for i, title in enumerate(titles)])
    refresh(store)
    store.close()
    client = client_of(tmp_path / "hostile.db")
    for path in ("/map", "/p/p3", "/?q=descent"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
    client.app.state.store.close()  # type: ignore[attr-defined]


def test_the_pages_of_the_map_are_quick(client: TestClient) -> None:
    client.get("/map")
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        client.get("/map")
        client.get("/p/ye2021-global/related.json")
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.5
