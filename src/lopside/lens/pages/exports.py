"""A paper as BibTeX, RIS, CSL-JSON and JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lopside.lens.rendering import library
from lopside.lens.store import papers
from lopside.lens.store.papers import Paper
from lopside.lens.text.names import family
from lopside.lens.text.summary import in_short
from lopside.lens.text.tex import plain


def paper(request: Request) -> Response:
    """Answer with a paper in the form that the address ends with."""
    kind = next(kind for kind in KINDS if request.url.path.endswith(f".{kind}"))
    with library(request).reading() as db:
        found = papers.paper(db, request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        made = KINDS[kind].of(db, found)
    headers = {"content-disposition": f'inline; filename="{found.slug}.{kind}"'}
    return Response(made, media_type=KINDS[kind].media, headers=headers)


def _bibtex(_: sqlite3.Connection, paper: Paper) -> str:
    lines = [
        ("author", " and ".join(name for _, name in paper.authors)),
        ("title", paper.title),
        ("year", str(paper.year or "")),
        ("journal", paper.venue or ""),
        ("doi", paper.ids.get("doi", "")),
        ("eprint", paper.ids.get("arxiv", "")),
        ("archiveprefix", "arXiv" if "arxiv" in paper.ids else ""),
    ]
    key = paper.slug.replace("-", "")
    inside = ",\n".join(f"  {name} = {{{_balanced(value)}}}" for name, value in lines if value)
    return f"@{'article' if paper.venue else 'misc'}{{{key},\n{inside}\n}}\n"


def _balanced(value: str) -> str:
    """Return a value whose braces fit and in which no command reads a file."""
    for command in ("\\input", "\\include", "\\write", "\\openin", "\\openout", "\\catcode"):
        value = value.replace(command, command[1:])
    depth, out = 0, []
    for character in value:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            depth = 0
            continue
        out.append(character)
    return "".join(out) + "}" * depth


def _ris(_: sqlite3.Connection, paper: Paper) -> str:
    fields = [("TY", "JOUR" if paper.venue else "UNPB"), ("TI", plain(paper.title))]
    fields += [("AU", _reversed(name)) for _, name in paper.authors]
    fields += [("PY", str(paper.year or "")), ("JO", paper.venue or ""), ("DO", paper.ids.get("doi", ""))]
    fields += [
        ("AB", paper.abstract or ""),
        ("UR", f"https://arxiv.org/abs/{paper.ids['arxiv']}" if "arxiv" in paper.ids else ""),
    ]
    lines = [f"{tag}  - {' '.join(value.split())}" for tag, value in fields if value]
    return "\r\n".join([*lines, "ER  - ", ""])


def _reversed(name: str) -> str:
    last = family(name)
    first = name.removesuffix(last).strip()
    return f"{last}, {first}" if first else last


def _csl(_: sqlite3.Connection, paper: Paper) -> str:
    return json.dumps([csl(paper)], ensure_ascii=False, indent=1)


def csl(paper: Paper) -> dict[str, Any]:
    """Return a paper as CSL-JSON."""
    found: dict[str, Any] = {
        "id": paper.slug,
        "type": "article-journal" if paper.venue else "article",
        "title": plain(paper.title),
        "author": [
            {"family": family(name), "given": name.removesuffix(family(name)).strip()} for _, name in paper.authors
        ],
    }
    if paper.year:
        day = [int(part) for part in (paper.published or str(paper.year)).split("-")]
        found["issued"] = {"date-parts": [day]}
    further = {"container-title": paper.venue, "DOI": paper.ids.get("doi"), "abstract": paper.abstract}
    found |= {key: value for key, value in further.items() if value}
    if "arxiv" in paper.ids:
        found["URL"] = f"https://arxiv.org/abs/{paper.ids['arxiv']}"
    return found


def _json(db: sqlite3.Connection, paper: Paper) -> str:
    terms = [dict(term) for term in papers.terms(db, paper.pk)]
    sentence = in_short(paper.text, [term["key"] for term in terms])
    rows = papers.connected(db, paper.pk)
    record = {
        "slug": paper.slug,
        "title": paper.title,
        "authors": [name for _, name in paper.authors],
        "year": paper.year,
        "published": paper.published,
        "updated": paper.updated,
        "venue": paper.venue,
        "ids": paper.ids,
        "categories": paper.categories,
        "licence": paper.licence,
        "abstract": paper.abstract,
        "summary": paper.digest,
        "own_summary": paper.own_summary,
        "in_short": paper.text[sentence.start : sentence.stop] if sentence else None,
        "key_terms": terms,
        "citations": [row["slug"] for row in rows if row["relation"] == "cites this"],
        "references": [row["slug"] for row in rows if row["relation"] == "cited here"],
        "records": [{"part": part, "source": source, "fetched_at": at} for part, source, at in paper.records],
    }
    return json.dumps(record, ensure_ascii=False, indent=1)


class Kind(NamedTuple):
    """A form in which papers leave.

    Attributes
    ----------
    of : callable
        (db, paper) ↦ text.
    media : str
    """

    of: Callable[[sqlite3.Connection, Paper], str]
    media: str


KINDS = {
    "bib": Kind(_bibtex, "application/x-bibtex; charset=utf-8"),
    "ris": Kind(_ris, "application/x-research-info-systems; charset=utf-8"),
    "csl.json": Kind(_csl, "application/vnd.citationstyles.csl+json"),
    "json": Kind(_json, "application/json"),
}
"""What an address may end with; the longer one first where one ends with the other."""
