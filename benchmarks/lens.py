"""The reading room against its budgets: server times with 5,000 papers, sizes, the lab, load, and the start."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import re
import runpy
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from script import main

from lopside.bench.tables import Column, Table
from lopside.lens.lab.recipes import RECIPES
from lopside.lens.lab.running import events
from lopside.lens.space.refreshing import KINDS
from lopside.lens.store.database import Library
from lopside.lens.store.search import parsed, search

ROOT = Path(__file__).resolve().parent.parent
PAPERS = 5_000
QUERIES = (
    "gradient",
    "gradient matrix",
    '"gradient descent"',
    "author:ada",
    "conv year:2000..2010",
    "matrix -gradient",
)
LOAD, CONNECTIONS = 200, 8
COLUMNS = (Column("what", "what"), Column("budget", "budget", ".4g"), Column("measured", "measured", ".3g"),
           Column("unit", "unit"), Column("kept", "kept"), Column("how", "how"))  # fmt: skip


def row(what: str, budget: float, measured: float | None, unit: str, how: str) -> dict[str, Any]:
    kept = None if measured is None else "yes" if measured <= budget else "NO"
    return {"what": what, "budget": budget, "measured": measured, "unit": unit, "kept": kept, "how": how}


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def high(times: Iterable[float]) -> float:
    """Return the 95th percentile, in milliseconds."""
    return 1e3 * statistics.quantiles(times, n=20)[-1]


@contextmanager
def running(library: Path) -> Iterator[tuple[str, float, int]]:
    """Start the command, and give its address, the seconds until its first page was there, and its process."""
    command = [sys.executable, "-m", "lopside", "lens", "--library", str(library), "--port", "0", "--no-browser"]
    began = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found is not None
        get(connect(found[0]), "/")
        taken = time.perf_counter() - began
        try:
            yield found[0], taken, process.pid
        finally:
            process.terminate()


def connect(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(address).netloc)


def get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, f"{path}: {answer.status}"
    return body


def processor(pid: int) -> float | None:
    """Return the seconds of the processor that a process has taken; None where the system does not tell."""
    told = Path(f"/proc/{pid}/stat")
    if not told.exists():
        return None
    user, system = told.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def sizes() -> Iterator[dict[str, Any]]:
    walked = runpy.run_path(str(ROOT / "tests" / "lens_pages.py"))["loaded"]
    loaded = {name: len(gzip.compress(text, 9)) for name, text in walked("paper.js").items()}
    own = sum(size for name, size in loaded.items() if not name.startswith("vendor/"))
    yield row("own scripts of a paper's page", 25, own / 1e3, "kB", "gzip")
    yield row("all scripts of a paper's page", 110, sum(loaded.values()) / 1e3, "kB", "gzip")


def settled(library: Path) -> Iterator[dict[str, Any]]:
    """Wait until all that is computed of the papers has been, behind the pages."""
    began, found = time.perf_counter(), 0
    with closing(sqlite3.connect(library)) as db:
        while found < len(KINDS) and time.perf_counter() < began + 600:
            time.sleep(0.5)
            found = db.execute("SELECT count(*) FROM run").fetchone()[0]
    yield row("all that is computed of the papers", 30, time.perf_counter() - began, "s", f"{PAPERS} papers, behind")


def served(address: str, process: int, slugs: list[str], library: Path, rounds: int) -> Iterator[dict[str, Any]]:
    connection = connect(address)
    with closing(sqlite3.connect(library)) as db:
        drawn = [slug for (slug,) in db.execute("SELECT slug FROM paper ORDER BY pk * 7919 % 10007 LIMIT 200")]
    several = [f"/p/{slug}" for slug in slugs]
    get(connection, several[0])
    times = [seconds(lambda slug=slug: get(connection, f"/p/{slug}")) for slug in drawn]
    yield row(
        f"a paper's page, {PAPERS} papers", 50, high(times), "ms", "p95 of 200 papers, with 20 citations and more"
    )
    before = processor(process)
    times = [seconds(lambda path=path: get(connection, path)) for _ in range(rounds) for path in several]
    after = processor(process)
    yield row("one with many citations", 50, high(times), "ms", "p95 of papers with 210 to 230 citations")
    spent = None if before is None or after is None else 1e3 * (after - before) / len(times)
    yield row("the processor's time for it", 50, spent, "ms", "mean")
    packed = statistics.median(len(gzip.compress(get(connection, path))) for path in several)
    yield row("its HTML", 40, packed / 1e3, "kB", "gzip, median, 150 papers drawn")
    times = [seconds(lambda q=q: get(connection, f"/?q={quote(q)}")) for _ in range(2 * rounds) for q in QUERIES]
    yield row("a list, with its facets", 100, high(times), "ms", f"p95 of {len(QUERIES)} queries")
    store = Library(library)
    with store.reading() as db:
        times = [seconds(lambda q=q: search(db, parsed(q))) for _ in range(4 * rounds) for q in QUERIES]
    store.close()
    yield row(f"a search, {PAPERS} papers", 30, high(times), "ms", f"p95 of {len(QUERIES)} queries")


async def loaded(address: str, paths: list[str], lasting: float) -> tuple[int, int, list[float]]:
    """Ask at a steady pace over several connections; return how many answers came, how many were wrong, and when."""
    host, port = urlsplit(address).netloc.split(":")
    began, times = time.perf_counter(), []
    wrong = 0

    async def one(place: int) -> None:
        nonlocal wrong
        reader, writer = await asyncio.open_connection(host, int(port))
        for count in range(int(lasting * LOAD / CONNECTIONS)):
            due = began + (count * CONNECTIONS + place) / LOAD
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            path = paths[(count * CONNECTIONS + place) % len(paths)]
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            times.append(time.perf_counter() - due)
            wrong += not head.startswith("http/1.1 200")
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one(place) for place in range(CONNECTIONS)))
    return len(times), wrong, times


def load(address: str, lasting: float) -> Iterator[dict[str, Any]]:
    connection = connect(address)
    front = get(connection, "/").decode()
    pages = re.findall(r'href="(/p/[^"]+)"', front)[:20]
    static = re.findall(r'(?:href|src)="(/static/[^"]+)"', front)
    paths = [path for pair in zip(pages, static * 20, strict=False) for path in pair] + [
        "/",
        "/?q=gradient",
        "/healthz",
    ]
    began = time.perf_counter()
    count, wrong, times = asyncio.run(loaded(address, paths, lasting))
    rate = count / (time.perf_counter() - began)
    yield row(f"errors at {LOAD} requests a second", 0, wrong, "", f"{lasting:g} s, {CONNECTIONS} connections")
    yield row("time between requests", 1e3 / LOAD * 1.02, 1e3 / rate, "ms", "the pace that was kept")
    yield row("an answer under this load", 250, high(times), "ms", "p95, after it was due")


def lab(address: str, quick: bool) -> Iterator[dict[str, Any]]:
    settings = RECIPES["agd-unbalanced"].settings
    token = re.search(r'name="lens-token" content="([^"]+)"', get(connect(address), "/about").decode())
    assert token is not None
    headers = {"x-lens-token": token[1], "sec-fetch-site": "same-origin"}
    headers |= {"content-type": "application/x-www-form-urlencoded"}
    first, whole = [], 0.0
    for seed in range(1, 3 if quick else 6):
        connection, asked = connect(address), replace(settings, seed=100 * seed)
        began = time.perf_counter()
        connection.request("POST", "/lab/agd-unbalanced", f"{asked.query()}&stream=1", headers)
        answer = connection.getresponse()
        for line in answer:
            if json.loads(line)["kind"] == "points":
                first.append(time.perf_counter() - began)
                break
        if seed == 1:
            for _ in answer:
                pass
            whole = time.perf_counter() - began
        answer.close()
        connection.close()
    curves = len(settings.starts) * settings.runs
    yield row("the lab's first point", 200, 1e3 * statistics.median(first), "ms", "median, after the request")
    yield row(f"the lab's first preset, {curves} runs", 10, whole, "s", "to its last line")
    cancelled, until = threading.Event(), 0.0
    for count, _ in enumerate(events(replace(settings, seed=7, steps=8_000), cancelled)):
        if count == 3:
            until = time.perf_counter()
            cancelled.set()
    yield row("the lab's end when nobody looks on", 0.3, time.perf_counter() - until, "s", "after it was told")


def painted(address: str, rounds: int) -> float | None:
    """Return the median of first contentful paint, in milliseconds; None without a Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        return None
    from playwright.sync_api import sync_playwright

    script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    times = []
    with sync_playwright() as play, play.chromium.launch(executable_path=found, args=["--no-sandbox"]) as browser:
        for _ in range(rounds):
            page = browser.new_page()
            page.goto(f"{address}p/ye2021-global")
            while (at := page.evaluate(script)) is None:
                page.wait_for_timeout(20)
            times.append(at)
            page.close()
    return statistics.median(times)


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    build = runpy.run_path(str(ROOT / "tests" / "lens_synthetic.py"))["build"]
    rows = list(sizes())
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.db", Path(folder) / "large.db"
        for how in ("with a library that is made", "with a library that is there"):
            with running(small) as (_, taken, _):
                rows.append(row("from the command to the first page", 1.5, taken, "s", how))
        say(f"Making a library of {PAPERS} papers")
        slugs = build(large, PAPERS)
        with running(large) as (address, taken, process):
            rows.append(row("from the command to the first page", 1.5, taken, "s", f"with {PAPERS} papers"))
            rows += settled(large)
            rows += served(address, process, slugs[:10] if quick else slugs, large, 2 if quick else 5)
        with running(small) as (address, _, _):
            list(settled(small))
            rows.append(row("first contentful paint", 300, painted(address, 3 if quick else 7), "ms", "median"))
            say("The lab")
            rows += lab(address, quick)
            lasting = 5.0 if quick else 30.0
            say(f"{LOAD} requests a second for {lasting:g} s")
            rows += load(address, lasting)
    yield Table("lens", "The reading room against its budgets", COLUMNS, rows)


if __name__ == "__main__":
    main(__doc__, tables)
