"""The page of a paper."""

from __future__ import annotations

import math
from typing import Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lopside.lens.importing.merging import now_at
from lopside.lens.lab.recipes import BY_PAPER
from lopside.lens.network import Node, network
from lopside.lens.rendering import address, library, page, whole
from lopside.lens.sources.identifiers import without_version
from lopside.lens.space import links
from lopside.lens.space.refreshing import refresh_behind
from lopside.lens.space.related import WAYS, related_of
from lopside.lens.store import own, papers
from lopside.lens.store.notes import notes_of
from lopside.lens.table import Wanted
from lopside.lens.text.anchors import anchor
from lopside.lens.text.summary import in_short
from lopside.lens.text.tex import pieces
from lopside.lens.words import licence

_KINDS = {"this paper": "this", "cites this": "citing", "cited here": "cited"}
_KINDS |= {"perhaps cites this": "predicted", "perhaps cited here": "predicted"}


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
        missing = links.guesses_of(db, paper.pk)
        values = {
            "terms": terms,
            "papers": db.execute("SELECT count(*) FROM paper").fetchone()[0],
            "graph": network(db, paper, rows, missing.rows if missing else ()),
            "notes": notes_of(db, paper.pk),
            "questions": papers.questions(db, paper.pk),
            "all_tags": own.all_tags(db),
            "missing": missing,
            "near": related_of(db, paper.pk, **_asked(request)),
        }
    sentence = in_short(paper.text, [term["key"] for term in terms])
    parts = pieces(paper.text)
    wanted = Wanted.read(request.query_params)
    about = request.query_params.get("anchor", "")
    made = page(
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
    if values["near"] is None:
        made.background = BackgroundTask(refresh_behind, library(request))
    return made


def _asked(request: Request) -> dict[str, Any]:
    """Return how related papers are asked for: rank, by what, and the weight of citations in percent."""
    given = request.query_params
    way, weight = given.get("by", "text"), whole(given.get("w"))
    return {
        "k": whole(given.get("k")),
        "way": way if way in WAYS else "text",
        "weight": 0.5 if weight is None else min(weight, 100) / 100.0,
    }


def related(request: Request) -> Response:
    """Answer with the related papers as data."""
    with library(request).reading() as db:
        paper = papers.paper(db, request.path_params["slug"])
        if paper is None:
            raise HTTPException(404)
        near = related_of(db, paper.pk, **_asked(request))
    if near is None:
        return JSONResponse({"computed": False}, 202, background=BackgroundTask(refresh_behind, library(request)))
    return JSONResponse({"computed": True, **near.as_data()})


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
    if scheme == "arxiv":
        value = without_version(value)
    with library(request).reading() as db:
        slug = papers.slug_of(db, scheme, value)
    if slug is None:
        raise HTTPException(404)
    return RedirectResponse(f"/p/{slug}", 307)
