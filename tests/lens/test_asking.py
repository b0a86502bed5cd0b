"""The one place that sends requests: its pace, its caps, and what it makes of every kind of answer."""

from __future__ import annotations

import email.utils
import gzip
import logging
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from lens_import import asker_of
from stub_sources import Answer, FakeTime, World, as_json, atom, served, small_world

from lopside.errors import FileError
from lopside.lens.sources import arxiv_records, semantic_scholar
from lopside.lens.sources.asking import Asker, Failed
from lopside.lens.sources.hosts import SOURCES
from lopside.lens.sources.identifiers import Identifier
from lopside.lens.sources.keys import Keys
from lopside.lens.sources.pacing import Clock, Paused, Stopped
from lopside.lens.store.database import Library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.db")


PAPER = Identifier("arxiv", "2106.14289")


def records(library: Library, *faults: Any, world: World | None = None) -> tuple[list[dict[str, Any]], float, int]:
    """Ask arXiv for a paper; return what came, the seconds it took, and how many requests."""
    world = world or small_world()
    world.faults += faults
    with asker_of(library, world) as (asker, passing):
        found = arxiv_records.records(asker, ["2106.14289"])
        return found, passing.slept, len(world.asked)


def log(library: Library) -> list[tuple[Any, ...]]:
    with library.reading() as db:
        return [tuple(row) for row in db.execute("SELECT source, status, said FROM request_log ORDER BY pk")]


def test_a_record_of_arxiv(library: Library) -> None:
    (facts,), _, _ = records(library)
    assert facts["title"] == "Global Convergence of Gradient Descent for Asymmetric Low-Rank Matrix Factorization"
    assert facts["authors"] == ["Tian Ye", "Simon S. Du"]
    assert (facts["published"], facts["updated"], facts["version"]) == ("2021-06-27", "2021-12-01", 2)
    assert facts["categories"] == ["cs.LG", "math.OC"]
    assert facts["abstract"] == r"We study $\min_{U,V} \|UV^\top - \Sigma\|_F^2$ of rank $r < n$ & more."
    assert facts["ids"] == {"arxiv": "2106.14289"}


def test_requests_keep_the_pace_of_their_source(library: Library) -> None:
    with asker_of(library, small_world()) as (asker, passing):
        for _ in range(4):
            arxiv_records.records(asker, ["2106.14289"])
        assert passing.slept == pytest.approx(9.0)
        for _ in range(3):
            semantic_scholar.papers(asker, [PAPER])
        assert passing.slept == pytest.approx(11.0)


def test_the_pace_is_real_and_shared_by_two_programs(tmp_path: Path) -> None:
    world = small_world()
    with served(world) as address:
        askers = [
            Asker(Library(tmp_path / "library.db"), Clock(), stubs={"arxiv": address}, pace={"arxiv": 0.15})
            for _ in range(2)
        ]
        for turn in range(4):
            arxiv_records.records(askers[turn % 2], ["2106.14289"])
    times = [at for *_, at in world.asked]
    assert times[-1] - times[0] > 0.4  # three times the pace, less what a busy machine shifts
    assert min(b - a for a, b in zip(times, times[1:], strict=False)) > 0.05
    assert times[-1] - times[0] < 3


def test_a_short_retry_after_is_waited_for(library: Library) -> None:
    found, slept, asked = records(library, Answer(429, headers={"retry-after": "2"}))
    assert (len(found), asked) == (1, 2)
    assert slept == pytest.approx(3.0)  # arXiv's own pace is longer
    found, slept, asked = records(library, Answer(503, headers={"retry-after": "40"}))
    assert slept >= 40


def test_retry_after_may_be_a_date(library: Library) -> None:
    when = email.utils.formatdate(FakeTime().at + 30, usegmt=True)
    _, slept, _ = records(library, Answer(429, headers={"retry-after": when}))
    assert slept == pytest.approx(30.0, abs=1.5)


def test_three_retries_at_most(library: Library) -> None:
    with pytest.raises(Failed, match="too many requests now"):
        records(library, *[Answer(429, headers={"retry-after": "5"})] * 9)
    assert len(log(library)) == 4


def test_a_long_retry_after_pauses_everybody_and_nobody_sleeps(tmp_path: Path, library: Library) -> None:
    world = small_world()
    world.faults = [Answer(429, headers={"retry-after": "54000"})]
    with asker_of(library, world) as (asker, passing):
        with pytest.raises(Paused) as paused:
            arxiv_records.records(asker, ["2106.14289"])
        assert paused.value.until == pytest.approx(passing.at + 54_000)
        other = Asker(Library(tmp_path / "library.db"), asker.clock, stubs={"arxiv": asker.base("arxiv")})
        with pytest.raises(Paused):
            arxiv_records.records(other, ["2106.14289"])
        assert len(world.asked) == 1
        assert passing.slept == 0
        passing.at += 54_001
        assert arxiv_records.records(other, ["2106.14289"])


