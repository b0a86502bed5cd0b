"""Imports as jobs: planned, run, paused, continued, repeated; what they store and what they leave alone."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from lens_import import BOTH, asker_of, begun, dump, imported, items
from stub_sources import Answer, World, as_json, small_world

from lopside.lens.importing import jobs, planning, storing
from lopside.lens.importing.planning import Options
from lopside.lens.importing.running import Runner, alone, run
from lopside.lens.sources.references import understood
from lopside.lens.store import papers
from lopside.lens.store.database import Library
from lopside.lens.store.seed import fill


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.db")


def paper(library: Library, slug: str) -> papers.Paper:
    with library.reading() as db:
        found = papers.paper(db, slug)
    assert found is not None
    return found


def edges(library: Library) -> set[tuple[str, str, str]]:
    query = "SELECT a.slug, b.slug, source FROM citation JOIN paper a ON a.pk = citing JOIN paper b ON b.pk = cited"
    with library.reading() as db:
        return {tuple(row) for row in db.execute(query)}


def test_an_import_stores_the_record_its_references_and_its_citations(library: Library) -> None:
    pk, state = imported(library, small_world(), "2106.14289")
    assert state == "done"
    assert [(item["kind"], item["state"], item["made"]) for item in items(library, pk)] == [
        ("records", "done", 1),
        ("references", "done", 2),
        ("citations", "done", 1),
    ]
    found = paper(library, "ye2021-global")
    assert (found.published, found.updated, found.version, found.year) == ("2021-06-27", "2021-12-01", 2, 2021)
    assert found.categories == ["cs.LG", "math.OC"]
    assert found.abstract is not None
    assert found.abstract.startswith("We study $")
    assert {(part, source) for part, source, _ in found.records} == {
        ("paper", "arXiv"),
        ("references", "Semantic Scholar"),
        ("citations", "Semantic Scholar"),
    }
    assert [name for _, name in paper(library, "jovanovic2020-first").authors] == [
        "Mihailo R. Jovanović",
        "K. Massoulié",
    ]
    assert edges(library) == {
        ("ye2021-global", "jovanovic2020-first", "Semantic Scholar"),
        ("ye2021-global", "else-second", "Semantic Scholar"),
        ("roe2022-cited", "ye2021-global", "Semantic Scholar"),
    }
    with library.reading() as db:
        assert db.execute("SELECT count(*) FROM paper_fts WHERE paper_fts MATCH 'jovanovic'").fetchone()[0] == 1
        assert db.execute("SELECT count(DISTINCT paper) FROM term").fetchone()[0] == 4


def test_the_same_import_twice_changes_nothing_but_dates(library: Library) -> None:
    text = "2106.14289\n10.1000/citing\nA second reference without any identifier"
    imported(library, small_world(), text)
    once = dump(library.path)
    pk, _ = imported(library, small_world(), text)
    assert dump(library.path) == once
    assert sum(item["made"] + item["changed"] for item in items(library, pk)) == 0


def test_the_built_in_papers_take_what_arxiv_says_and_keep_the_rest(library: Library) -> None:
    with library.writing() as db:
        fill(db)
    before = paper(library, "ye2021-global")
    imported(library, small_world(), "2106.14289")
    after = paper(library, "ye2021-global")
    assert (after.pk, after.slug, after.digest, after.venue, after.year) == (
        before.pk,
        before.slug,
        before.digest,
        before.venue,
        before.year,
    )
    assert after.abstract != before.abstract
    assert (after.version, after.updated) == (2, "2021-12-01")
    with library.reading() as db:
        assert [tuple(row) for row in db.execute("SELECT answer FROM question")] == [(None,)]
        assert db.execute("SELECT count(*) FROM merge_log").fetchone()[0] == 0


def test_semantic_scholar_fills_gaps_but_overrides_nothing_of_arxiv(library: Library) -> None:
    world = small_world()
    imported(library, world, "2106.14289", Options(references=False))
    world.papers[0] |= {"title": "Another title", "authors": ["X Y"], "year": 1999}
    imported(library, world, "a" * 40, Options(references=False))
    found = paper(library, "ye2021-global")
    assert found.title.startswith("Global Convergence")
    assert [name for _, name in found.authors] == ["Tian Ye", "Simon S. Du"]
    assert (found.year, found.venue) == (2021, "Neural Information Processing Systems")
    assert found.ids["s2"] == "a" * 40


def test_what_turns_out_to_be_on_arxiv_is_asked_of_arxiv_too(library: Library) -> None:
    world = small_world()
    title = "Global convergence of gradient descent for asymmetric low-rank matrix factorization"
    pk, state = imported(library, world, f"10.1000/first\n{title}")
    assert state == "done"
    kinds = [(item["source"], item["kind"]) for item in items(library, pk)]
    assert kinds[:2] == [("s2", "records"), ("s2", "match")]
    assert sorted(kinds).count(("arxiv", "records")) == 2
    assert paper(library, "jovanovic2020-first").abstract == "We show it."
    assert paper(library, "ye2021-global").abstract is not None
    steps = planning.items(understood("10.1000/first\nGlobal convergence of gradient").wanted, BOTH)
    assert sum(cost.requests for cost in planning.costs(steps)) >= 4


def test_failures_are_of_single_papers_and_in_words(library: Library) -> None:
    text = "2106.14289\n2101.99999\n10.1000/nowhere\nNobody wrote this title\nA first something"
    pk, state = imported(library, small_world(), text, Options(references=False))
    assert state == "done"
    said = [item["said"] for item in items(library, pk) if item["said"]]
    assert "arXiv does not know arXiv 2101.99999" in said
    assert any("refused (400: No valid paper ids given)" in one for one in said)
    assert "Semantic Scholar knows no such title" in said
    assert any("nearest title is another" in one for one in said)
    assert paper(library, "ye2021-global")


def test_one_refused_identifier_does_not_take_the_others_with_it(library: Library) -> None:
    world = small_world()
    refuse = world.arxiv

    def arxiv(query: dict[str, str]) -> Answer:
        return as_json({}, 400) if "2005.00005" in query["id_list"] else refuse(query)

    world.arxiv = arxiv  # type: ignore[method-assign]
    pk, state = imported(library, world, "2106.14289\n2005.00005\n2001.00001", Options(references=False))
    assert state == "done"
    assert {"ye2021-global", "jovanovic2021-first"} == {one["slug"] for one in of_job(library, pk)["papers"]}
    assert of_job(library, pk)["failed"] == 1


def of_job(library: Library, pk: int) -> dict[str, Any]:
    from lopside.lens.importing.progress import of_job

    with library.reading() as db:
        job = jobs.get(db, pk)
        assert job is not None
        return of_job(db, job)


def test_lists_come_page_by_page_up_to_a_number(library: Library) -> None:
    world = many_references(25)
    world.page = 10
    imported(library, world, "2106.14289", Options(most=2000))
    assert len(edges(library)) == 25
    assert len(world.asked) == 4


def test_no_more_of_a_list_than_was_wished(library: Library) -> None:
    world = many_references(25)
    pk, _ = imported(library, world, "2106.14289", Options(most=7))
    assert len(edges(library)) == 7
    assert "more than 7 references" in items(library, pk)[1]["said"]


def many_references(count: int) -> World:
    world = small_world()
    others = [
        {"s2": f"{n:040x}", "title": f"Reference number {n}", "authors": [f"Author{n} N"], "year": 2000}
        for n in range(count)
    ]
    world.papers += others
    world.cites = [("a" * 40, other["s2"]) for other in others]
    return world


def test_a_file_is_stored_without_a_request(library: Library) -> None:
    text = (
        "@article{a, title={A title of one's own}, author={Du, Simon}, year=2020, doi={10.1000/own}, abstract={Mine.}}"
    )
    world = small_world()
    pk, state = imported(library, world, text, Options(records=False, references=False))
    assert (state, world.asked) == ("done", [])
    found = paper(library, "du2020-title")
    assert (found.ids, found.abstract) == ({"doi": "10.1000/own"}, "Mine.")
    assert [source for _, source, _ in found.records] == ["BibTeX"]


def test_a_source_that_wants_to_be_left_alone_pauses_the_job_and_it_continues_by_itself(library: Library) -> None:
    world = small_world()
    world.faults = [None, Answer(429, headers={"retry-after": "54000"})]
    pk = begun(library, "2106.14289")
    with asker_of(library, world) as (asker, passing):
        assert run(library, asker, pk) == "waiting"
        with library.reading() as db:
            job = jobs.get(db, pk)
        assert job is not None
        assert job["not_before"] == pytest.approx(passing.at + 54_000, abs=5)
        assert paper(library, "ye2021-global")
        assert len(world.asked) == 2
        assert run(library, asker, pk) == "waiting"
        assert len(world.asked) == 2
        runner = Runner(library, asker)  # in this stub's time, 15 hours pass at once
        runner.go(pk)
        assert runner.wait(20)
    with library.reading() as db:
        assert jobs.state(db, pk) == "done"
    assert len(edges(library)) == 3


def test_while_one_source_rests_the_other_goes_on(library: Library) -> None:
    world = small_world()
    world.faults = [Answer(429, headers={"retry-after": "54000"}), None]
    pk = begun(library, "10.1000/first\n2106.14289")
    with asker_of(library, world) as (asker, _):
        assert run(library, asker, pk) == "waiting"
    done = {(item["source"], item["state"]) for item in items(library, pk)}
    assert ("s2", "done") in done
    assert ("arxiv", "waiting") in done


def test_pausing_continuing_and_cancelling(library: Library) -> None:
    world = many_references(30)
    world.page = 10
    pk = begun(library, "2106.14289", Options(most=2000))

    def pressing(to: str, after: int) -> Any:
        def stopped() -> bool:
            with library.writing() as db:
                stored = db.execute("SELECT count(*) FROM citation").fetchone()[0]
                if stored == after and jobs.state(db, pk) == "running":
                    jobs.set_state(db, pk, to)
            return False

        return stopped

    with asker_of(library, world) as (asker, _):
        assert run(library, asker, pk, pressing("paused", 10)) == "paused"
        assert len(edges(library)) == 10
        assert run(library, asker, pk) == "paused"
        with library.writing() as db:
            jobs.set_state(db, pk, "ready")
        assert run(library, asker, pk, pressing("cancelled", 20)) == "cancelled"
    assert len(edges(library)) == 20
    with library.reading() as db:
        assert db.execute("SELECT count(DISTINCT paper) FROM term").fetchone()[0] == 21


def test_failed_steps_can_be_tried_again(library: Library) -> None:
    world = small_world()
    world.faults = [Answer(404, b"", "text/plain")]
    pk, state = imported(library, world, "2106.14289")
    assert [item["state"] for item in items(library, pk)] == ["failed"] * 3
    assert "is not stored" in items(library, pk)[1]["said"]
    assert len(world.asked) == 1
    with library.writing() as db:
        jobs.retry(db, pk)
        jobs.set_state(db, pk, "ready")
    with asker_of(library, world) as (asker, _):
        assert run(library, asker, pk) == "done"
    assert len(edges(library)) == 3


def test_one_import_at_a_time_on_a_library(library: Library) -> None:
    with alone(library.path) as first, alone(library.path) as second:
        assert (first, second) == (True, False)
    with alone(library.path) as third:
        assert third


def test_a_plan_counts_requests_and_seconds() -> None:
    text = "\n".join(f"2106.{number:05}" for number in range(1, 151)) + "\n10.1000/x\nSome title of a paper"
    found = understood(text)
    steps = planning.items(found.wanted, Options(references=True, citations=True, most=1000))
    costs = {cost.name: cost for cost in planning.costs(steps)}
    assert (costs["arXiv"].requests, costs["arXiv"].seconds) == (4, 12)  # 2, and for the DOI and the title one each
    assert costs["Semantic Scholar"].requests == 2 + 152 * 2 * 2
    assert costs["arXiv"].host == "export.arxiv.org"
    assert planning.costs(planning.items(found.wanted, Options(False, False, False))) == []


def test_a_plan_says_what_is_stored(library: Library) -> None:
    with library.writing() as db:
        fill(db)
    with library.reading() as db:
        rows = planning.table(db, understood("2106.14289\n9901.00001\nTitle of something").wanted)
    assert [(row.slug, row.read_as) for row in rows] == [
        ("ye2021-global", "arXiv 2106.14289"),
        (None, "arXiv 9901.00001"),
        (None, "title"),
    ]


def test_steps_are_written_down_as_plain_json(library: Library) -> None:
    pk = begun(library, "2106.14289")
    assert [json.loads(item["what"]) for item in items(library, pk)][0] == {"ids": [["arxiv", "2106.14289"]]}


def test_a_thousand_stubs_are_stored_in_seconds(library: Library) -> None:
    began = time.perf_counter()
    imported(library, many_references(1000), "2106.14289", Options(most=2000))
    assert len(edges(library)) == 1000
    assert time.perf_counter() - began < 20


def test_a_job_that_comes_as_the_thread_ends_is_run_and_known(library: Library) -> None:
    """Between the look at an empty queue and the end of the thread, as the lock is let go."""
    with asker_of(library, small_world()) as (asker, _):
        runner, goes_on = Runner(library, asker), threading.Event()

        class Lock:
            inner = threading.RLock()
            first = True

            def __enter__(self) -> None:
                self.inner.acquire()

            def __exit__(self, *_: object) -> None:
                self.inner.release()
                if self.first and threading.current_thread().name == "import" and runner._thread is None:
                    self.first = False
                    runner.go(2)

        def turn(queue: list[int]) -> bool:
            if queue == [2]:
                goes_on.wait(5)
            runner._queue.remove(queue[0])
            return True

        runner._lock, runner._turn = Lock(), turn  # type: ignore[assignment, method-assign]
        runner.go(1)
        assert not runner.wait(0.5)
        assert runner.has(2)
        goes_on.set()
        assert runner.wait(5)


def test_what_a_source_changes_is_made_sound_too(library: Library) -> None:
    facts = {"title": "A title", "authors": ["Ada One"], "ids": {"arxiv": "2001.00001"}}
    later = {
        "title": "A\u202e new\x00 title",
        "published": "not a day",
        "year": 10**9,
        "abstract": "half a\ud800 character",
        "categories": ["cs.LG", "cs.LG"],
    }
    with library.writing() as db:
        storing.store(db, facts, source="Semantic Scholar")
        storing.store(db, facts | later, source="arXiv")
    with library.reading() as db:
        paper = papers.paper(db, papers.slug_of(db, "arxiv", "2001.00001"))
    assert (paper.title, paper.published, paper.year) == ("A new title", None, None)
    assert (paper.abstract, paper.categories) == ("half a\ufffd character", ["cs.LG"])
