"""A hostile library, walked through on every page: nothing runs, nothing breaks, nothing is lost from sight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from lens_hostile import FORMULAS, HANDLER, MEAN, fill
from lens_pages import FILES, PAGES, addresses
from playwright.sync_api import Page, expect

from lopside.lens.serving import served

Visit = Callable[..., Page]
Hostile = tuple[str, list[str]]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    path = tmp_path_factory.mktemp("hostile") / "library.db"
    slugs = fill(path)
    with served(path) as address:
        yield address, slugs


def look(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status in (200, 400, 404), path
    page.mouse.move(300, 300)
    assert page.evaluate("document.documentElement.dataset.taken") is None, f"a script ran at {path}"
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], f"{path} is {wide[0]} px wide"
    expect(page.locator("h1")).not_to_be_empty()
    expect(page.locator("footer.bottom")).to_be_visible()


@pytest.mark.parametrize("name", MEAN)
def test_no_paper_takes_the_page(visit: Visit, hostile: Hostile, name: str) -> None:
    address, slugs = hostile
    place = list(MEAN).index(name)
    page = visit(address, width=320)
    look(page, f"/p/{slugs[place]}")
    if name in ("script", "handler", "template", "sql", "unbroken"):
        expect(page.locator("h1")).to_have_text(MEAN[name][0])
    page.mouse.wheel(0, 50_000)
    for path in addresses(FILES, slug=slugs[place]).values():
        answer = page.request.get(path)
        assert answer.status < 500, path
        if "/p/" in path and "html" in answer.headers.get("content-type", ""):
            assert answer.status == 404 or answer.url.endswith((slugs[place], "/lab")), path


@pytest.mark.parametrize("width", [1280, 320])
def test_no_list_takes_the_page(visit: Visit, hostile: Hostile, width: int) -> None:
    address, slugs = hostile
    page = visit(address, width=width)
    for path in addresses(PAGES, slug=slugs[0], word=quote(HANDLER)).values():
        look(page, path)


def test_what_is_asked_for_is_only_text(visit: Visit, hostile: Hostile) -> None:
    address, _ = hostile
    page = visit(address)
    for name in ("handler", "template", "eyes", "unbroken"):
        asked = quote(MEAN[name][0][:500].encode("utf-8", "replace"))
        look(page, f"/?q={asked}&order={asked}&page={asked}")
        look(page, f"/lab/agd-unbalanced?solver={asked}&step={asked}&start={asked}&m={asked}")


def test_bad_formulas_stand_there_as_text(visit: Visit, hostile: Hostile) -> None:
    address, slugs = hostile
    page = visit(address)
    page.goto(f"/p/{slugs[list(MEAN).index('formulas')]}")
    text = page.locator("#abstract")
    page.mouse.wheel(0, 2_000)
    for name in ("a macro that calls itself", "deep nesting", "a hundred thousand letters"):
        formula = page.locator(".math", has_text=FORMULAS[name][:60]).last
        formula.scroll_into_view_if_needed()
        expect(formula).not_to_have_class("done")
    expect(text.locator("a, img, script")).to_have_count(0)
    # Whatever a formula moves, stays within its block.
    assert text.evaluate("e => getComputedStyle(e).overflowX") == "clip"