@pytest.mark.parametrize("fault", [Answer(500), Answer(502), Answer(503), Answer(200, b"Rate exceeded.", "text/plain")])
def test_faults_of_the_other_side_are_tried_three_times(library: Library, fault: Answer) -> None:
    _, slept, asked = records(library, fault, fault)
    assert asked == 3
    assert slept > 6
    with pytest.raises(Failed):
        records(library, *[fault] * 3)


def test_a_connection_that_breaks_is_tried_again(library: Library) -> None:
    def broken(handler: Any) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    assert records(library, broken)[2] == 2
    short = Answer(200, b"<feed>", "application/atom+xml", {"content-length": "5000"})
    assert records(library, short)[2] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418])
def test_a_refusal_is_not_repeated(library: Library, status: int) -> None:
    with pytest.raises(Failed, match=f"refused \\({status}"):
        records(library, Answer(status, b"no", "text/plain"))
    assert len(log(library)) == 1


def test_what_arxiv_says_of_a_refusal_is_told(library: Library) -> None:
    with asker_of(library, small_world()) as (asker, _), pytest.raises(Failed, match="incorrect id format for bad1"):
        arxiv_records.records(asker, ["bad1"])


def test_an_error_entry_with_status_200_is_a_refusal(library: Library) -> None:
    from stub_sources import ERROR

    with pytest.raises(Failed, match="incorrect id format for 1"):
        records(library, atom(ERROR.format(bad="1")))


BOMB = b"""<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>&b;</title></entry></feed>"""
WHOLE = small_world().answer("GET", "/api/query?id_list=2106.14289", b"").body


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BOMB, "declarations"),
        (b"<!DOCTYPE feed SYSTEM 'file:///etc/passwd'><feed/>", "declarations"),
        (WHOLE[: len(WHOLE) // 2], "not whole"),
        (b"", "not whole"),
        (b"{}", "not whole"),
        (WHOLE.replace(b"2021-06-27T08:00:00Z", b"yesterday"), "cannot be read"),
        (WHOLE.replace(b"http://arxiv.org/abs/2106.14289v2", b"http://arxiv.org/abs/"), "without a number"),
    ],
)
def test_xml_that_is_not_right_is_refused(library: Library, body: bytes, said: str) -> None:
    with pytest.raises(Failed, match=said):
        records(library, Answer(200, body, "application/atom+xml"))


def test_a_wrong_type_is_refused(library: Library) -> None:
    with pytest.raises(Failed, match="text/html"):
        records(library, Answer(200, WHOLE, "text/html"))
    with asker_of(library, World([])) as (asker, _), pytest.raises(Failed, match="expected json"):
        asker.ask("s2", asker.base("s2") + "/api/query?id_list=1")


def test_answers_have_a_largest_size(library: Library) -> None:
    with pytest.raises(Failed, match="more than 8,000,000 bytes"):
        records(library, Answer(200, b" " * 15_000_000, "application/atom+xml"))
    began = time.monotonic()
    with pytest.raises(Failed, match="more than 8,000,000 bytes"):
        records(library, Answer(200, b"<feed>", "application/atom+xml", endless=True))
    assert time.monotonic() - began < 20
    squeezed = Answer(200, gzip.compress(b" " * 50_000_000), "application/atom+xml", {"content-encoding": "gzip"})
    with pytest.raises(Failed, match="more than 8,000,000 bytes"):
        records(library, squeezed)


def test_semantic_scholar_may_send_15_megabytes(library: Library) -> None:
    world = small_world()
    world.faults = [as_json({"offset": 0, "data": [], "filling": "x" * 15_000_000})]
    with asker_of(library, world) as (asker, _):
        assert semantic_scholar.page(asker, "references", PAPER, 0, 10) == ([], None)


def test_an_answer_that_drips_comes_to_an_end(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lopside.lens.sources.asking._WHOLE", 0.5)

    def dripping(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/atom+xml")
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass
        handler.close_connection = True

    began = time.monotonic()
    with pytest.raises(Failed, match="did not come to an end"):
        records(library, dripping)
    assert time.monotonic() - began < 5


def test_redirects_stay_on_their_host(library: Library) -> None:
    with pytest.raises(Failed, match=r"another host \(example.org\)"):
        records(library, Answer(302, headers={"location": "https://example.org/api/query"}))
    assert len(log(library)) == 1
    query = "/api/query?id_list=2106.14289"
    found, slept, asked = records(library, Answer(301, headers={"location": query}))
    assert (len(found), asked) == (1, 2)
    assert slept >= 3
    with pytest.raises(Failed, match="in a circle"):
        records(library, *[Answer(301, headers={"location": query})] * 9)


@pytest.mark.parametrize(
    "where", ["127.0.0.1", "10.0.0.7", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "0.0.0.0"]
)
def test_a_source_that_leads_into_this_network_is_not_asked(
    library: Library, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (where, 443))])
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: sent.append("sent"))
    with pytest.raises(Failed, match="private address"):
        arxiv_records.records(Asker(library), ["2106.14289"])
    assert sent == []


