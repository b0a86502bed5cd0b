"""A library whose every field attacks: the page, the layout, the formulas, the database, the reader's eyes."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

from lopside.lens.store import notes, papers
from lopside.lens.store.database import Library
from lopside.lens.text.sound import sound

MARK = "document.documentElement.dataset.taken = 1"
"""What no page may ever have run."""

SCRIPT = f"<script>{MARK}</script>"
HANDLER = f"\"'><img src=x onerror='{MARK}'><svg onload='{MARK}'></textarea></title></style>{SCRIPT}"
ADDRESS = f"javascript:{MARK}"
TEMPLATE = "{{ 7 * 7 }}{% for x in [1] %}loop{% endfor %}{# gone #}"

FORMULAS = {
    "a macro that calls itself": r"$\def\a{\a\a}\a$",
    "a macro that doubles": r"$\def\a{xx}\def\b{\a\a}\def\c{\b\b}\def\d{\c\c}\def\e{\d\d}\def\f{\e\e}\f\f\f\f\f\f\f\f$",
    "deep nesting": "$" + "{" * 20_000 + "x" + "}" * 20_000 + "$",
    "deep fractions": "$" + r"\frac{1}{" * 150 + "x" + "}" * 150 + "$",
    "a hundred thousand letters": "$" + "x + " * 25_000 + "y$",
    "a link": rf"$\href{{{ADDRESS}}}{{click}} \url{{{ADDRESS}}}$",
    "a picture": r"$\includegraphics{http://192.0.2.1/x.png}$",
    "markup": rf"$\htmlData{{x=1}}{{y}} \text{{{SCRIPT}}} \style{{position:fixed}}{{z}}$",
    "a huge rule": r"$\rule{100000em}{100000em}$",
    "text moved over other text": r"$\kern-500em \raisebox{-900em}{Pay here} \hspace{-900em} x$",
    "no end": r"$\frac{1}{",
    "only an opening": r"\begin{align} x &= y",
    "a thousand openings": r"\(" * 1000 + "$" * 1001,
}

MEAN = {
    "script": (SCRIPT, HANDLER, ADDRESS),
    "handler": (HANDLER, SCRIPT, f"https://[{HANDLER}"),
    "template": (TEMPLATE, f"{TEMPLATE}{SCRIPT}", f"https://example.org/{HANDLER}"),
    "sql": ("'); DROP TABLE paper; --", "\" OR title MATCH 'x' NEAR(a b) * ^ {title}: -", "' OR 1=1 --"),
    "eyes": (
        "\u202egnorw\u202e \u2066\u2067\u200f\u200b\u200d\U0001f469\u200d\U0001f467\U0001f3f4\U000e0067\U000e007f",
        "\x00\x01\x1b[31mred\x07\ud800\udfff",
        "\ufeff\u2028\u2029\u0085x",
    ),
    "unbroken": ("W" * 10_000, "M" * 3_000, "https://example.org/" + "a" * 5_000),
    "long": ("a word and " * 900, "Author " * 60, "data:text/html,<script>1</script>"),
    "empty": ("", " \n\t ", "x"),
    "formulas": (" ".join(FORMULAS.values())[:5_000], r"$\def\a{\a\a}\a$", r"\href{javascript:1}{x}"),
}
"""By name: what stands in the title, in names, and as the licence's address."""


def fill(path: Path) -> list[str]:
    """Make the library, and return the slugs of its papers; 500 people wrote the first."""
    store = Library(path)
    try:
        with store.writing() as db:
            keys = [papers.put(db, _facts(name), source=MEAN[name][0][:500] or "x") for name in MEAN]
            for one, other in permutations(keys, 2):
                papers.cite(db, one, other, source=HANDLER)
            for pk, (title, name, _) in zip(keys, MEAN.values(), strict=True):
                said = sound(f"{title} {name}")
                db.execute("UPDATE paper SET own_summary = ? WHERE pk = ?", (said, pk))
                db.execute("INSERT INTO tag VALUES (?, ?)", (pk, sound(name)[:200] or "x"))
                notes.add(db, pk, (said + HANDLER)[: notes.LONGEST])
            db.execute("INSERT INTO question (one, other, why) VALUES (?, ?, ?)", (keys[0], keys[1], HANDLER))
            papers.weigh_terms(db)
            return [slug for (slug,) in db.execute("SELECT slug FROM paper ORDER BY pk")]
    finally:
        store.close()


def _facts(name: str) -> dict[str, Any]:
    title, author, licence = MEAN[name]
    bombs = "\n".join(f"{said}: {formula}" for said, formula in FORMULAS.items())
    return {
        "title": title,
        "authors": [author, *([f"{author[:40]} {k}" for k in range(499)] if name in ("script", "unbroken") else [])],
        "abstract": f"{title} {author} {bombs if name == 'formulas' else HANDLER}",
        "digest": HANDLER,
        "venue": author,
        "year": {"sql": 99_999, "empty": None, "eyes": -5}.get(name, 2021),
        "published": "2021-02-31" if name == "sql" else title[:50],
        "updated": HANDLER,
        "version": SCRIPT,
        "licence": licence,
        "categories": [author[:300], SCRIPT, "a&q=b#c"],
        "ids": {"arxiv": f"../{title[:300]}{name}", "doi": f"10.1/{author[:300]}{name}", "s2": SCRIPT + name},
        "slug": title[:200],
    }
