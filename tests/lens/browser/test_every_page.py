"""What holds on every page, at every width, in both themes, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lens_pages import PAGES, addresses
from playwright.sync_api import Page, expect

WALK = addresses(PAGES)
Visit = Callable[..., Page]


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [1280, 320])
def test_pages_are_whole_and_keep_to_themselves(visit: Visit, built_in: str, width: int, scripts: bool) -> None:
    page = visit(built_in, width=width, scripts=scripts)
    for path in WALK.values():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == (404 if "nothing" in path else 200)
        assert "set-cookie" not in answer.all_headers()
        expect(page.locator("h1")).to_have_count(1)
        expect(page.locator("main, header.top, footer.bottom, nav[aria-label=Main]")).to_have_count(4)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width}"
    assert page.context.cookies() == []


# Evaluated from outside, because the pages' policy lets no other script in.
AXE = Path(__file__).with_name("axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def findings(page: Page) -> list[str]:
    """Return what axe finds: the rule and the first elements."""
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']][:5]}" for rule in found]


@pytest.mark.parametrize("name", WALK)
def test_axe_finds_nothing(visit: Visit, built_in: str, name: str) -> None:
    page = visit(built_in)
    page.goto(WALK[name])
    page.evaluate(AXE)
    for width, theme in ((1280, "light"), (320, "dark")):  # 320 px is 1280 px at 400 %
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
        assert findings(page) == [], f"{width} px, {theme}"
