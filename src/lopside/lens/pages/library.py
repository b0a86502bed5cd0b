"""The library: all papers, or those that a query asks for."""

from __future__ import annotations

import re
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from lopside.lens.rendering import address, library, page
from lopside.lens.space.meaning import near_words
from lopside.lens.store.search import LONGEST, ORDERS, PAGE, parsed, search, years_of


def show(request: Request) -> Response:
    """Answer with a list of papers."""
    given = request.query_params
    asked = given.get("q", "")[:LONGEST].strip()
    order = given.get("order", "relevance")
    order = order if order in ORDERS else "relevance"
    number = int(given["page"]) if re.fullmatch(r"[1-9]\d{0,5}", given.get("page", "")) else 1
    query = parsed(asked)
    with library(request).reading() as db:
        found = search(db, query, order=order, page=number)
        years = years_of(db, query)
        meant = near_words(db, asked) if number == 1 else None
    state = {"q": asked, "order": order if order != "relevance" else "", "page": number}
    return page(
        request,
        "library.html",
        here="library",
        asked=asked,
        rows=found.rows,
        count=found.total,
        ignored=query.ignored,
        meant=meant,
        welcome=not asked and number == 1,
        order=order,
        orders=[name for name in ORDERS if name != "relevance" or query.match],
        page=number,
        pages=-(-found.total // PAGE),
        years=years,
        most=max((count for _, count in years), default=1),
        plain_query=re.sub(r"-?\byear:\S*", "", asked).strip(),
        address=partial(_changed, state),
    )


def _changed(state: dict[str, object], **change: object) -> str:
    return address("/", **(state | change))
