"""What a paper's page says of it: title, people, dates, licence, terms, formulas, tables, notes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from lopside.lens.serving import served
from lopside.lens.store import papers
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill

Visit = Callable[..., Page]
CORPUS: list[dict[str, Any]] = json.loads(files("lopside.lens").joinpath("corpus.json").read_text("utf-8"))["papers"]
YE, WARD = "ye2021-global", "ward2023-convergence"
YE_SENTENCE = (
    "This paper presents the first proof that shows randomly initialized gradient descent converges to a global "
    "minimum of the asymmetric low-rank factorization problem with a polynomial rate."
)


@pytest.fixture(scope="module")
def quoted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a library with the authors' abstracts of two papers, where this machine has them."""
    path = os.environ.get("LOPSIDE_ABSTRACTS", "")
    if not Path(path).is_file():
        pytest.skip("LOPSIDE_ABSTRACTS does not name a file with the authors' abstracts")
    library = tmp_path_factory.mktemp("quoted") / "library.db"
    store = Library(library, fill)
    with store.writing() as db:
        for slug, text in json.loads(Path(path).read_text("utf-8")).items():
            db.execute("UPDATE paper SET abstract = ? WHERE slug = ?", (text, slug))
        papers.weigh_terms(db)
    store.close()
    with served(library) as address:
        yield address


@pytest.mark.parametrize("entry", [paper for paper in CORPUS if paper["slug"] in (YE, WARD)], ids=lambda p: p["slug"])
def test_the_heading_is_the_title_and_every_author_a_link_to_what_they_wrote(
    visit: Visit, built_in: str, entry: dict[str, Any]
) -> None:
    page = visit(built_in)
    page.goto(f"/p/{entry['slug']}")
    expect(page.locator("h1")).to_have_text(entry["title"])
    names = page.locator(".byline a")
    expect(names).to_have_text(entry["authors"])
    names.first.click()
    expect(page.locator(".papers")).to_contain_text(entry["title"])


def test_no_abstract_no_words_in_short(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto("/p/rudelson2009-smallest")
    block = page.locator("section[aria-labelledby=short]")
    expect(block).to_contain_text("No abstract is stored")
    expect(block.locator("blockquote")).to_have_count(0)


def test_in_short_is_a_sentence_of_the_abstract(visit: Visit, quoted: str) -> None:
    page = visit(quoted)
    for slug, sentence in ((YE, YE_SENTENCE), (WARD, "We show that, for a rank-")):
        page.goto(f"/p/{slug}")
        block = page.locator("section[aria-labelledby=short] blockquote")
        expect(block.locator(".label")).to_have_text("From the abstract")
        expect(block).to_contain_text(sentence)
        expect(page.locator("section[aria-labelledby=text]")).to_contain_text("The authors' words, quoted from")


def test_the_identifier_leads_to_arxiv_and_can_be_copied(visit: Visit, built_in: str) -> None:
    page = visit(built_in, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/p/{YE}")
    link = page.get_by_role("link", name="2106.14289", exact=True)
    expect(link).to_have_attribute("href", "https://arxiv.org/abs/2106.14289")
    expect(page.get_by_role("link", name="PDF at arxiv.org")).to_have_attribute(
        "href", "https://arxiv.org/pdf/2106.14289"
    )
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "arXiv:2106.14289"


def test_dates_are_read_by_machines_and_ages_by_people(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(f"/p/{YE}")
    published = page.locator(".facts time").first
    assert date.fromisoformat(published.get_attribute("datetime") or "") == date(2021, 6, 29)
    years = int((date.today() - date(2021, 6, 29)).days / 365.25)
    expect(page.locator(".facts")).to_contain_text(f"2021-06-29 ({years} years ago)")
    for time in page.locator("time").all():
        assert datetime.fromisoformat(time.get_attribute("datetime") or "")
    expect(page.locator(".records")).to_contain_text("today")  # how old the record itself is, and where it is from


def test_no_label_stands_alone_and_categories_lead_to_their_papers(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    for paper in CORPUS[::7]:
        page.goto(f"/p/{paper['slug']}")
        for value in page.locator(".facts dd").all():
            assert value.inner_text().strip()
    page.goto(f"/p/{YE}")
    page.get_by_role("link", name="math.OC").click()
    expect(page.locator(".papers")).to_contain_text("Global Convergence of Gradient Descent")


def test_a_term_shows_where_it_stands(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(f"/p/{YE}")
    term = page.get_by_role("button", name="gradient descent", exact=True).first
    term.click()
    marks = page.locator("#abstract mark")
    expect(marks.first).to_have_text(re.compile("gradient descent", re.IGNORECASE))
    more = page.locator("li:has([aria-pressed=true]) .more")
    expect(more).to_have_text(re.compile(r"\d+ × here, in \d+ of 62 papers"))
    more.get_by_role("link", name="which?").click()
    expect(page.locator("h1")).to_have_text(re.compile("gradient descent", re.IGNORECASE))


def test_terms_are_words_once_each(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    for slug in (YE, WARD):
        page.goto(f"/p/{slug}")
        terms = [text.lower() for text in page.locator("button.term").all_inner_texts()]
        assert len(set(terms)) == len(terms) > 5
        assert not any(a != b and f" {a} " in f" {b} " for a in terms for b in terms)
        assert not {"mathbf", "mathbb", "frac", "top", "times"} & {word for term in terms for word in term.split()}


def test_the_licence_is_told_in_words(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    page.goto(f"/p/{YE}")
    expect(page.locator(".facts")).to_contain_text("arXiv non-exclusive licence 1.0: you may read it at arXiv")


def rendered(page: Page) -> int:
    """Scroll through a page, and return how many formulas it has; all must be drawn, and read aloud as MathML."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    formulas = page.locator(".math")
    for formula in formulas.all():
        formula.scroll_into_view_if_needed()
        expect(formula).to_have_class(re.compile(r"\bdone\b"))
        expect(formula.locator("math")).to_have_count(1)
    expect(page.locator(".katex-error")).to_have_count(0)
    return formulas.count()


def test_our_summaries_formulas_are_drawn(visit: Visit, built_in: str) -> None:
    page = visit(built_in)
    for paper in CORPUS:
        if "digest" in paper:
            page.goto(f"/p/{paper['slug']}")
            assert rendered(page) >= 3
    for recipe in ("agd-unbalanced", "gd-small-init"):
        page.goto(f"/lab/{recipe}")
        assert rendered(page) >= 2


def test_the_abstracts_formulas_are_drawn(visit: Visit, quoted: str) -> None:
    page = visit(quoted)
    count = 0
    for slug in (YE, WARD):
        page.goto(f"/p/{slug}")
        count += rendered(page)
    assert count >= 10


def test_without_scripts_formulas_stand_as_they_were_written(visit: Visit, built_in: str) -> None:
    page = visit(built_in, scripts=False)
    page.goto(f"/p/{YE}")
    expect(page.locator(".math").first).to_have_text(r"$\Sigma \in \mathbb{R}^{m \times n}$")


def test_a_formula_too_wide_scrolls_by_keyboard(visit: Visit, built_in: str) -> None:
    page = visit(built_in, width=320)
    page.goto("/lab/agd-unbalanced")
    formula = page.locator(".math.display.done").last
    expect(formula).to_have_attribute("tabindex", "0")
    formula.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert formula.evaluate("e => e.scrollLeft") > 0
