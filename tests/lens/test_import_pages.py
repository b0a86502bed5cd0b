"""The pages of imports and merges: plan, consent, progress, questions; and silence while nothing was agreed to."""

from __future__ import annotations

import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lens_import import dump
from starlette.testclient import TestClient
from stub_sources import Answer, FakeTime, World, served, small_world

from lopside.cli import main
from lopside.lens.app import create
from lopside.lens.sources.asking import Asker
from lopside.lens.sources.pacing import Clock
from lopside.lens.store.database import Library

HOST = "http://127.0.0.1:8642"


class Room(NamedTuple):
    """A reading room before a stub world."""

    client: TestClient
    world: World
    path: Path

    def post(self, path: str, status: int = 303, **fields: Any) -> str:
        files = {"file": fields.pop("file")} if "file" in fields else None
        token = re.search(r'name="lens-token" content="([^"]+)"', self.client.get("/about").text)
        assert token
        answer = self.client.post(
            path,
            data={"token": token[1], **fields},
            files=files,
            headers={"sec-fetch-site": "same-origin"},
            follow_redirects=False,
        )
        assert answer.status_code == status, answer.text
        return answer.headers.get("location", answer.text)

    def finished(self) -> None:
        assert self.client.app.state.runner.wait(30)  # type: ignore[attr-defined]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    world, passing = small_world(), FakeTime()
    with served(world) as address:

        def asker(library: Library) -> Asker:
            return Asker(library, Clock(passing.now, passing.sleep), stubs={"arxiv": address, "s2": address})

        path = tmp_path / "library.db"
        app = create(path, port=8642, asker=asker)
        yield Room(TestClient(app, base_url=HOST), world, path)
        app.state.runner.stop()
        app.state.store.close()


def test_a_plan_is_shown_and_nothing_is_asked_before_consent(room: Room) -> None:
    at = room.post("/import", text="2106.14289\n10.1000/first\nwhat?", records="yes", references="yes", most="50")
    page = room.client.get(at).text
    assert "arXiv 2 requests to export.arxiv.org, about 6 s" in page
    assert "Semantic Scholar 3 requests to api.semanticscholar.org, about 3 s" in page
    assert 'href="/p/ye2021-global"' in page
    assert "Line 3, <q>what?</q>" in page
    assert "2106.14289\n10.1000/first\nwhat?</textarea>" in page
    as_json = room.client.get(at + ".json").json()
    assert as_json["state"] == "planned"
    assert [row["slug"] for row in as_json["rows"]] == ["ye2021-global", None]
    assert room.world.asked == []


def test_after_consent_it_runs_and_tells(room: Room) -> None:
    at = room.post("/import", text="2106.14289\n2101.99999", records="yes", references="yes", citations="yes")
    assert room.post(at, do="go") == at
    room.finished()
    told = room.client.get(at + ".json").json()
    assert (told["state"], told["told"], told["made"]) == ("done", "Done.", 3)
    page = room.client.get(at).text
    assert "arXiv does not know arXiv 2101.99999" in page
    assert "<progress" in page
    assert room.post(at, do="go") == at  # a second click
    shown = room.client.get("/p/ye2021-global").text
    assert "The authors&#39; words, quoted from arXiv" in shown or "The authors' words, quoted from arXiv" in shown
    assert "Refresh from arXiv" in shown
    log = room.client.get("/import.json").json()["requests"]
    assert [(row["source"], row["status"]) for row in log[-1:]] == [("arxiv", 200)]
    assert "/api/query?" in room.client.get("/import").text


def test_getting_pages_changes_nothing(room: Room) -> None:
    at = room.post("/import", text="2106.14289", records="yes")
    before = dump(room.path, ("job", "job_item", "request_log", "merge_log", "source_state"))
    for path in ("/import", "/import?text=2106.14289", at, at + ".json", "/import.json", "/merges", "/merges.json"):
        assert room.client.get(path).status_code == 200
    for path in ("/import/99", "/import/99.json", "/import/99999999999999999999999"):
        assert room.client.get(path).status_code == 404
    assert dump(room.path, ("job", "job_item", "request_log", "merge_log", "source_state")) == before


def test_what_is_not_understood_stays_in_the_form(room: Room) -> None:
    page = room.post("/import", 422, text="<script>\n<i>x</i>")
    assert "&lt;script&gt;\n&lt;i&gt;x&lt;/i&gt;</textarea>" in page
    assert "Line 1" in page
    assert "nothing was given" in room.post("/import", 422, text="")


def test_a_file_can_be_given(room: Room) -> None:
    bib = "@article{a, title={Über Größe}, author={Müller, Jürgen}, year=2020}"
    at = room.post("/import", file=("refs.bib", bib.encode("latin-1"), "text/plain"), text="")
    assert "Nothing has to be asked of anybody" in room.client.get(at).text
    room.post(at, do="go")
    room.finished()
    assert "Jürgen Müller" in room.client.get("/p/muller2020-groe").text or "Jürgen Müller" in room.client.get("/").text
    assert room.world.asked == []
    room.post("/import", 413, file=("refs.bib", b"@" * 5_000_001, "text/plain"), text="")


