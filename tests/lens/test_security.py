"""Who is answered, what changes something, and what is in every answer."""

from __future__ import annotations

import hashlib
import html
import json
import re
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from lens_pages import FILES, PAGES, addresses
from starlette.routing import Match, Route
from starlette.testclient import TestClient

from lopside.lens.security import HEADERS, POLICY

LENS = files("lopside.lens")
READ = addresses(PAGES) | addresses(FILES)
WRITES = {
    "/p/ye2021-global/notes": {"body": "kept"},
    "/p/ye2021-global/tags": {"tag": "mine"},
    "/p/ye2021-global/reading": {"reading": "read"},
    "/p/ye2021-global/summary": {"body": "in my words"},
    "/selected/tag": {"p": "ye2021-global", "tag": "mine"},
    "/questions": {"one": "lee2022-accelerating", "other": "lee2022-escaping", "answer": "different"},
    "/import": {"text": "arXiv:2106.14289"},
    "/import/1": {"do": "cancel"},
    "/merges/1": {},
    "/restore": {},
    "/lab/agd-unbalanced": {"m": "10", "n": "10", "r": "1", "d": "1", "steps": "5", "runs": "1"},
}
"""Every address that is posted to, with what it takes."""

MULTIPART = "multipart/form-data; boundary=x"
OURS = {"sec-fetch-site": "same-origin"}


COMPUTED = ('INSERT INTO "run"', 'INSERT INTO "run_part"', 'INSERT INTO "link_guess"', 'INSERT INTO "sqlite_sequence"')
"""What the engine computes of the papers when it is first wanted: no more than a cache."""


def contents(path: Path) -> list[str]:
    with sqlite3.connect(path) as db:
        found = [line for line in db.iterdump() if not line.startswith(COMPUTED)]
    db.close()
    return found


@pytest.fixture
def token(client: TestClient) -> str:
    found = re.search(r'name="lens-token" content="([^"]+)"', client.get("/about").text)
    assert found is not None
    return found[1]


def routes(app: Any, method: str) -> Iterator[Route]:
    return (route for route in app.routes if isinstance(route, Route) and method in (route.methods or ()))


@pytest.mark.parametrize(("method", "known"), [("GET", list(READ.values())), ("POST", list(WRITES))])
def test_every_route_is_among_those_that_tests_walk(app: Any, method: str, known: list[str]) -> None:
    elsewhere = {"/p/{slug}/notes/{pk:int}"}  # changed and taken away in the browser
    for route in routes(app, method):
        scopes = [{"type": "http", "method": method, "path": path.partition("?")[0]} for path in known]
        walked = any(route.matches(scope)[0] is Match.FULL for scope in scopes)
        assert walked or route.path in elsewhere, f"{route.path} has no line in tests/lens_pages.py or here"


