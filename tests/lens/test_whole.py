"""The whole library out and in again: equal, whatever is in it; and a file that does not fit changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from lopside.cli import main
from lopside.errors import FileError
from lopside.lens.app import create
from lopside.lens.importing.merging import merge
from lopside.lens.store import notes, own, papers, whole
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill

Post = Callable[..., Any]
TEXTS = st.text(min_size=1, max_size=30) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "\u202eevil",
        "' OR 1=1 --",
        '"',
        "\\input{x}",
        "\x00",
        "x" * 5000,
        "\n\r\n",
        "=1+1",
        "é",
    ]
)
SOME = st.none() | TEXTS
DAYS = st.none() | st.dates().map(lambda day: day.isoformat())
PAPERS = st.fixed_dictionaries(
    {
        "title": TEXTS,
        "authors": st.lists(TEXTS, max_size=3),
        "year": st.none() | st.integers(1500, 2200),
        "abstract": SOME,
        "digest": SOME,
        "venue": SOME,
        "licence": SOME,
        "published": DAYS,
        "version": st.none() | st.integers(1, 9),
        "categories": st.lists(TEXTS.map(lambda text: text[:50]), max_size=3, unique=True),
        "notes": st.lists(st.tuples(TEXTS, st.sampled_from(["", "term:a b", "formula:$"])), max_size=2),
        "tag": st.none() | TEXTS.map(own.tag_of),
        "own": st.none() | TEXTS.map(lambda text: text[:2000]),
        "reading": st.sampled_from(own.STATES),
    }
)


def filled(path: Path, found: list[dict[str, Any]], edges: list[tuple[int, int]]) -> Library:
    store = Library(path)
    with store.writing() as db:
        keys = [papers.put(db, facts, source="a test") for facts in found]
        for place, (facts, pk) in enumerate(zip(found, keys, strict=True)):
            db.execute("INSERT INTO paper_id VALUES ('arxiv', ?, ?), ('doi', ?, ?)", (f"1{place}", pk, f"2{place}", pk))
            for body, anchor in facts["notes"]:
                notes.add(db, pk, body, anchor)
            if facts["tag"]:
                own.tag(db, [pk], facts["tag"])
            own.read_as(db, pk, facts["reading"])
            own.summarize(db, pk, own.mark_of(None), facts["own"] or "")
        for one, other in edges:
            if max(one, other) < len(keys):
                papers.cite(db, keys[one], keys[other], source="a test")
        if len(keys) > 1:
            db.execute("INSERT INTO question VALUES (?, ?, 'alike', 'different')", (keys[0], keys[1]))
    return store


@settings(max_examples=60)
@given(st.lists(PAPERS, max_size=4), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
def test_what_goes_out_comes_in_the_same(
    tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, Any]], edges: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("whole")
    one, other = filled(folder / "one.db", found, edges), filled(folder / "other.db", found[:1], [])
    with one.reading() as db:
        text = whole.write(db)
    with other.writing() as db:
        assert whole.read(db, text.encode(), replace=True) == len(found)
    with other.reading() as db:
        assert whole.write(db) == text
        for facts in found:
            for body, _ in facts["notes"]:
                rows = db.execute("SELECT count(*) FROM paper_fts WHERE instr(notes, ?)", (body,)).fetchone()
                assert rows[0] >= 1 or "\0" in body
    one.close()
    other.close()


def test_the_built_in_library_through_the_forms(client: TestClient, post: Post) -> None:
    post("/p/ye2021-global/notes", {"body": "kept"})
    post("/p/ye2021-global/tags", {"tag": "kept too"})
    text = client.get("/export.json").text
    post("/p/ye2021-global/notes", {"body": "goes"})
    file = {"file": ("library.json", text, "application/json")}
    refused = post("/restore", files=file)
    assert refused.status_code == 400
    assert "may be replaced" in refused.text
    assert len(client.get("/notes.json").json()) == 2
    assert post("/restore", {"replace": "yes"}, files=file).headers["location"] == "/"
    assert client.get("/export.json").text == text
    assert [note["body"] for note in client.get("/notes.json").json()] == ["kept"]
    assert client.get("/library.json?q=note:kept").json()["count"] == 1
    assert client.get("/p/ye2021-global.json").json()["key_terms"]


def test_what_is_computed_is_computed_again(app: Any, client: TestClient, post: Post) -> None:
    def placed() -> set[str]:
        return {point["slug"] for topic in client.get("/map.json").json()["topics"] for point in topic["papers"]}

    before = placed()
    file = {"file": ("library.json", client.get("/export.json").content, "application/json")}
    assert post("/restore", {"replace": "yes"}, files=file).status_code == 303
    assert placed() == before
    assert len(before) > 2
    assert client.get("/p/ye2021-global/related.json").json()["computed"]
    path = str(app.state.store.path)
    assert main(["lens", "--library", path, "verify", "latest"]) == 0


MINE: dict[str, Callable[[Any, int], object]] = {
    "imported": lambda db, low: papers.put(
        db, {"title": "Mine", "authors": ["A. Nyone"], "abstract": "x"}, source="arXiv"
    ),
    "named only": lambda db, low: papers.put(db, {"title": "Mine", "authors": ["A. Nyone"]}, source="Semantic Scholar"),
    "citation": lambda db, low: papers.cite(db, low + 40, low + 62, source="x"),
    "answer": lambda db, low: db.execute("UPDATE question SET answer = 'different'"),
    "note": lambda db, low: notes.add(db, low + 1, "mine", ""),
    "tag": lambda db, low: own.tag(db, [low + 1], "mine"),
    "state": lambda db, low: own.read_as(db, low + 1, "read"),
    "summary": lambda db, low: own.summarize(db, low + 1, own.mark_of(None), "mine"),
    "merge": lambda db, low: merge(db, low + 1, low + 2, who="reader", why="mine"),
}


@pytest.mark.parametrize("what", MINE)
def test_what_a_library_did_not_begin_with_needs_leave_to_go(tmp_path: Path, what: str) -> None:
    store = Library(tmp_path / "library.db", fill)
    with store.reading() as db:
        data = whole.write(db).encode()
    with store.writing() as db:
        assert whole.read(db, data) == 62  # as it came: nothing to ask for
    with store.writing() as db:
        (low,) = db.execute("SELECT min(pk) - 1 FROM paper").fetchone()
        MINE[what](db, low)
    with store.reading() as db:
        before = whole.write(db)
    with pytest.raises(FileError, match="may be replaced"), store.writing() as db:
        whole.read(db, data)
    with store.reading() as db:
        assert whole.write(db) == before
    with store.writing() as db:
        assert whole.read(db, data, replace=True) == 62
    store.close()


DATED = dict.fromkeys(("created_at", "changed_at"), "2021-01-01")


def broken() -> dict[str, Callable[[dict[str, Any]], Any]]:
    def at(*path: str | int, to: Any) -> Callable[[dict[str, Any]], Any]:
        def change(whole: dict[str, Any]) -> dict[str, Any]:
            place: Any = whole
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = to
            return whole

        return change

    first = ("papers", 0)
    return {
        "list": lambda _: [],
        "number": lambda _: 7,
        "other format": at("format", to="lopside-corpus"),
        "newer": at("version", to=2),
        "further name": at("run", to="rm -rf"),
        "further in a paper": at(*first, "pk", to=1),
        "no title": at(*first, "title", to=""),
        "title a list": at(*first, "title", to=["x"]),
        "half a letter": at(*first, "title", to="\ud800"),
        "long title": at(*first, "title", to="x" * 1_000_001),
        "year true": at(*first, "year", to=True),
        "year 1": at(*first, "year", to=1),
        "year huge": at(*first, "year", to=10**400),
        "day": at(*first, "published", to="2021-99-99"),
        "week": at(*first, "published", to="2021-W01-1"),
        "slug with a way out": at(*first, "slug", to="../../etc/passwd"),
        "slug twice": at(*first, "slug", to="ye2021-global"),
        "state": at(*first, "reading", to="eaten"),
        "unhashable state": at(*first, "reading", to=["new"]),
        "author unknown": at(*first, "authors", to=[{"person": "nobody", "printed": "x"}]),
        "tags twice": at(*first, "tags", to=["a", "a"]),
        "identifier twice": at(*first, "ids", to=[{"scheme": "arxiv", "value": "2106.14289"}]),
        "note too long": at(*first, "notes", to=[{"anchor": "", "body": "x" * 65_537, "version": 1} | DATED]),
        "cites nobody": at("citations", 0, "cited", to="nobody"),
        "cites itself": lambda all: at("citations", 0, "cited", to=all["citations"][0]["citing"])(all),
        "cites twice": lambda all: at("citations", 0, to=all["citations"][1])(all),
        "question of none": at("questions", 0, to={}),
    }  # fmt: skip


RAW = {"nothing": b"", "bytes": b"\xff\xfe", "half": b'{"format": "lopside-library"', "deep": b"[" * 200_000}
RAW |= {"digits": b"1" * 10_000, "nan": b"NaN", "bib": b"@article{x, title={y}}"}


@pytest.mark.parametrize("name", [*broken(), *RAW])
def test_a_file_that_does_not_fit_changes_nothing(client: TestClient, post: Post, name: str) -> None:
    before = client.get("/export.json").text
    data = RAW[name] if name in RAW else json.dumps(broken()[name](json.loads(before))).encode()
    answer = post("/restore", {"replace": "yes"}, files={"file": ("x.json", data, "application/json")})
    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert client.get("/export.json").text == before


def test_what_a_file_lacks_is_named() -> None:
    with pytest.raises(FileError, match=r"got \['format'\] as the library; expected an object that has .*papers"):
        whole.understood(b'{"format": 1}')


def test_a_file_may_not_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "LARGEST", 100)
    store = Library(tmp_path / "library.db")
    with pytest.raises(FileError, match="at most 100"), store.writing() as db:
        whole.read(db, b" " * 101)
    store.close()


def test_restoring_needs_a_page_of_ours(client: TestClient) -> None:
    file = {"file": ("x.json", client.get("/export.json").content, "application/json")}
    assert client.post("/restore", data={"replace": "yes"}, files=file).status_code == 403
    answer = client.post("/restore", files=file, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 403


def test_out_and_in_by_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, other = str(tmp_path / "one.db"), str(tmp_path / "other.db")
    create(tmp_path / "one.db", port=8642).state.store.close()
    first, second = str(tmp_path / "first.json"), str(tmp_path / "second.json")
    assert main(["lens", "--library", one, "export", first]) == 0
    assert main(["lens", "restore", first, "--library", other]) == 0
    assert main(["lens", "--library", other, "export", second]) == 0
    assert Path(first).read_text("utf-8") == Path(second).read_text("utf-8")
    for ending in ("bib", "ris", "csl.json", "csv", "graphml"):
        assert main(["lens", "--library", one, "export", str(tmp_path / f"x.{ending}")]) == 0
        assert "Alternating Gradient Descent" in (tmp_path / f"x.{ending}").read_text("utf-8")
    capfd.readouterr()
    assert main(["lens", "--library", one, "export", str(tmp_path / "x.exe")]) == 3
    assert "expected a name that ends with" in capfd.readouterr().err
    assert main(["lens", "--library", one, "restore", str(tmp_path / "x.bib")]) == 3
    said = capfd.readouterr().err
    assert "no JSON" in said
    assert "Try another --library" not in said
    assert main(["lens", "--library", one, "restore", str(tmp_path / "none.json")]) == 3
