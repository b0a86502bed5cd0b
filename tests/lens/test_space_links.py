"""Citations: the space, missing links that are planted and found, and refusal where there is too little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lopside.lens.space import citations, links, runs
from lopside.lens.space.links import guesses_of
from lopside.lens.space.refreshing import refresh
from lopside.lens.space.related import related_of
from lopside.lens.store.database import Library
from tests.lens.spaces import built_in, planted


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = planted(tmp_path_factory.mktemp("links") / "library.db")
    refresh(made)
    yield made
    made.close()


def test_the_built_in_papers_refuse(tmp_path: Path) -> None:
    store = built_in(tmp_path / "library.db")
    refresh(store)
    with store.reading() as db:
        lists = db.execute(
            "SELECT count(*) FROM (SELECT citing FROM citation GROUP BY citing HAVING count(*) > 1)"
        ).fetchone()[0]
        said = f"Needs reference lists of at least 30 papers; stored: {lists}. Import references."
        assert lists == 1
        for kind in ("citations", "links"):
            run = runs.current(db, kind)
            assert run is not None
            assert run.metrics["refused"] == said
        assert citations.citation_space(db) is None
        assert db.execute("SELECT count(*) FROM link_guess").fetchone()[0] == 0
        near = related_of(db, 1, way="both")
        assert near is not None
        assert (near.way, near.ways) == ("text", ["text"])
    store.close()


def test_planted_links_beat_popularity(store: Library) -> None:
    with store.reading() as db:
        run = runs.current(db, "links")
    assert run is not None
    rates = run.metrics["rates"]
    assert set(rates) == {"completion", "popularity", "common neighbours", "Adamic–Adar", "text"}
    assert run.metrics["shown"]
    assert rates["completion"]["mrr"] > 1.5 * rates["popularity"]["mrr"]
    assert rates["completion"]["recall"] > 1.5 * rates["popularity"]["recall"]
    others = {name: rate["mrr"] for name, rate in rates.items() if name != "completion"}
    assert run.metrics["best_other"] == max(others, key=others.__getitem__)


def test_guesses_are_possible_and_likely(store: Library) -> None:
    with store.reading() as db:
        guesses = db.execute(
            "SELECT link_guess.*, one.year AS citing_year, other.year AS cited_year, one.slug AS a, other.slug AS b "
            "FROM link_guess JOIN paper AS one ON one.pk = citing JOIN paper AS other ON other.pk = cited"
        ).fetchall()
        edges = {tuple(row) for row in db.execute("SELECT citing, cited FROM citation")}
    degree = {pk: sum(pk in edge for edge in edges) for edge in edges for pk in edge}
    assert len(guesses) > 300
    for row in guesses:
        assert row["cited_year"] <= row["citing_year"] + 1
        assert (row["citing"], row["cited"]) not in edges
        assert (row["cited"], row["citing"]) not in edges
        assert min(degree[row["citing"]], degree[row["cited"]]) >= 3
        assert row["common"] >= 1
    assert np.mean([row["a"][:2] == row["b"][:2] for row in guesses]) > 0.98  # of one planted group


def test_a_hidden_citation_is_guessed(tmp_path: Path) -> None:
    """A share of what is taken away comes back among five guesses, far more than by chance."""
    store = planted(tmp_path / "library.db", groups=6)
    with store.writing() as db:
        edges = [tuple(row) for row in db.execute("SELECT citing, cited FROM citation ORDER BY 1, 2")]
        gone = [edges[at] for at in np.random.default_rng(9).permutation(len(edges))[:80]]
        db.executemany("DELETE FROM citation WHERE citing = ? AND cited = ?", gone)
    refresh(store)
    with store.reading() as db:
        found = {tuple(row) for row in db.execute("SELECT citing, cited FROM link_guess")}
    assert sum(edge in found for edge in gone) / len(gone) > 5 * 5 / 360
    store.close()


def test_where_it_is_no_better_nothing_is_shown(tmp_path: Path) -> None:
    """Citations by popularity alone, across all: there is no structure to complete."""
    store = planted(tmp_path / "library.db", groups=2, each=40)
    rng = np.random.default_rng(1)
    with store.writing() as db:
        db.execute("DELETE FROM citation")
        keys = [pk for (pk,) in db.execute("SELECT pk FROM paper ORDER BY pk")]
        chance = 1.0 / np.arange(1, 81) ** 1.2
        for at, pk in enumerate(keys):
            for other in rng.choice(80, 5, replace=False, p=chance / chance.sum()):
                if other != at:
                    db.execute("INSERT OR IGNORE INTO citation VALUES (?, ?, 'test')", (pk, keys[other]))
    refresh(store)
    with store.reading() as db:
        run = runs.current(db, "links")
        assert run is not None
        rates = run.metrics["rates"]
        better = all(rates["completion"][m] > rates["popularity"][m] for m in ("recall", "mrr"))
        assert run.metrics["shown"] == better
        assert not better
        assert db.execute("SELECT count(*) FROM link_guess").fetchone()[0] == 0
    store.close()


def test_guesses_of_a_paper(store: Library) -> None:
    with store.reading() as db:
        pk = db.execute("SELECT citing FROM link_guess GROUP BY 1 ORDER BY count(*) DESC").fetchone()[0]
        found = guesses_of(db, pk)
    assert found is not None
    assert 1 <= len(found.rows) <= 5
    assert len({row["pk"] for row in found.rows}) == len(found.rows)
    scores = [row["score"] for row in found.rows]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_both_is_a_mean_that_adds_up(store: Library, weight: float) -> None:
    with store.reading() as db:
        pk = db.execute("SELECT pk FROM paper WHERE slug = 'g2-p030'").fetchone()[0]
        near = related_of(db, pk, 12, way="both", weight=weight, most=20)
        by_text = related_of(db, pk, 12, most=400)
        by_cites = related_of(db, pk, 12, way="citations", most=400)
    assert near is not None
    assert by_text is not None
    assert by_cites is not None
    texts = {paper.slug: paper.score for paper in by_text.papers}
    cites = {paper.slug: paper.score for paper in by_cites.papers}
    assert near.ways == ["text", "citations", "both"]
    for paper in near.papers:
        mean = (1 - weight) * texts.get(paper.slug, 0.0) + weight * cites.get(paper.slug, 0.0)
        assert paper.score == pytest.approx(mean, abs=1e-5)
        assert sum(reason.score for reason in paper.reasons) == pytest.approx(paper.score, abs=1e-9)


def test_shared_citations_are_counted(store: Library) -> None:
    with store.reading() as db:
        pk = db.execute("SELECT pk FROM paper WHERE slug = 'g1-p040'").fetchone()[0]
        near = related_of(db, pk, way="citations")
        edges = {tuple(row) for row in db.execute("SELECT citing, cited FROM citation")}
    assert near is not None
    cites = {other for citing, other in edges if citing == pk}
    cited_by = {other for other, cited in edges if cited == pk}
    for paper in near.papers:
        references = cites & {other for citing, other in edges if citing == paper.pk}
        citers = cited_by & {other for other, cited in edges if cited == paper.pk}
        assert paper.shared == (len(references), len(citers))
    assert near.papers[0].slug.startswith("g1-")


def test_ranks_of_ties_are_in_the_middle() -> None:
    scores = np.array([[3.0, 1.0, 1.0, 1.0, 9.0]])
    free = np.array([[True, True, True, True, False]])
    assert links._ranks(scores, np.array([2]), free).tolist() == [3.0]
    assert links._ranks(scores, np.array([0]), free).tolist() == [1.0]
