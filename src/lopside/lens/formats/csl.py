"""CSL-JSON, which most reference managers read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lopside.lens.store.papers import Paper
from lopside.lens.text.names import family
from lopside.lens.text.tex import plain


def csl(papers: Sequence[Paper]) -> str:
    """Return papers as a list of CSL-JSON, in their order."""
    return json.dumps([_item(paper) for paper in papers], ensure_ascii=False, indent=1)


def _item(paper: Paper) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": paper.slug,
        "type": "article-journal" if paper.venue else "article",
        "title": plain(paper.title),
        "author": [_name(name) for _, name in paper.authors],
    }
    if paper.year:
        day = [int(part) for part in (paper.published or str(paper.year))[:10].split("-")]
        found["issued"] = {"date-parts": [day]}
    further = {"container-title": paper.venue, "DOI": paper.ids.get("doi"), "abstract": paper.abstract}
    found |= {key: value for key, value in further.items() if value}
    if "arxiv" in paper.ids:
        found["URL"] = f"https://arxiv.org/abs/{paper.ids['arxiv']}"
    return found


def _name(name: str) -> dict[str, str]:
    last = family(name)
    first = name.removesuffix(last).strip() or name.rpartition(",")[2].strip() if name != last else ""
    return {"family": last, "given": first} if first else {"family": last}
