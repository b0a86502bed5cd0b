"""arXiv and Semantic Scholar on this machine: their formats, and all the ways in which they fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

FEED = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" \
xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <title>arXiv Query: search_query=&amp;id_list={ids}&amp;start=0&amp;max_results=100</title>
  <updated>2025-11-11T18:34:08Z</updated>
  <link href="https://arxiv.org/api/query?id_list={ids}" type="application/atom+xml"/>
  <opensearch:itemsPerPage>100</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
{entries}</feed>
"""

ENTRY = """  <entry>
    <id>http://arxiv.org/abs/{number}v{version}</id>
    <title>{title}</title>
    <updated>{updated}T17:59:46Z</updated>
    <link href="https://arxiv.org/abs/{number}v{version}" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/{number}v{version}" rel="related" type="application/pdf" title="pdf"/>
    <summary>{summary}</summary>
    <category term="{category}" scheme="http://arxiv.org/schemas/atom"/>
    <category term="math.OC" scheme="http://arxiv.org/schemas/atom"/>
    <published>{published}T08:00:00Z</published>
    <arxiv:comment>New version</arxiv:comment>
    <arxiv:primary_category term="{category}"/>
{more}{authors}  </entry>
"""

ERROR = """  <entry>
    <id>http://arxiv.org/api/errors#incorrect_id_format_for_{bad}</id>
    <title>Error</title>
    <summary>incorrect id format for {bad}</summary>
    <updated>2025-11-11T00:00:00Z</updated>
    <published>2025-11-11T00:00:00Z</published>
    <link href="http://arxiv.org/api/errors#incorrect_id_format_for_{bad}" rel="alternate" type="text/html"/>
    <author><name>arXiv api core</name></author>
  </entry>
"""


