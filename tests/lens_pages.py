"""All addresses of the reading room that tests and pictures walk through: a new page joins with one line here."""

from __future__ import annotations

import re
from importlib.resources import files

PAGES = {
    "library": "/",
    "found": "/?q={word}&order=oldest",
    "nothing-found": "/?q=zzzzzz&page=3",
    "paper": "/p/{slug}",
    "lab-alternating": "/lab/agd-unbalanced",
    "lab-small-start": "/lab/gd-small-init?steps=200&runs=2&d=200",
    "notes": "/notes",
    "note-on-a-term": "/p/kim2022-rank?anchor=term:matrix%20completion",
    "compare": "/compare?a={slug}&b=ward2023-convergence&c=jiang2022-algorithmic",
    "compare-nothing": "/compare",
    "author": "/author/simon-s-du",
    "term": "/term/matrix%20completion",
    "dense": "/?view=compact&q=has:references",
    "import": "/import?text=arXiv%3A2106.14289",
    "merges": "/merges",
    "map": "/map",
    "about": "/about",
    "not-here": "/nothing/here",
}
"""Pages that are looked at, by a name that makes a file's."""

FILES = {
    "lab-of-paper": "/p/{slug}/lab",
    "lab": "/lab",
    "bibtex": "/p/{slug}.bib",
    "ris": "/p/{slug}.ris",
    "csl": "/p/{slug}.csl.json",
    "json": "/p/{slug}.json",
    "by-arxiv": "/p/arxiv/2106.14289",
    "by-doi": "/p/doi/10.1000/1",
    "csv": "/p/{slug}.csv",
    "library-json": "/library.json?q={word}",
    "notes-json": "/notes.json",
    "compare-json": "/compare.json?a={slug}&b=ward2023-convergence",
    "author-json": "/author/simon-s-du.json",
    "term-json": "/term/matrix%20completion.json",
    "lab-json": "/lab/agd-unbalanced.json",
    "lab-picture": "/lab/gd-small-init.svg",
    "import-json": "/import.json",
    "job": "/import/1",
    "job-json": "/import/1.json",
    "merges-json": "/merges.json",
    "map-json": "/map.json",
    "related-json": "/p/{slug}/related.json?k=8",
    "about-json": "/about.json",
    "chosen": "/selected?as=bib&p={slug}",
    "everything": "/export.json",
    "graph": "/graph.graphml",
    "health": "/healthz",
}
"""What is downloaded, or leads elsewhere."""


def addresses(kinds: dict[str, str], **values: str) -> dict[str, str]:
    """Return the addresses with a paper's slug and a word to search for put in, the built-in library's by default."""
    return {name: path.format(**{"slug": "ye2021-global", "word": "gradient"} | values) for name, path in kinds.items()}


def loaded(first: str) -> dict[str, bytes]:
    """Return the scripts that a page loads, by its first one."""
    static, found, left = files("lopside.lens").joinpath("static"), {}, [first]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = static.joinpath(name).read_bytes()
            if "vendor" not in name:
                left += re.findall(r'(?:from|import) "\./([^"]+)"', found[name].decode())
    return found