def test_a_long_pause_is_shown_and_a_stopped_program_leaves_a_job_to_continue(room: Room, tmp_path: Path) -> None:
    at = room.post("/import", text="2106.14289", records="yes", references="yes")
    with sqlite3.connect(room.path) as db:
        db.execute("INSERT INTO source_state VALUES ('arxiv', 0, 1e11)")
    db.close()
    room.client.app.state.runner.asker.clock = Clock(FakeTime().now, lambda _: time.sleep(0.01))  # type: ignore
    room.post(at, do="go")
    for _ in range(400):
        told = room.client.get(at + ".json").json()
        if told["state"] == "waiting":
            break
    assert "arXiv asks to wait. It continues at" in told["told"]
    assert "by itself" in told["told"]
    room.client.app.state.runner.stop()  # type: ignore[attr-defined]
    page = room.client.get(at).text
    assert "once you press Continue" in page
    assert 'value="go">Continue' in page


def test_questions_are_answered_and_merges_undone(room: Room) -> None:
    before = dump(room.path)
    page = room.client.get("/merges").text
    assert page.count('class="question"') == 1
    pair = room.client.get("/merges.json").json()["questions"][0]
    room.post("/questions", 400, one=pair["one"], other=pair["other"], answer="perhaps")
    room.post("/questions", one=pair["one"], other=pair["other"], answer="same")
    room.post("/questions", 404, one=pair["one"], other=pair["other"], answer="same")
    answer = room.client.get("/p/lee2022-escaping", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/p/lee2022-accelerating")
    merge = room.client.get("/merges.json").json()["merges"][0]
    room.post(f"/merges/{merge['pk']}")
    assert "undone before" in room.post(f"/merges/{merge['pk']}", 409)
    assert room.client.get("/p/lee2022-escaping", follow_redirects=False).status_code == 200
    assert dump(room.path) == before
    room.post("/questions", one=pair["one"], other=pair["other"], answer="different")
    assert "None is open" in room.client.get("/merges").text


def test_a_paper_that_misses_something_leads_to_an_import(room: Room) -> None:
    page = room.client.get("/p/lee2022-escaping").text
    link = re.search(r'href="(/import\?text=[^"]+)"', page)
    assert link
    form = room.client.get(link[1].replace("&amp;", "&")).text
    assert "Escaping Spurious Local Minima" in form
    assert "arXiv:2204.14067" in room.client.get("/import?text=arXiv%3A2204.14067").text


def test_foreign_pages_cannot_start_an_import(room: Room) -> None:
    at = room.post("/import", text="2106.14289", records="yes")
    for headers in ({}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-origin"}):
        assert room.client.post(at, data={"do": "go"}, headers=headers).status_code == 403
    assert room.client.get(at + ".json").json()["state"] == "planned"


def test_offline_no_page_opens_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create(tmp_path / "library.db", port=8642)
    room = Room(TestClient(app, base_url=HOST), World([]), tmp_path)
    planned = room.post(
        "/import", text="2106.14289\nhttp://127.0.0.1:1/x\nSome title here", records="yes", citations="yes"
    )

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    seen, waiting = set[str](), ["/", "/lab", "/notes", "/about", "/import", "/merges", planned, planned + ".json"]
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 400:
            continue
        seen.add(path)
        answer = room.client.get(path)
        assert answer.status_code < 500, path
        if "html" in answer.headers.get("content-type", ""):
            waiting += [link.replace("&amp;", "&") for link in re.findall(r'(?:href|src)="(/[^"#]*)', answer.text)]
    assert len(seen) > 100
    app.state.store.close()


def test_the_command_says_its_plan_and_continues_what_was_paused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPSIDE_HOME", str(tmp_path))
    assert main(["lens", "import", "2106.14289", "??"]) == 2
    said = capsys.readouterr().err
    assert "arXiv 2106.14289: stored as ye2021-global" in said
    assert "Line 2: ??: neither" in said
    assert "Requests at most: arXiv 1, about 3 s, export.arxiv.org; Semantic Scholar 1, about 1 s" in said
    assert "Try --yes" in said
    assert main(["lens", "import", "??"]) == 3
    assert main(["lens", "import", "--resume"]) == 0
    assert "Nothing is left to do" in capsys.readouterr().err

    world = small_world()
    world.faults = [Answer(429, headers={"retry-after": "54000"})]
    with served(world) as address:
        monkeypatch.setattr(Asker, "base", lambda *_: address)
        monkeypatch.setattr(Asker, "_require_public", lambda *_: None)
        assert main(["lens", "import", "2106.14289", "--yes", "--no-references"]) == 0
        said = capsys.readouterr().err
        assert "arXiv asks to wait. It continues at" in said
        assert "--resume" in said
        with sqlite3.connect(tmp_path / "library.db") as db:
            db.execute("UPDATE source_state SET paused_until = 0, next_at = 0")
        db.close()
        assert main(["lens", "import", "--resume"]) == 0
        assert "Done. 0 new, 1 changed." in capsys.readouterr().err
