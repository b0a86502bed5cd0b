"""Papers side by side."""

from __future__ import annotations

from dataclasses import asdict, replace
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lopside.lens.comparison import MOST, Comparison, compared
from lopside.lens.formats.record import record
from lopside.lens.lab.recipes import BY_PAPER, RECIPES
from lopside.lens.proved import PROVED
from lopside.lens.rendering import library, page
from lopside.lens.store import papers
from lopside.lens.store.papers import Paper
from lopside.lens.text.names import family
from lopside.lens.text.summary import in_short

_NAMES = "abcd"
"""Of the parameters."""


def address(slugs: list[str], path: str = "/compare") -> str:
    """Return where papers are compared."""
    return f"{path}?{urlencode(list(zip(_NAMES, slugs, strict=False)))}"


def show(request: Request) -> Response:
    """Answer with two to four papers side by side; a list of ticked papers leads to their address."""
    given = request.query_params
    ticked = list(dict.fromkeys([*(given[name] for name in _NAMES if given.get(name)), *given.getlist("p")]))
    if "p" in given:
        return RedirectResponse(address(ticked[:MOST]) if ticked else "/compare", 303)
    if len(ticked) < 2:
        return page(request, "compare.html", here="compare", title="Compare", found=None, ticked=ticked)
    found, terms, left_out = _found(request, ticked)
    sentences = [in_short(paper.text, keys) for paper, keys in zip(found.papers, terms, strict=True)]
    return page(
        request,
        "compare.html",
        here="compare",
        title="Compare",
        found=found,
        ticked=[paper.slug for paper in found.papers],
        left_out=left_out,
        names=[_short(paper) for paper in found.papers],
        shorts=[
            paper.text[sentence.start : sentence.stop] if sentence else None
            for paper, sentence in zip(found.papers, sentences, strict=True)
        ],
        proved=[PROVED.get(paper.slug) for paper in found.papers],
        lab=_joint_lab(found.papers),
        twin=address([paper.slug for paper in found.papers], "/compare.json"),
        timeline=sorted((paper for paper in found.papers if paper.year), key=lambda p: p.published or str(p.year)),
    )


def _found(request: Request, slugs: list[str]) -> tuple[Comparison, list[list[str]], list[str]]:
    with library(request).reading() as db:
        known = [(slug, papers.paper(db, slug)) for slug in slugs[:MOST]]
        there = [paper for _, paper in known if paper is not None]
        if len(there) < 2:
            raise HTTPException(404, "Fewer than two of these papers are in the library. Choose others.")
        terms = [[row["key"] for row in papers.terms(db, paper.pk)] for paper in there]
        return compared(db, there), terms, [slug for slug, paper in known if paper is None] + slugs[MOST:]


def as_json(request: Request) -> Response:
    """Answer with the same as JSON."""
    slugs = list(dict.fromkeys(request.query_params[name] for name in _NAMES if request.query_params.get(name)))
    if len(slugs) < 2:
        raise HTTPException(400, "Two papers are wanted, as /compare.json?a=…&b=…, with their slugs.")
    found, _, _ = _found(request, slugs)
    with library(request).reading() as db:
        made = asdict(found) | {"papers": [record(db, paper) for paper in found.papers]}
    made["proved"] = {paper.slug: PROVED[paper.slug]._asdict() for paper in found.papers if paper.slug in PROVED}
    for name in ("references", "citers", "shared"):
        made[name] = [one._asdict() for one in getattr(found, name)]
    for made_pair, pair in zip(made["pairs"], found.pairs, strict=True):
        made_pair["addends"] = [addend._asdict() for addend in pair.addends]
        made_pair["path"] = None if pair.path is None else [step._asdict() for step in pair.path]
    return JSONResponse(made)


def _short(paper: Paper) -> str:
    """Return what a paper is called in a table: its first author's family name and its year."""
    names = [family(name) for _, name in paper.authors]
    who = f"{names[0]} et al." if len(names) > 2 else " & ".join(names) or paper.title[:40]
    return f"{who} {paper.year or ''}".strip()


def _joint_lab(found: list[Paper]) -> str | None:
    """Return the address of a run of all their algorithms, each from its start, on one matrix by one step size."""
    recipes = [BY_PAPER[paper.slug].settings for paper in found if paper.slug in BY_PAPER]
    if len(recipes) < 2:
        return None
    curves = tuple(f"{recipe.solver} / {recipe.starts[0]}" for recipe in recipes)
    joint = replace(recipes[0], starts=curves, step="0.25/sigma1", d=max(recipe.d for recipe in recipes))
    return f"/lab/{next(iter(RECIPES))}?{joint.query()}"