def test_only_https_and_only_known_hosts(library: Library) -> None:
    asker = Asker(library)
    assert [asker.base(source) for source in SOURCES] == ["https://export.arxiv.org", "https://api.semanticscholar.org"]


def test_waiting_ends_when_the_reader_stops_it(library: Library) -> None:
    with asker_of(library, small_world()) as (asker, passing):
        arxiv_records.records(asker, ["2106.14289"])
        asker.stopped = lambda: passing.slept >= 2
        with pytest.raises(Stopped):
            arxiv_records.records(asker, ["2106.14289"])


def test_semantic_scholar_with_nulls_everywhere(library: Library) -> None:
    rows = [
        {"citedPaper": None},
        {
            "citedPaper": {
                "paperId": None,
                "title": None,
                "authors": None,
                "externalIds": None,
                "year": None,
                "venue": None,
            }
        },
        {
            "citedPaper": {
                "paperId": "B" * 40,
                "title": "T",
                "authors": [None, {"name": None}],
                "externalIds": {"DOI": None},
            }
        },
        "junk",
        {"citedPaper": {"paperId": None, "title": "U", "year": "1999", "authors": [{"authorId": None, "name": "A B"}]}},
    ]
    world = small_world()
    world.faults = [
        as_json({"offset": 0, "data": rows}),
        as_json({"offset": 0, "data": None}),
        as_json([1]),
        as_json({}),
    ]
    with asker_of(library, world) as (asker, _):
        found = semantic_scholar.page(asker, "references", PAPER, 0, 10)
        assert [(one["title"], one["ids"], one["year"]) for one in found.papers] == [
            ("T", {"s2": "b" * 40}, None),
            ("U", {}, None),
        ]
        assert semantic_scholar.page(asker, "references", PAPER, 0, 10).papers == []
        with pytest.raises(Failed, match="expected a dict"):
            semantic_scholar.page(asker, "references", PAPER, 0, 10)
        assert semantic_scholar.page(asker, "references", PAPER, 0, 10).papers == []


def test_a_title_is_matched_with_its_odd_letters(library: Library) -> None:
    world = small_world()
    world.papers[0]["title"] = "Fast & robust: 100% of #1 λ?"
    with asker_of(library, world) as (asker, _):
        found = semantic_scholar.match(asker, "Fast & robust: 100% of #1 λ?")
        assert found is not None
        assert found["ids"] == {"arxiv": "2106.14289", "s2": "a" * 40, "corpus": "235658744"}
        assert semantic_scholar.match(asker, "zzz") is None
    assert "query=Fast+%26+robust%3A+100%25+of+%231+%CE%BB%3F&fields=" in world.asked[0][1]


def test_the_key_goes_to_its_host_and_nowhere_else(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SEMANTIC_SCHOLAR_API_KEY", "very-secret-1")
    caplog.set_level(logging.DEBUG)
    world = small_world()
    world.faults = [None, None, None, as_json({"error": "no"}, 403)]
    with asker_of(library, world, keys=Keys(None)) as (asker, _):
        semantic_scholar.page(asker, "citations", PAPER, 0, 10)
        semantic_scholar.papers(asker, [PAPER])
        arxiv_records.records(asker, ["2106.14289"])
        with pytest.raises(Failed) as failed:
            semantic_scholar.match(asker, "Global")
    given = [headers.get("x-api-key") for _, _, headers, _ in world.asked]
    assert given == ["very-secret-1", "very-secret-1", None, "very-secret-1"]
    assert "secret" not in caplog.text + str(failed.value) + repr(asker.__dict__)
    library.close()
    assert not any(b"very-secret" in path.read_bytes() for path in library.path.parent.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="rights are checked where there are any")
def test_a_file_with_keys_is_for_the_reader_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMANTIC_SCHOLAR_API_KEY", raising=False)
    assert Keys(tmp_path).headers("s2") == {}
    file = tmp_path / "keys.json"
    file.write_text('{"semantic_scholar": "abc"}', encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(FileError, match="0600"):
        Keys(tmp_path).headers("s2")
    file.chmod(0o600)
    assert Keys(tmp_path).headers("s2") == {"x-api-key": "abc"}
    assert Keys(tmp_path).headers("arxiv") == {}
    file.write_text("[", encoding="utf-8")
    with pytest.raises(FileError, match="cannot be read"):
        Keys(tmp_path).headers("s2")
