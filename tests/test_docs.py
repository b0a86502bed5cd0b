"""Every paper cited in a docstring is in the bibliography."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "lopside"

KEY = r"[A-Z][A-Za-z]*\d\d"
# As in [WK23], [WK23, Thm 5.1] and [WK23, Thm 5.1; YD21].
CITATION = re.compile(rf"\[({KEY}(?:[,;][^\[\]]*)?)\]")
# Modules of theory that serve the others and state no theorem.
RECORDS = {"arguments", "certificate", "dense", "inequality", "linear_bound", "measurements"}
THEOREMS = [path for path in sorted((SOURCE / "theory").glob("[!_]*.py")) if path.stem not in RECORDS]


def cited(text: str) -> set[str]:
    """Return the keys of all citations in a text."""
    parts = (part for citation in CITATION.findall(text) for part in citation.split(";"))
    return {found[0] for part in parts if (found := re.match(rf"{KEY}\b", part.strip()))}


def docstrings(path: Path) -> str:
    """Return all docstrings of a file, one after the other."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, kinds))
    return "\n".join(ast.get_docstring(node) or "" for node in nodes)


def bibliography() -> dict[str, str]:
    """Return the text of every entry of the bibliography by its key."""
    entries = re.split(r"^@", (ROOT / "docs" / "references.bib").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    keys = [re.match(r"\w+\{(\w+),", entry) for entry in entries]
    found = {key[1]: entry for key, entry in zip(keys, entries, strict=True) if key}
    assert len(found) == len(entries), "a key appears twice in references.bib, or an entry has none"
    return found


def test_citations_are_found_in_text() -> None:
    text = "as in [WK23, Thm 5.1; YD21] and [E88], but X[0], [A1a], agd[step_size=0.5] and [3] are no papers"
    assert cited(text) == {"WK23", "YD21", "E88"}


def test_every_entry_is_complete() -> None:
    for key, entry in bibliography().items():
        missing = [f for f in ("author", "title", "year") if not re.search(rf"^\s*{f}\s*=", entry, re.MULTILINE)]
        assert not missing, f"{key} in references.bib lacks {missing}"


def test_every_citation_resolves() -> None:
    known = bibliography().keys()
    unknown = {
        f"{path.relative_to(ROOT)}: [{key}]"
        for path in sorted(SOURCE.rglob("*.py"))
        for key in cited(docstrings(path)) - known
    }
    assert not unknown


@pytest.mark.parametrize("path", THEOREMS, ids=lambda path: path.stem)
def test_every_theorem_names_its_source(path: Path) -> None:
    assert cited(docstrings(path)), f"{path.relative_to(ROOT)} cites no paper, as in [WK23, Thm 5.1]"


def test_what_scaling_says_of_numbers_is_what_was_measured():
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- from benchmarks/results/scaling.txt -->\n```\n")[2].partition("```\n<!-- end -->")[0]
    measured = (ROOT / "benchmarks" / "results" / "scaling.txt").read_text(encoding="utf-8")
    assert shown
    assert shown == measured
