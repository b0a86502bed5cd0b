"""TeX apart from prose, names, key terms, and the sentence that says most."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.lens.text.names import family, folded, repaired
from lopside.lens.text.summary import in_short, sentences
from lopside.lens.text.terms import counted, key_terms
from lopside.lens.text.tex import pieces, plain, words_of
from lopside.lens.text.words import word_key

TEXTS = st.text(st.sampled_from("$\\()[]{}ab 1'\"^~-.%&é\n"), max_size=60)
CORPUS: list[dict[str, Any]] = json.loads(files("lopside.lens").joinpath("corpus.json").read_text("utf-8"))["papers"]


def abstracts() -> dict[str, str]:
    path = os.environ.get("LOPSIDE_ABSTRACTS", "")
    if not Path(path).is_file():
        pytest.skip("LOPSIDE_ABSTRACTS does not name a file with the authors' abstracts")
    return json.loads(Path(path).read_text("utf-8"))


@given(TEXTS)
def test_the_sources_make_up_the_text(text: str) -> None:
    assert "".join(piece.source for piece in pieces(text)) == text


@given(TEXTS)
def test_sentences_are_places_in_the_text(text: str) -> None:
    end = 0
    for sentence in sentences(text):
        assert end <= sentence.start < sentence.stop <= len(text)
        end = sentence.stop


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (r"a $x$ b", ["prose", "inline", "prose"]),
        (r"\[x\] and \(y\)", ["display", "prose", "inline"]),
        (r"$$x$$", ["display"]),
        (r"\begin{align}x\end{align}", ["display"]),
        ("from $5 and $6", ["prose"]),
        ("an open $x", ["prose"]),
        (r"\$5 and $n$", ["prose", "inline"]),
        (r"$a\$b$", ["inline"]),
        (r"\begin{proof}x\end{proof}", ["prose"]),
        ("", []),
    ],
)
def test_what_a_formula_is(text: str, kinds: list[str]) -> None:
    assert [piece.kind for piece in pieces(text)] == kinds


@pytest.mark.parametrize(
    "text", ["$", "\\(", "\\[", "$$", "\\begin{align}", "{", "\\", "\\c", "$x", "a. B", "\\'{", "--"]
)
def test_time_is_in_proportion_to_the_length(text: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        words_of(text * count)
        sentences(text * count)
        return time.process_time() - began

    seconds(1000)
    assert min(seconds(40_000) for _ in range(3)) < 25 * min(seconds(5_000) for _ in range(3)) + 0.05


def test_prose_is_what_a_reader_sees() -> None:
    assert plain(r"Erd\H{o}s, \v{S}, \c c, {\L}ojasiewicz, \'{\i}, \oe uvre") == "Erdős, Š, ç, Łojasiewicz, í, œuvre"
    assert plain(r"see \cite{a,b}\textbf{bold}~x") == "see bold x"
    assert plain("``quoted'' -- and---so") == "“quoted” – and—so"


def test_names() -> None:
    assert [repaired(name) for name in ("D'Angelo", "Jovanovi'c", r"M\"uller")] == ["D'Angelo", "Jovanović", "Müller"]
    assert family("Vivien A. Cabannes") == "Cabannes"
    assert folded("Łojasiewicz–Kurdyka") == folded("łojasiewicz kurdyka")


def test_one_form_for_all_spellings() -> None:
    pairs = [
        ("non-convex", "Nonconvex"),
        ("factorisation", "factorizations"),
        ("over-parametrised", "overparameterized"),
    ]
    for one, other in pairs:
        assert word_key(one) == word_key(other)
    assert word_key("supervised") == "supervised"
    assert [word_key(word) for word in ("sizes", "minimizes", "boxes")] == ["size", "minimize", "box"]
    assert word_key("noise") == "noise"


def weighed(texts: dict[str, str]) -> dict[str, list[Any]]:
    found = {paper["slug"]: counted(paper["title"], texts.get(paper["slug"], "")) for paper in CORPUS}
    df = Counter(key for one in found.values() for key in one.times)
    return {slug: key_terms(one, df, len(found), 20) for slug, one in found.items()}


def require_sound(texts: dict[str, str]) -> dict[str, list[Any]]:
    weights = weighed(texts)
    for slug, terms in weights.items():
        keys = [term.key for term in terms]
        assert len(set(keys)) == len(keys)
        assert not any(f" {a} " in f" {b} " for a in keys for b in keys if a != b)
        title = next(paper["title"] for paper in CORPUS if paper["slug"] == slug)
        prose = words_of(f"{title} | {texts.get(slug, '')}")
        assert all(term.text in prose for term in terms)
        assert not {"mathbf", "mathbb", "frac", "top", "adding", "randomly"} & set(keys)
    return weights


def test_terms_of_the_built_in_papers() -> None:
    weights = require_sound({paper["slug"]: paper.get("digest", "") for paper in CORPUS})
    assert sum(bool(terms) for terms in weights.values()) == len(CORPUS)
    keys = {term.key for slug in ("ye2021-global", "ward2023-convergence") for term in weights[slug]}
    assert not {"start", "siz", "size", "matter", "change", "proved"} & keys


def test_terms_and_sentences_of_the_abstracts() -> None:
    texts = abstracts()
    weights = require_sound(texts)
    keys = {term.key for term in weights["ye2021-global"]}
    assert {
        "asymmetric low-rank",
        "low-rank matrix factorization",
        "global convergence",
        "polynomial",
        "asymmetric matrix sensing",
    } <= keys
    assert {"randomly initialized gradient", "gradient descent"} <= keys
    said = in_short(texts["ye2021-global"], [term.key for term in weights["ye2021-global"]])
    assert said is not None
    assert said.words.startswith("This paper presents the first proof that shows randomly initialized gradient descent")
    assert texts["ye2021-global"][said.start : said.stop].endswith("with a polynomial rate.")
    said = in_short(texts["ward2023-convergence"], [term.key for term in weights["ward2023-convergence"]])
    assert said is not None
    assert texts["ward2023-convergence"][said.start :].startswith("We show that, for a rank-$r$ matrix")


def test_our_summaries_have_the_length_they_are_to_have() -> None:
    lengths = [len(words_of(paper["digest"]).split()) for paper in CORPUS if "digest" in paper]
    assert len(lengths) == 2
    assert all(120 <= length <= 150 for length in lengths)
