"""Notes in the browser: one key begins one, no account, found again, and two windows do not lose each other's."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]
PAPER = "/p/ye2021-global"


def test_one_key_begins_a_note_and_the_search_finds_it(visit: Visit, own: str) -> None:
    page = visit(own)
    page.goto(PAPER)
    page.keyboard.press("n")
    page.keyboard.type("The quincunx lemma needs κ.")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator(".note .text")).to_have_text("The quincunx lemma needs κ.")
    expect(page.locator("#notes")).to_have_text("Notes (1)")
    page.wait_for_load_state()  # keys are a script's affair, which comes after the text
    page.keyboard.press("/")
    page.keyboard.type("quincunx")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("1 paper")
    page.goto("/notes")
    expect(page.locator(".note")).to_contain_text("quincunx")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_second_of_two_windows_is_told(visit: Visit, own: str, scripts: bool) -> None:
    first, second = visit(own, scripts=scripts), visit(own, scripts=scripts)
    first.goto(PAPER)
    first.get_by_label("Write a note").fill("as it was")
    first.get_by_role("button", name="Keep it").click()
    second.goto(PAPER)
    for page, text in ((first, "from the first window"), (second, "from the second window")):
        page.locator(".note summary").click()
        page.get_by_label("Note", exact=True).fill(text)
    for page in (first, second):
        page.get_by_role("button", name="Keep", exact=True).click()
    expect(second.locator("h1")).to_have_text("This note was changed in another window")
    expect(second.locator("#body")).to_have_value("from the second window")
    expect(second.locator("#other")).to_have_value("from the first window")
    second.get_by_role("button", name="Keep yours").click()
    expect(second.locator(".note .text")).to_have_text("from the second window")
    first.reload()
    expect(first.locator(".note .text")).to_have_text("from the second window")


def test_a_note_is_changed_and_taken_away_without_scripts(visit: Visit, own: str) -> None:
    page = visit(own, scripts=False)
    page.goto(PAPER)
    page.get_by_label("Write a note").fill("first")
    page.get_by_role("button", name="Keep it").click()
    page.locator(".note summary").click()
    page.get_by_label("Note", exact=True).fill("second")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".note .text")).to_have_text("second")
    page.locator(".note summary").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#notes")).to_have_text("Notes (0)")


def test_what_is_written_in_a_note_stays_text(visit: Visit, own: str) -> None:
    page = visit(own)
    page.goto(PAPER)
    page.get_by_label("Write a note").fill("<img src=x onerror=alert(1)>\n\n<b>bold</b> & $x$")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator(".note .text")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".note .text b, .note .text img")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"#note-1$"))
    page.wait_for_load_state()