class Answer(NamedTuple):
    """What the stub says to one request."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = {}
    endless: bool = False


def atom(entries: str, ids: str = "", total: int = 1) -> Answer:
    text = FEED.format(ids=ids, total=total, entries=entries)
    return Answer(200, text.encode(), "application/atom+xml; charset=utf-8")


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def entry(paper: dict[str, Any]) -> str:
    """Return a paper as arXiv prints it, hard-wrapped as there."""
    more = f"    <arxiv:doi>{paper['doi']}</arxiv:doi>\n" if "doi" in paper else ""
    more += f"    <arxiv:journal_ref>{escape(paper['journal'])}</arxiv:journal_ref>\n" if "journal" in paper else ""
    return ENTRY.format(
        number=paper["arxiv"],
        version=paper.get("version", 2),
        title=escape(paper["title"]).replace(" of ", "\n  of "),
        summary="\n  " + escape(paper.get("abstract", "We show it.")) + "\n",
        category=paper.get("category", "cs.LG"),
        published=paper.get("published", "2021-06-27"),
        updated=paper.get("updated", "2021-12-01"),
        more=more,
        authors="".join(f"    <author>\n      <name>{escape(a)}</name>\n    </author>\n" for a in paper["authors"]),
    )


def s2_paper(paper: dict[str, Any]) -> dict[str, Any]:
    """Return a paper as Semantic Scholar prints it, with the nulls that are there."""
    ids = {
        name: paper[key] for name, key in (("ArXiv", "arxiv"), ("DOI", "doi"), ("CorpusId", "corpus")) if key in paper
    }
    return {
        "paperId": paper.get("s2"),
        "externalIds": ids or None,
        "title": paper["title"],
        "venue": paper.get("venue", ""),
        "year": paper.get("year"),
        "authors": [{"authorId": None, "name": name} for name in paper["authors"]],
    }


class World:
    """Papers, who cites whom, and the faults of the day.

    Attributes
    ----------
    faults : list of Answer or callable
        Given in place of the true answer, one a request; a callable is given the handler and sends by itself.
    asked : list of (method, path, headers, time)
    """

    def __init__(self, papers: list[dict[str, Any]], cites: list[tuple[str, str]] = ()) -> None:  # type: ignore[assignment]
        self.papers, self.cites = papers, list(cites)
        self.faults: list[Answer | Callable[[Any], None] | None] = []
        self.asked: list[tuple[str, str, dict[str, str], float]] = []
        self.page = 1000
        self.lock = threading.Lock()

    def find(self, key: str) -> dict[str, Any] | None:
        scheme, _, value = key.rpartition(":") if ":" in key else ("", "", key)
        name = {"arxiv": "arxiv", "doi": "doi", "corpusid": "corpus", "": "s2"}[scheme.lower()]
        return next((p for p in self.papers if str(p.get(name, "")).lower() == value.lower()), None)

    def answer(self, method: str, address: str, body: bytes) -> Answer:
        parts = urlsplit(address)
        path, query = unquote(parts.path), {name: values[0] for name, values in parse_qs(parts.query).items()}
        if path == "/api/query":
            return self.arxiv(query)
        if path == "/graph/v1/paper/batch" and method == "POST":
            found = [self.find(key) for key in json.loads(body)["ids"]]
            if not any(found):
                return as_json({"error": "No valid paper ids given"}, 400)
            return as_json([s2_paper(paper) if paper else None for paper in found])
        if path == "/graph/v1/paper/search/match":
            words = set(query["query"].lower().split())
            near = [p for p in self.papers if words & set(p["title"].lower().split())]
            if not near:
                return as_json({"error": "Title match not found"}, 404)
            best = max(near, key=lambda p: len(words & set(p["title"].lower().split())))
            return as_json({"data": [s2_paper(best) | {"matchScore": 174.2}]})
        return self.side(path.removeprefix("/graph/v1/paper/"), query)

    def arxiv(self, query: dict[str, str]) -> Answer:
        numbers = query["id_list"].split(",")
        if any(number.startswith("bad") for number in numbers):
            bad = next(number for number in numbers if number.startswith("bad"))
            return atom(ERROR.format(bad=bad))._replace(status=400)
        found = [paper for number in numbers if (paper := self.find(f"arxiv:{number}"))]
        return atom("".join(map(entry, found)), query["id_list"], len(found))

    def side(self, path: str, query: dict[str, str]) -> Answer:
        key, _, side = path.rpartition("/")
        paper = self.find(key)
        if paper is None:
            return as_json({"error": f"Paper with id {key} not found"}, 404)
        own, role = paper["s2"], {"references": "citedPaper", "citations": "citingPaper"}[side]
        pairs = [(b if side == "references" else a) for a, b in self.cites if (a if side == "references" else b) == own]
        offset, limit = int(query["offset"]), min(int(query["limit"]), self.page)
        rows = [{role: s2_paper(self.by_key(one))} for one in pairs[offset : offset + limit]]
        more = {"next": offset + limit} if offset + limit < len(pairs) else {}
        return as_json({"offset": offset, **more, "data": rows})

    def by_key(self, key: str) -> dict[str, Any]:
        return next(paper for paper in self.papers if paper.get("s2", paper["title"]) == key)


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve a world, and give the address that stands for both sources."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with world.lock:
                world.asked.append((self.command, self.path, dict(self.headers), time.monotonic()))
                fault = world.faults.pop(0) if world.faults else None
            if callable(fault):
                fault(self)
                return
            self.say(fault or world.answer(self.command, self.path, body))

        do_POST = do_GET

        def say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            if not answer.endless and "content-length" not in answer.headers:
                self.send_header("content-length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(answer.body)
                while answer.endless:
                    self.wfile.write(b" " * 65_536)
            except OSError:
                self.close_connection = True
            if "content-length" in answer.headers or answer.endless:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FakeTime:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.at, self.slept = 1_800_000_000.0, 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept += seconds


def small_world() -> World:
    """Return a paper of arXiv with two references and one that cites it; TeX accents, nulls and all."""
    target = {
        "arxiv": "2106.14289",
        "s2": "a" * 40,
        "corpus": 235658744,
        "title": "Global Convergence of Gradient Descent for Asymmetric Low-Rank Matrix Factorization",
        "authors": ["Tian Ye", "Simon S. Du"],
        "year": 2021,
        "venue": "Neural Information Processing Systems",
        "abstract": r"We study $\min_{U,V} \|UV^\top - \Sigma\|_F^2$ of rank $r < n$ & more.",
    }
    first = {
        "arxiv": "2001.00001",
        "doi": "10.1000/first",
        "s2": "b" * 40,
        "title": "A first reference",
        "authors": [r"Mihailo R. Jovanovi\'c", "K. Massouli'e"],
        "year": 2020,
    }
    second = {"title": "A second reference without any identifier", "authors": ["Somebody Else"]}
    citing = {
        "s2": "c" * 40,
        "doi": "10.1000/citing",
        "title": "It is cited here",
        "authors": ["Jane Roe", "Tian Ye"],
        "year": 2022,
    }
    cites = [("a" * 40, "b" * 40), ("a" * 40, second["title"]), ("c" * 40, "a" * 40)]
    return World([target, first, second, citing], cites)
