"""The network and its table: by mouse, by keyboard, without scripts, and both with the same papers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

Visit = Callable[..., Page]
YE, WARD = "/p/ye2021-global", "/p/ward2023-convergence"
BOTH = "/p/jiang2022-algorithmic"
"""Cites one of them and is cited by the other."""

ATTRIBUTES = "(found, names) => found.map((e) => names.map((name) => e.getAttribute(name)))"


def place(node: Locator) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", node.get_attribute("transform") or "")]


def zoomed(page: Page) -> str | None:
    return page.locator("#graph .view").get_attribute("transform")


def test_kinds_differ_in_shape_and_stand_out_in_both_themes(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(BOTH)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator(".node.this circle:not(.reach)")).to_have_count(1)
        expect(page.locator(".node.citing > rect").first).to_be_visible()
        expect(page.locator(".node.cited > path").first).to_be_visible()
        shapes = [page.locator(f".legend .{kind} > svg > *") for kind in ("this", "citing", "cited")]
        assert [shape.evaluate("e => e.tagName") for shape in shapes] == ["circle", "rect", "path"]
        ground = luminance(page.locator(".graph").evaluate("e => getComputedStyle(e).backgroundColor"))
        for selector in (".node.this circle", ".node.citing rect", ".node.cited path"):
            fill = luminance(page.locator(selector).first.evaluate("e => getComputedStyle(e).fill"))
            low, high = sorted((fill, ground))
            assert (high + 0.05) / (low + 0.05) >= 3.0, f"{selector}, {theme}"


def luminance(colour: str) -> float:
    """Return the relative luminance of an rgb() colour, as WCAG defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scripts", [True, False])
def test_the_legend_switches_each_kind_off(visit: Visit, built_in: str, scripts: bool) -> None:
    page = visit(built_in, scripts=scripts)
    page.goto(BOTH)
    for kind in ("citing", "cited"):
        nodes, box = page.locator(f".node.{kind}"), page.locator(f"input[name=kind][value={kind}]")
        assert nodes.count() > 0
        expect(nodes.first).to_be_visible()
        box.uncheck()
        for hidden in (nodes, page.locator(f".edges .{kind}")):
            expect(hidden.locator("visible=true")).to_have_count(0)
        box.check()
        expect(nodes.locator("visible=true")).to_have_count(nodes.count())


