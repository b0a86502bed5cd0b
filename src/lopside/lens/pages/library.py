"""The library: all papers, or those that a query asks for."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lopside.lens.rendering import address, library, page
from lopside.lens.space.meaning import near_words
from lopside.lens.store.facets import facets, toggled, years_of
from lopside.lens.store.own import all_tags
from lopside.lens.store.search import LONGEST, ORDERS, Query, parsed, search


def _state(request: Request) -> tuple[dict[str, Any], Query]:
    """Return what an address says: query, order, page and density; and the query as it is understood."""
    given = request.query_params
    order, number = given.get("order", ""), given.get("page", "")
    state = {
        "q": given.get("q", "")[:LONGEST].strip(),
        "order": order if order in ORDERS and order != "relevance" else "",
        "page": int(number) if re.fullmatch(r"[1-9]\d{0,5}", number, re.ASCII) else 1,
        "view": "compact" if given.get("view") == "compact" else "",
    }
    return state, parsed(state["q"])


def show(request: Request) -> Response:
    """Answer with a list of papers."""
    state, query = _state(request)
    asked, order = state["q"], state["order"] or "relevance"
    with library(request).reading() as db:
        found = search(db, query, order=order, page=state["page"])
        state["page"] = found.page
        years, divided, tags = years_of(db), facets(db), all_tags(db)
        meant = near_words(db, asked) if found.page == 1 else None
    return page(
        request,
        "library.html",
        here="library",
        asked=asked,
        rows=found.rows,
        count=found.total,
        ignored=query.ignored,
        meant=meant,
        welcome=not asked and found.page == 1,
        order=order,
        orders=[name for name in ORDERS if name != "relevance" or query.match],
        page=found.page,
        pages=found.pages,
        years=years,
        most=max((count for _, count in years), default=1),
        plain_query=re.sub(r"-?\byear:\S*", "", asked).strip(),
        facets=divided,
        toggled=partial(toggled, asked),
        compact=bool(state["view"]),
        tags=tags,
        address=partial(_changed, state),
        twin=address("/library.json", **state),
    )


def _changed(state: dict[str, object], **change: object) -> str:
    return address("/", **(state | change))


def as_json(request: Request) -> Response:
    """Answer with the same list as JSON."""
    state, query = _state(request)
    with library(request).reading() as db:
        found = search(db, query, order=state["order"] or "relevance", page=state["page"])
        divided = facets(db)
    kept = ("slug", "title", "year", "reading", "degree")
    joined = ("authors", "tags", "terms")
    papers = [
        {name: row[name] for name in kept} | {name: row[name].split(" · ") if row[name] else [] for name in joined}
        for row in found.rows
    ]
    return JSONResponse(
        {
            "query": state["q"],
            "not_understood": query.ignored,
            "count": found.total,
            "page": found.page,
            "pages": found.pages,
            "papers": papers,
            "facets": {name: [value._asdict() for value in values] for name, values in divided.items()},
        }
    )
