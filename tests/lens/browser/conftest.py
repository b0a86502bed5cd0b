"""Pages in a real Chromium. Whatever a page does wrong beside what its test looks at, fails the test too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from lopside.lens.serving import served

NAMES = ("chromium", "chromium-browser", "google-chrome")
BREACH = "document.addEventListener('securitypolicyviolation', e => breached(`${e.violatedDirective} ${e.blockedURI}`))"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one Chromium of all tests."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        said = f"needs a Chromium: none of {', '.join(NAMES)} is there. Try: apt install chromium"
        if os.environ.get("LOPSIDE_BROWSER") == "required":
            pytest.fail(said)
        pytest.skip(said)
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as play, play.chromium.launch(executable_path=found, args=as_root) as started:
        yield started


@pytest.fixture(scope="session")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a library with the built-in papers, that no test changes."""
    with served(tmp_path_factory.mktemp("library") / "library.db") as address:
        yield address


@pytest.fixture
def own(tmp_path: Path) -> Iterator[str]:
    """Address of a library that a test has for itself, in `library.db` of its folder."""
    with served(tmp_path / "library.db") as address:
        yield address


class Visitor:
    """Opens pages, and writes down what none of them may do.

    Attributes
    ----------
    wrong : list of str
        Dialogs, breaches of the content security policy, errors of scripts, answers of 500 and more, and requests
        to anybody else. Must be empty in the end.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.wrong: list[str] = []
        self.contexts: list[BrowserContext] = []

    def __call__(
        self, address: str, *, width: int = 1280, theme: Any = "light", scripts: bool = True, **settings: Any
    ) -> Page:
        """Return an empty page on which addresses are below the one given."""
        context = self.browser.new_context(
            base_url=address,
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            java_script_enabled=scripts,
            **settings,
        )
        self.contexts.append(context)
        context.set_default_timeout(10_000)
        context.expose_binding("breached", lambda _, said: self.wrong.append(f"breach: {said}"))
        context.add_init_script(BREACH)
        host = urlsplit(address).netloc
        context.on("request", lambda request: self._asked(request.url, host))
        context.on("response", lambda a: a.status >= 500 and self.wrong.append(f"{a.status}: {a.url}"))
        page = context.new_page()
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("console", lambda said: self._said(said.type, said.text))
        return page

    def _asked(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            self.wrong.append(f"request to {url}")

    def _said(self, kind: str, text: str) -> None:
        # A refused form or a page that is not there is told on the console too; what else is an error is one.
        if kind == "error" and "the server responded with a status of 4" not in text:
            self.wrong.append(f"console: {text}")


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    if "own" in request.fixturenames:  # so that its server outlives the pages, which may still be asking for fonts
        request.getfixturevalue("own")
    visitor = Visitor(browser)
    yield visitor
    for context in visitor.contexts:
        context.close()
    assert visitor.wrong == []