@pytest.mark.parametrize("host", ["evil.example:8642", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8642", "", "[::1]"])
def test_other_hosts_are_not_answered(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert HEADERS.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "LocalHost:8642", "[::1]:8642"])
def test_its_own_names_are(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8642"},
    {"origin": "http://evil.example"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "https://127.0.0.1:8642"},
    {"origin": "null"},
    {},
]


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_other_sites_change_nothing(
    client: TestClient, token: str, tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    before = contents(tmp_path / "library.db")
    answer = client.post(path, data=WRITES[path] | {"token": token}, headers=headers, follow_redirects=False)
    assert answer.status_code == 403
    assert contents(tmp_path / "library.db") == before


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("given", [None, "", "x", "é\ud800".encode("utf-8", "replace").decode(), "0" * 100_000])
def test_without_the_token_nothing_changes(client: TestClient, tmp_path: Path, path: str, given: str | None) -> None:
    before = contents(tmp_path / "library.db")
    fields = WRITES[path] | ({} if given is None else {"token": given})
    answer = client.post(path, data=fields, headers=OURS, follow_redirects=False)
    assert answer.status_code == 403
    assert "reload" in answer.text
    assert contents(tmp_path / "library.db") == before


def test_an_old_browser_is_known_by_its_origin(client: TestClient, token: str) -> None:
    path, fields = next(iter(WRITES.items()))
    headers = {"origin": "http://127.0.0.1:8642"}
    answer = client.post(path, data=fields | {"token": token}, headers=headers, follow_redirects=False)
    assert answer.status_code == 303


def test_reading_changes_nothing(client: TestClient, tmp_path: Path) -> None:
    before = contents(tmp_path / "library.db")
    for path in READ.values():
        for method in ("GET", "HEAD"):
            assert client.request(method, path, follow_redirects=False).status_code in (200, 307, 404), path
    assert contents(tmp_path / "library.db") == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X" * 50])
def test_there_are_two_methods(client: TestClient, method: str) -> None:
    for path in ("/", "/p/ye2021-global", "/static/lens.css", "/nothing"):
        assert client.request(method, path, headers=OURS).status_code == 405


def test_posts_go_to_forms_only(client: TestClient, token: str) -> None:
    for path in READ.values():
        if path.partition("?")[0] not in WRITES and not path.startswith("/lab/"):
            answer = client.post(path, data={"token": token}, headers=OURS, follow_redirects=False)
            assert answer.status_code in (404, 405), path


def test_every_answer_carries_the_policy_and_no_cookie(client: TestClient, token: str) -> None:
    answers = [client.get(path, follow_redirects=False) for path in READ.values()]
    answers += [client.get(path) for path in ("/static/lens.css", "/static/nothing", "/p/nothing", "/p/x/notes")]
    answers += [client.get("/", headers={"host": "x"}), client.delete("/"), client.post("/lab", headers=OURS)]
    answers += [client.post(path, headers=OURS, data=fields) for path, fields in WRITES.items()]
    answers += [
        client.post(path, headers=OURS, data=fields | {"token": token}, follow_redirects=False)
        for path, fields in WRITES.items()
    ]
    assert {answer.status_code for answer in answers} >= {200, 303, 307, 403, 404, 405, 421}
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items(), answer.url
        assert "set-cookie" not in answer.headers
        assert "server" not in answer.headers


def test_a_fault_tells_no_secrets_and_carries_the_policy(app: Any, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lopside.lens.pages.about.files", lambda _: 1 / 0)
    client = TestClient(app, base_url="http://127.0.0.1:8642", raise_server_exceptions=False)
    answer = client.get("/about")
    assert answer.status_code == 500
    assert "The fault is in Lens" in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert HEADERS.items() <= dict(answer.headers).items()


def test_the_policy_lets_no_foreign_script_in() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == rules["form-action"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["trusted-types"] == rules["base-uri"] == rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert "unsafe-eval" not in POLICY


@pytest.mark.parametrize("path", ["/p/ye2021-global/notes", "/lab/agd-unbalanced", "/nothing"])
def test_bodies_are_limited_as_declared(client: TestClient, token: str, path: str) -> None:
    answer = client.post(path, content=b"x" * 1_000_001, headers=OURS)
    assert answer.status_code == 413
    for length in ("-1", "1e3", "9" * 30, "9" * 5000):
        answer = client.post(path, content=b"", headers=OURS | {"content-length": length})
        assert answer.status_code == 413


def test_bodies_are_limited_as_they_come(app: Any, client: TestClient, token: str, tmp_path: Path) -> None:
    """A body that does not say how long it is."""
    before = contents(tmp_path / "library.db")
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield f"token={token}&body=".encode()
        for _ in range(1000):
            taken += 1
            yield b"x" * 10_000

    headers = OURS | {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/p/ye2021-global/notes", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert contents(tmp_path / "library.db") == before


def test_too_many_changes_in_a_second_are_refused(client: TestClient, token: str) -> None:
    path, fields = next(iter(WRITES.items()))
    codes = [client.post(path, data=fields | {"token": token}, headers=OURS, follow_redirects=False) for _ in range(25)]
    assert [answer.status_code for answer in codes[:20]] == [303] * 20
    assert codes[-1].status_code == 429
    assert codes[-1].headers["retry-after"] == "1"


def test_static_files_are_those_of_the_list(client: TestClient) -> None:
    for path in (
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/",
        "/static/%00", "/static/vendor", "/static/vendor/", "/static/lens.css/",
        "/static/vendor/..%5c..%5capp.py",
    ):  # fmt: skip
        assert client.get(path).status_code == 404, path
    found = client.get("/static/lens.css")
    assert found.status_code == 200
    assert found.headers["x-content-type-options"] == "nosniff"


def test_a_file_is_sent_once_and_packed(client: TestClient) -> None:
    found = client.get("/static/vendor/katex.js", headers={"accept-encoding": "gzip"})
    assert found.headers["content-encoding"] == "gzip"
    assert int(found.headers["content-length"]) < len(found.content) / 3
    assert found.content == client.get("/static/vendor/katex.js", headers={"accept-encoding": ""}).content
    again = client.get("/static/vendor/katex.js", headers={"if-none-match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "immutable" not in found.headers["cache-control"]
    marked = re.search(r"/static/lens\.css\?\w+", client.get("/").text)
    assert marked is not None
    assert "immutable" in client.get(marked[0]).headers["cache-control"]


def test_vendored_files_are_those_of_their_lock() -> None:
    vendor = LENS.joinpath("static/vendor")
    lock = json.loads(vendor.joinpath("lock.json").read_text("utf-8"))
    assert isinstance(vendor, Path)
    there = {path.relative_to(vendor).as_posix() for path in vendor.rglob("*") if path.is_file()}
    assert there == {*lock["files"], "lock.json"}
    for name, digest in lock["files"].items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
    assert all(part["name"] and part["version"] and part["licence"] for part in lock["packages"])


SCRIPT_SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(['\"`]|srcdoc|"
    r"createContextualFragment|DOMParser|parseHTML|\.html\(|setHTML|importScripts|javascript:|https?://(?!arxiv\.org/)"
)
MARKUP_SINKS = re.compile(
    r"\|\s*safe\b|Markup|autoescape|\son\w+\s*=|<script(?![^>]*\ssrc=|[^>]*application/json)|javascript:|<iframe|<object|"
    r"<embed|<base\b|<style|http-equiv|(?:src|href)=\"(?:https?:)?//(?!arxiv\.org/|doi\.org/|www\.semanticscholar\.org\")",
    re.IGNORECASE,
)


def ours(folder: str, ending: str) -> list[Path]:
    root = LENS.joinpath(folder)
    assert isinstance(root, Path)
    return [path for path in sorted(root.rglob(f"*{ending}")) if "vendor" not in path.parts]


@pytest.mark.parametrize("path", ours("static", ".js"), ids=lambda path: path.name)
def test_no_script_makes_markup_of_text(path: Path) -> None:
    assert SCRIPT_SINKS.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", ours("templates", ".*"), ids=lambda path: path.name)
def test_no_template_lets_text_through_as_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    if path.suffix == ".svg":  # a picture is a document of its own, with a style sheet that nothing is put into
        text = re.sub(r"<style>[^{}]*(?:\{[^{}%]*(?:\{[^{}%]*\}[^{}%]*)*\}[^{}]*)*</style>", "", text)
    assert MARKUP_SINKS.findall(text) == []
    # An attribute without quotes ends at a blank, so it may not be made of foreign text.
    assert re.findall(r"\s[\w-]+=\{\{", text) == []
    # The style attribute carries numbers, nothing else.
    number = r"[\w-]+:\{\{[^}]*(round|format)[^}]*\}\}(%|px)?"
    assert all(re.fullmatch(f"{number}(; {number})*", found) for found in re.findall(r'\sstyle="([^"]*)"', text))
    for link in re.findall(r"<a [^>]*href=\"https?:[^>]*>", text):
        assert 'rel="noopener noreferrer"' in link


def test_the_lint_finds_what_it_looks_for() -> None:
    for text in ("{{ x|safe }}", '<a onclick="x">', "<script>x</script>", '<img src="//cdn.example/x">', "<style>"):
        assert MARKUP_SINKS.search(text)
    for text in ("a.innerHTML = b", "eval(x)", "new Function(x)", "import 'https://cdn.example/x.js'"):
        assert SCRIPT_SINKS.search(text)


def test_a_page_s_scripts_and_styles_are_ours(client: TestClient) -> None:
    for path in addresses(PAGES).values():
        for found in re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"([^\"]*)\"", client.get(path).text):
            address = html.unescape(found)
            assert address.startswith("/"), f"{path}: {address}"
            assert not address.startswith("//")
            assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%zz&%&=&&BODY=\xed\xa0\x80", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=%d" % k for k in range(5000)), "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="body"; filename="a"\r\n\r\nhi\r\n--x--\r\n', MULTIPART),
        (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhi\r\n--x--\r\n', MULTIPART),
        (b"{}", "application/json"),
        (b"<x/>", "text/xml; charset=klingon"),
        (b"body=x", "application/x-www-form-urlencoded-not"),
    ],
)
def test_a_form_that_is_none_is_told_so_in_a_sentence(
    client: TestClient, token: str, tmp_path: Path, body: bytes, kind: str
) -> None:
    before = contents(tmp_path / "library.db")
    headers = OURS | {"content-type": kind, "x-lens-token": token}
    answer = client.post("/p/ye2021-global/notes", content=body, headers=headers)
    assert answer.status_code == 400
    assert re.search(r"<h1>[^<]+</h1>\s*<p>[^<]{20,}</p>", answer.text)
    assert contents(tmp_path / "library.db") == before


@pytest.mark.parametrize("body", [" \n\t", "\x00", "x" * 65_537, "\u202e", "é" * 300_000])
def test_a_note_that_cannot_be_kept_says_why(client: TestClient, token: str, tmp_path: Path, body: str) -> None:
    before = contents(tmp_path / "library.db")
    answer = client.post("/p/ye2021-global/notes", data={"body": body, "token": token}, headers=OURS)
    assert answer.status_code in (400, 413)
    assert re.search("Go back|at once", answer.text)
    assert contents(tmp_path / "library.db") == before


def test_a_note_of_any_letters_is_kept_as_text(client: TestClient, token: str) -> None:
    body = "'); DROP TABLE note; -- \x00\x01 \u202e <script> \U0001f600 {{ 7 * 7 }} \\def\\a{\\a}"
    answer = client.post("/p/ye2021-global/notes", data={"body": body, "token": token}, headers=OURS)
    assert answer.status_code == 200
    assert "&#39;); DROP TABLE note; --   &lt;script&gt; \U0001f600 {{ 7 * 7 }} \\def\\a{\\a}" in answer.text


@pytest.mark.parametrize("said", ["'); DROP TABLE paper; --", "", "9" * 400, "1e999", "\x00", "-5", "nan", "agd[[[["])
def test_the_lab_says_what_it_cannot_use(client: TestClient, token: str, said: str) -> None:
    small = WRITES["/lab/agd-unbalanced"]
    for name in (*small, "solver", "step", "start", "spectrum", "seed", "target", "kappa", "noise"):
        answer = client.post("/lab/agd-unbalanced", data=small | {name: said, "token": token}, headers=OURS)
        assert answer.status_code in (200, 429)


@pytest.mark.parametrize("path", ["/%2Fevil.com/", "///evil.com/", "//evil.com/", "/%5Cevil.com/", "/%2F%2F"])
def test_no_address_leads_to_another_host(client: TestClient, path: str) -> None:
    answer = client.get(f"http://127.0.0.1:8642{path}", follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_slash_too_many_leads_to_the_page(client: TestClient) -> None:
    assert client.get("/notes/", follow_redirects=False).headers["location"] == "http://127.0.0.1:8642/notes"
