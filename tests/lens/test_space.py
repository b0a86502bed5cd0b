"""The space of texts: factors, the reasons of a score, topics, places, and what hostile papers do to them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

import lopside as lo
from lopside.lens.space import runs, text
from lopside.lens.space.factors import factors
from lopside.lens.space.holdout import best_rank, hit_rates
from lopside.lens.space.matrix import corpus_hash, term_matrix, texts
from lopside.lens.space.meaning import near_words
from lopside.lens.space.places import APART, places
from lopside.lens.space.refreshing import refresh
from lopside.lens.space.related import related_of
from lopside.lens.space.text import TextSpace, text_space
from lopside.lens.space.topics import topics, varimax
from lopside.lens.store.database import Library
from tests.lens.spaces import built_in, of_papers


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = built_in(tmp_path_factory.mktemp("space") / "library.db")
    refresh(made)
    yield made
    made.close()


def space_of(db: sqlite3.Connection) -> TextSpace:
    found = text_space(db)
    assert found is not None
    return found


def key(db: sqlite3.Connection, slug: str) -> int:
    return db.execute("SELECT pk FROM paper WHERE slug = ?", (slug,)).fetchone()[0]


def test_rows_have_norm_one_and_terms_are_in_two_papers(store: Library) -> None:
    with store.reading() as db:
        matrix = term_matrix(texts(db))
    np.testing.assert_allclose(np.sqrt(matrix.A.multiply(matrix.A).sum(axis=1)), 1.0)
    assert matrix.df.min() >= 2
    assert np.array_equal(matrix.df, np.bincount(matrix.A.indices))
    assert matrix.keys == sorted(matrix.keys)
    assert (matrix.titles_only, len(matrix.papers)) == (60, 62)


def test_the_hash_tells_papers_apart(store: Library) -> None:
    with store.reading() as db:
        rows = texts(db)
    changed = [*map(dict, rows)]
    changed[5]["title"] += "."
    assert corpus_hash(rows) == corpus_hash([*map(dict, rows)])  # type: ignore[list-item]
    assert corpus_hash(rows) != corpus_hash(changed)  # type: ignore[arg-type]
    assert corpus_hash(rows) != corpus_hash(rows[1:])


def test_truncation_is_what_a_fit_of_that_rank_finds(store: Library) -> None:
    """To what is proved: the least error of a rank is known from the bounds on the singular values."""
    with store.reading() as db:
        A, space = text.matrix(db), space_of(db)
    norm = np.linalg.norm(A.data)
    for k in (2, 5, 12, 30):
        missed = np.linalg.norm(A.toarray() - space.X[:, :k].astype(float) @ space.Y[:, :k].astype(float).T)
        fit = lo.factorize(A, k)
        least = fit.certificate.best_relative_error_bounds[0] * norm
        assert least - 1e-6 <= missed <= least * (1.0 + 1e-6) + 1e-6
        np.testing.assert_allclose(np.abs(np.einsum("ij,ij->j", fit.Y, space.Y[:, :k])), 1.0, atol=1e-5)


def test_a_search_is_truncated_within_its_bounds() -> None:
    rng = np.random.default_rng(5)
    m, n, per = 2400, 2100, 25
    rows = np.repeat(np.arange(m), per)
    columns = (rows % 20 * 100 + (100 * rng.random(m * per) ** 2).astype(int) + (rng.random(m * per) < 0.3) * 300) % n
    A = csr_array((1.0 + rng.random(m * per), (rows, columns)), shape=(m, n))
    found = factors(A, 64)
    assert "LAPACK" not in " ".join(found.metrics["choices"])
    exact = np.sort(svds(A, 12, return_singular_vectors=False, rng=np.random.default_rng(0)))[::-1]
    bounds = found.certificate["singular_value_bounds"]
    for k, sigma in enumerate(exact, 1):
        low, high = bounds[k - 1]
        assert low * (1 - 1e-9) <= sigma <= high * (1 + 1e-9)
        missed = np.linalg.norm(A.toarray() - found.X[:, :k].astype(float) @ found.Y[:, :k].astype(float).T)
        least = np.sqrt(np.sum(A.data**2) - np.sum(exact[:k] ** 2))
        proved = np.sqrt(np.sum(A.data**2) - np.sum([low**2 for low, _ in bounds[:k]]))
        assert least * (1 - 1e-6) <= missed <= proved * (1 + 1e-6)


def test_the_neighbours_are_sensible(store: Library) -> None:
    with store.reading() as db:
        near = related_of(db, key(db, "ye2021-global"))
        assert near is not None
        slugs = [paper.slug for paper in near.papers]
        assert "ward2023-convergence" in slugs[:5]
        assert {"jain2017-global", "chen2019-gradient", "jia2023-preconditioning"} <= set(slugs)
        assert "ye2021-global" not in slugs
        scores = [paper.score for paper in near.papers]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 61), st.integers(2, 64))
def test_reasons_add_up(store: Library, row: int, k: int) -> None:
    """To the score; the score is the cosine; each named term is a largest addend."""
    with store.reading() as db:
        space = space_of(db)
        near = related_of(db, int(space.papers[row]), k)
        assert near is not None
    projected = space.X[:, : near.rank].astype(float) @ space.Y[:, : near.rank].astype(float).T
    for paper in near.papers:
        a, b = projected[row], projected[space.row[paper.pk]]
        addends = a * b / (np.linalg.norm(a) * np.linalg.norm(b))
        assert abs(sum(reason.score for reason in paper.reasons) - paper.score) < 1e-9
        assert abs(addends.sum() - paper.score) < 1e-5
        *named, rest = paper.reasons
        assert rest.name == "all other terms"
        largest = np.sort(addends)[::-1][: len(named)]
        np.testing.assert_allclose([reason.score for reason in named], largest, atol=1e-5)
        assert round(sum(reason.score for reason in paper.shown), 2) == round(paper.score, 2)


def test_the_same_bits_twice(tmp_path: Path) -> None:
    found = []
    for name in ("one.db", "two.db"):
        store = built_in(tmp_path / name)
        refresh(store)
        with store.reading() as db:
            rows = db.execute("SELECT kind, name, value FROM run JOIN run_part ON run = pk ORDER BY 1, 2").fetchall()
        found.append([tuple(row) for row in rows])
        store.close()
    assert len(found[0]) >= 9
    assert found[0] == found[1]


def test_nothing_is_computed_twice_from_the_same_papers(store: Library) -> None:
    with store.reading() as db:
        before = runs.numbers(db)
    refresh(store)
    with store.reading() as db:
        assert runs.numbers(db) == before
        assert [kind for _, kind in before] == ["text", "citations", "links"]


def test_the_query_is_a_point_among_the_papers(store: Library) -> None:
    with store.reading() as db:
        near = near_words(db, 'tensor decomposition author:nobody -cat:x "saddle points" -descent')
        assert all("tensor decomposition" in meant.paper["title"] for meant in near[:2])
        assert all(0 < meant.score <= 1 + 1e-6 for meant in near)
        assert near_words(db, "author:tensor year:2021") == []
        assert near_words(db, "xyzzy") == []
        paper = near_words(db, "Flat minima generalize for low-rank matrix recovery")[0].paper
        assert paper["title"].startswith("Flat minima")


def test_topics_are_papers_with_names_of_their_own(store: Library) -> None:
    with store.reading() as db:
        space = space_of(db)
    for count in (6, 9, 20):
        found = space.grouped(count)
        sizes = np.bincount(found.of[found.of >= 0])
        assert len(sizes) == len(found.terms) <= count
        assert sizes.min() >= 1
        assert list(sizes) == sorted(sizes, reverse=True)
        flat = [term for terms in found.terms for term in terms]
        assert len(flat) == len(set(flat))


def test_varimax_finds_the_axes_again() -> None:
    rng = np.random.default_rng(1)
    L = np.eye(5)[rng.integers(5, size=200)] + 0.05 * rng.standard_normal((200, 5))
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    turned = L @ Q @ varimax(L @ Q)
    assert np.mean(np.sort(np.abs(turned), axis=1)[:, -2]) < 0.12
    np.testing.assert_allclose(varimax(L).T @ varimax(L), np.eye(5), atol=1e-12)


def test_topics_find_planted_groups() -> None:
    rng = np.random.default_rng(2)
    of = rng.integers(6, size=120)
    A = np.zeros((120, 60))
    for row, group in enumerate(of):
        A[row, 10 * group + rng.permutation(10)[:5]] = 1.0
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    found = topics((U * s)[:, :6], Vt[:6].T, [f"term{c}{c}" for c in range(60)], 6)
    pairs = {(int(a), int(b)) for a, b in zip(of, found.of, strict=True)}
    assert len(pairs) == 6


def test_the_rank_is_that_of_planted_papers() -> None:
    rng = np.random.default_rng(4)
    of = rng.integers(7, size=300)
    rows = [[row, 20 * of[row] + column] for row in range(300) for column in rng.permutation(20)[:8]]
    places_of = np.array(rows)
    A = csr_array((np.ones(len(rows)) / np.sqrt(8), (places_of[:, 0], places_of[:, 1])), shape=(300, 140))
    rates = hit_rates(A, 20)
    assert best_rank(rates) in (6, 7, 8)
    assert 0.5 < rates[0] < rates[6] <= 1.0
    assert rates[6] > 0.9


@pytest.mark.parametrize("n", [0, 1, 2, 3, 40])
def test_places_are_apart_and_the_same_every_time(n: int) -> None:
    X = np.random.default_rng(7).standard_normal((n, 5))
    for rows in (X, np.ones_like(X), np.zeros_like(X)):
        found = places(rows)
        assert found.shape == (n, 2)
        assert np.isfinite(found).all()
        assert np.array_equal(found, places(rows))
        far = np.linalg.norm(found[:, None] - found[None], axis=2) + np.eye(n) * 1e9
        assert n < 2 or far.min() > 0.9 * APART


def test_neighbours_are_placed_near() -> None:
    rng = np.random.default_rng(8)
    of = np.repeat(np.arange(4), 12)
    found = places(np.eye(4)[of] + 0.15 * rng.standard_normal((48, 4)))
    far = np.linalg.norm(found[:, None] - found[None], axis=2) + np.eye(48) * 1e9
    nearest = np.argsort(far, axis=1)[:, :3]
    assert np.mean(of[nearest] == of[:, None]) > 0.9


LONG = "matrix factorization " * 480
HOSTILE: dict[str, list[dict[str, Any]]] = {
    "one paper": [{"title": "Low-rank matrices"}],
    "no paper": [],
    "an empty title": [{"title": ""}, {"title": "Low-rank matrices"}],
    "TeX alone": [{"title": r"$\mathbf{A}$"}, {"title": r"\[x\]"}, {"title": r"\begin{align}x\end{align}"}],
    "long": [{"title": LONG}, {"title": "x" * 10_000}, {"title": LONG, "abstract": LONG}],
    "all the same": [{"title": "Gradient descent for low-rank matrices", "slug": f"p{i}"} for i in range(20)],
    "signs": [{"title": "<script>alert(1)</script> descent \u202e"}, {"title": "'; DROP TABLE paper; -- descent"}],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_papers(tmp_path: Path, name: str) -> None:
    store = of_papers(tmp_path / "library.db", HOSTILE[name])
    refresh(store)
    with store.reading() as db:
        space = space_of(db)
        for row in texts(db):
            for k in (None, 0, 1, 64, 999_999):
                near = related_of(db, row["pk"], k)
                assert near is not None
                assert all(np.isfinite(paper.score) and paper.score <= 1 + 1e-5 for paper in near.papers)
                assert all(paper.pk != row["pk"] for paper in near.papers)
        near_words(db, "descent matrix <b>")
        assert len(space.topics.of) == len(texts(db))
        if name == "all the same":
            near = related_of(db, 1)
            assert near is not None
            assert near.papers[0].score == pytest.approx(1.0, abs=1e-5)
            assert space.most == 1
    store.close()


def test_papers_that_are_gone_are_not_related(tmp_path: Path) -> None:
    store = built_in(tmp_path / "library.db")
    refresh(store)
    with store.writing() as db:
        pk = key(db, "ward2023-convergence")
        db.execute("DELETE FROM paper_id WHERE paper = ?", (pk,))
        db.execute("DELETE FROM paper WHERE pk = ?", (pk,))
    with store.reading() as db:
        near = related_of(db, key(db, "ye2021-global"))
        assert near is not None
        assert len(near.papers) == 8
        assert "ward2023-convergence" not in [paper.slug for paper in near.papers]
    store.close()


def test_a_run_of_papers_that_were_replaced_meanwhile_is_not_kept(tmp_path, monkeypatch) -> None:
    from lopside.lens.space import refreshing, runs
    from lopside.lens.store import whole
    from lopside.lens.store.database import Library
    from lopside.lens.store.seed import fill

    store = Library(tmp_path / "library.db", fill)
    with store.reading() as db:
        data = whole.write(db).encode()
    computed = refreshing.text.compute

    def replaced_meanwhile(db):
        made = computed(db)
        restoring = threading.Thread(target=restore)
        restoring.start()
        restoring.join()
        return made

    def restore() -> None:
        with store.writing() as db:
            whole.read(db, data, replace=True)

    with monkeypatch.context() as patch:
        patch.setattr(refreshing.text, "compute", replaced_meanwhile)
        refreshing.refresh(store)
    with store.reading() as db:
        assert runs.current(db, "text") is None
    refreshing.refresh(store)
    with store.reading() as db:
        assert runs.current(db, "text") is not None
    store.close()
