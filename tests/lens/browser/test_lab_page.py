"""The lab in the browser: a run from its settings to its table, its bounds and its address."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

Visit = Callable[..., Page]
SMALL = "/lab/agd-unbalanced?m=30&n=20&r=2&d=4&steps=60&runs=2&start=unbalanced&start=gaussian"


def steps(page: Page) -> list[list[str]]:
    return [text.split()[:3] for text in page.locator("#runs tbody tr").all_inner_texts()]


def test_a_run_is_drawn_told_and_proved(visit: Visit, own: str) -> None:
    page = visit(own)
    page.goto(SMALL)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#runs tbody tr")).to_have_count(4)
    expect(page.locator("#chart [aria-label=line] path").nth(3)).to_be_attached()
    expect(page.locator("#summary")).to_have_text(re.compile(r"unbalanced .* after \d+"))
    expect(page.locator("#proof .part").first).to_be_visible()
    told = steps(page)
    page.get_by_role("link", name="Address of these settings").click()
    expect(page.locator("#runs tbody tr")).to_have_count(4)
    assert steps(page) == told


def test_without_scripts_the_same_numbers(visit: Visit, own: str) -> None:
    tables = []
    for scripts in (False, True):
        page = visit(own, scripts=scripts)
        page.goto(SMALL)
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#runs tbody tr")).to_have_count(4)
        tables.append(steps(page))
    assert tables[0] == tables[1]
