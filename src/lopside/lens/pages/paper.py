"""The page of a paper."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lopside.lens.importing.merging import now_at
from lopside.lens.lab.recipes import BY_PAPER
from lopside.lens.network import Node, network
from lopside.lens.rendering import address, library, page
from lopside.lens.store import own, papers
from lopside.lens.store.notes import notes_of
from lopside.lens.table import Wanted
from lopside.lens.text.anchors import anchor
from lopside.lens.text.summary import in_short
from lopside.lens.text.tex import pieces
from lopside.lens.words import licence

_KINDS = {"this paper": "this", "cites this": "citing", "cited here": "cited"}


def show(request: Request) -> Response:
    """Answer with all that is known of a paper."""
    with library(request).reading() as db:
        paper = papers.paper(db, request.path_params["slug"])
        if paper is None:
            kept = now_at(db, request.path_params["slug"])
            if kept is None:
                raise HTTPException(404)
            return RedirectResponse(f"/p/{kept}", 307)
        rows = papers.connected(db, paper.pk)
        terms = papers.terms(db, paper.pk)
        values = {
            "terms": terms,
            "papers": db.execute("SELECT count(*) FROM paper").fetchone()[0],
            "graph": network(db, paper),
            "notes": notes_of(db, paper.pk),
            "questions": papers.questions(db, paper.pk),
            "all_tags": own.all_tags(db),
        }
    sentence = in_short(paper.text, [term["key"] for term in terms])
    parts = pieces(paper.text)
    wanted = Wanted.read(request.query_params)
    about = request.query_params.get("anchor", "")
    return page(
        request,
        "paper.html",
        paper=paper,
        arxiv=paper.ids.get("arxiv"),
        doi=paper.ids.get("doi"),
        asking=_asking(paper),
        quoted=next((source for _, source, _ in paper.records if source == "arXiv"), "your file"),
        licence=licence(paper.licence),
        short=paper.text[sentence.start : sentence.stop] if sentence else None,
        pieces=parts,
        formulas=list({piece.text: piece for piece in parts if piece.kind != "prose"}.values()),
        rows=rows,
        citing=[row for row in rows if row["relation"] == "cites this"],
        cited=[row for row in rows if row["relation"] == "cited here"],
        wanted=wanted,
        shown=wanted.rows(rows),
        years=sorted({row["year"] for row in rows if row["year"]}, reverse=True),
        about=about if anchor(about) else "",
        states=own.STATES,
        mark=own.mark_of(paper.own_summary),
        longest={"tag": own.LONGEST_TAG, "summary": own.LONGEST_SUMMARY},
        kinds=_KINDS,
        distance=_distance,
        recipe=BY_PAPER.get(paper.slug),
        **values,
    )


def _asking(paper: papers.Paper) -> str:
    """Return the address of an import that asks for all that can be known of a paper."""
    named = next((f"{shown}{paper.ids[scheme]}" for scheme, shown in _NAMED if scheme in paper.ids), paper.title)
    return address("/import", text=named)


_NAMED = (("arxiv", "arXiv:"), ("doi", "https://doi.org/"), ("s2", ""), ("corpus", "CorpusId:"))


def _distance(a: Node, b: Node) -> float:
    return max(math.hypot(a.x - b.x, a.y - b.y), 1.0)


def by_identifier(request: Request) -> Response:
    """Lead from an identifier to the page of its paper."""
    scheme = request.url.path.split("/")[2]
    value = request.path_params["value"].lower()
    with library(request).reading() as db:
        slug = papers.slug_of(db, scheme, value)
    if slug is None:
        raise HTTPException(404)
    return RedirectResponse(f"/p/{slug}", 307)