def test_what_is_missing_is_named_and_cannot_be_taken_for_nothing(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    expect(page.locator(".legend .cited")).to_contain_text("cited by it (0: none stored)")
    expect(page.locator("section[aria-labelledby=table]")).to_contain_text("references: none stored")


@pytest.mark.parametrize("path", [YE, WARD, BOTH])
def test_legend_headings_table_network_and_export_agree(visit: Visit, built_in: str, path: str) -> None:
    page = visit(built_in)
    record: dict[str, Any] = page.request.get(f"{path}.json").json()
    page.goto(path)
    for kind, name, relation in (("citing", "citations", "cites this"), ("cited", "references", "cited here")):
        count = len(record[name])
        expect(page.locator(f".legend .{kind}")).to_contain_text(f"({count}")
        expect(page.locator(f".node.{kind}")).to_have_count(count)
        expect(page.locator("tbody tr", has_text=relation)).to_have_count(count)
        rows = page.locator("tbody tr", has_text=relation)
        assert {slug for (slug,) in rows.evaluate_all(ATTRIBUTES, ["data-slug"])} == set(record[name])
    cites, cited = len(record["citations"]), len(record["references"])
    said = page.locator("section[aria-labelledby=table] > p").first
    expect(said).to_contain_text(f"{cites} paper")
    expect(said).to_contain_text(f"it cites {cited}" if cited else "none stored")


def test_forty_papers_of_forty_one_rows_and_one_question(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    rows = page.locator("table.sortable tbody tr")
    expect(rows).to_have_count(40)
    told = [row.split("\t") for row in rows.all_inner_texts()]
    assert all(any(re.fullmatch(r"\d{4}|unknown", cell.strip()) for cell in row) for row in told)
    assert all("cites this" in [cell.strip() for cell in row] for row in told)
    for slug in ("lee2022-accelerating", "lee2022-escaping"):
        page.goto(f"/p/{slug}")
        expect(page.locator(".warn")).to_contain_text("Perhaps one paper under two titles")


def test_the_same_network_without_scripts_and_every_time(visit: Visit, built_in: str) -> None:
    found = []
    for scripts in (True, False, True):
        page = visit(built_in, scripts=scripts)
        page.goto(WARD)
        found.append(page.locator("#graph .node").evaluate_all(ATTRIBUTES, ["href", "transform"]))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == page.locator("table.sortable tbody tr").count() + 1
    page = visit(built_in, scripts=False)
    page.goto(WARD)
    node = page.locator("#graph .node.citing, #graph .node.cited").first
    href = node.get_attribute("href")
    node.click()
    expect(page).to_have_url(re.compile(f"{href}$"))


def test_pointing_tells_the_title_and_lights_up_the_row(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    node = page.locator(".node.citing").first
    node.hover()
    title = node.locator("title").text_content() or ""
    expect(page.locator("#graph .tip")).to_have_text(title)
    expect(page.locator("tr.lit th")).to_contain_text(title.rpartition(" (")[0][:40])


def test_a_click_opens_the_paper_and_a_drag_moves_it(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    node = page.locator(".node.citing").last
    node.scroll_into_view_if_needed()
    before, box = place(node), node.locator(".reach").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=5)
    page.mouse.up()
    after = place(node)
    assert after[0] > before[0] + 20
    assert after[1] > before[1] + 10
    expect(page).to_have_url(re.compile(f"{YE}$"))
    page.locator(".node.citing").first.click()
    expect(page).not_to_have_url(re.compile(f"{YE}$"))
    expect(page.locator("h1")).to_be_visible()


def test_buttons_and_wheel_zoom_at_the_lower_right(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    frame, buttons = page.locator("#graph").bounding_box(), page.locator("#graph .zoom").bounding_box()
    assert frame is not None
    assert buttons is not None
    assert frame["x"] + frame["width"] - (buttons["x"] + buttons["width"]) < 30
    assert frame["y"] + frame["height"] - (buttons["y"] + buttons["height"]) < 30
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#graph .view")).to_have_attribute("transform", re.compile(r"scale\(1\.4"))
    page.get_by_role("button", name="Zoom out").click()
    page.get_by_role("button", name="Fit").click()
    expect(page.locator("#graph .view")).to_have_attribute("transform", re.compile(r"translate\(0,0\) scale\(1\)"))
    page.locator("#graph > svg").hover()
    page.mouse.wheel(0, -300)
    expect(page.locator("#graph .view")).not_to_have_attribute("transform", re.compile(r"scale\(1\)"))


REACHED = """() => {
  const nodes = [...document.querySelectorAll('#graph .node')];
  return nodes.map((node) => ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].map((key) => {
    node.focus();
    node.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    return nodes.indexOf(document.activeElement);
  }));
}"""


@pytest.mark.parametrize("path", [YE, WARD])
def test_arrows_reach_every_paper_of_the_network(visit: Visit, built_in: str, path: str) -> None:
    page = visit(built_in)
    page.goto(path)
    ways: list[list[int]] = page.evaluate(REACHED)
    seen, queue = {0}, deque([0])
    while queue:
        for near in ways[queue.popleft()]:
            if near not in seen:
                seen.add(near)
                queue.append(near)
    assert seen == set(range(len(ways)))


def test_the_network_by_keyboard(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    page.locator("input[name=kind][value=cited]").focus()
    page.keyboard.press("Tab")
    first = page.locator("#graph .node.this")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    here = page.locator("#graph .node:focus")
    expect(here).to_have_class(re.compile("citing"))
    expect(page.locator("#graph .tip")).to_be_visible()
    for key, scale in (("+", "1.4"), ("-", "1"), ("0", "1")):
        page.keyboard.press(key)
        expect(page.locator("#graph .view")).to_have_attribute("transform", re.compile(rf"scale\({scale}\)"))
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#graph .view")).to_have_attribute("transform", re.compile(r"translate\(-\d+"))
    before = place(here)
    page.keyboard.press("m")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert place(here) == [before[0] + 8, before[1] + 8]
    page.keyboard.press("m")
    href = here.get_attribute("href")
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#graph .node:focus")).to_have_attribute("href", href or "")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{href}$"))


@pytest.mark.parametrize("scripts", [True, False])
def test_the_table_is_sorted_and_cut_down(visit: Visit, built_in: str, scripts: bool) -> None:
    page = visit(built_in, scripts=scripts)
    page.goto(WARD)
    rows, heading = page.locator("table.sortable tbody tr"), page.locator("th", has_text="Title").first
    everything = rows.count()
    for order in ("ascending", "descending"):
        heading.locator("a").click()
        expect(heading).to_have_attribute("aria-sort", order)
        titles = [text.casefold() for text in page.locator("tbody th").all_inner_texts()]
        assert titles == sorted(titles, reverse=order == "descending")
    page.get_by_label("Words").fill("Vérsh rudelson")
    page.locator("form.choose").get_by_role("button", name="Show").click()
    shown = rows.locator("visible=true")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Vershynin")
    expect(page.locator("form.choose output")).to_have_text(f"1 of {everything}")
    page.get_by_label("Words").clear()
    page.get_by_label("Relation").select_option("cited here")
    page.locator("form.choose").get_by_role("button", name="Show").click()
    expect(shown).to_have_count(page.locator(".node.cited").count())


def test_a_row_s_title_is_its_link(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(YE)
    link = page.locator("tbody th a").first
    title = link.inner_text()
    link.click()
    expect(page.locator("h1")).to_have_text(title)
