"""A stored run computed again: the same, tampered with, outgrown; and the command that does it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lopside.cli import main
from lopside.lens.space import runs
from lopside.lens.space.refreshing import refresh
from lopside.lens.space.verifying import verify
from lopside.lens.store.database import Library
from tests.lens.spaces import built_in, planted


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = built_in(tmp_path / "library.db")
    refresh(store)
    store.close()
    return tmp_path / "library.db"


def changed(path: Path, run: int, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    store = Library(path)
    with store.writing() as db:
        part = np.load(
            io.BytesIO(db.execute("SELECT value FROM run_part WHERE (run, name) = (?, ?)", (run, name)).fetchone()[0])
        )
        made = io.BytesIO()
        np.save(made, change(part.copy()))
        db.execute("UPDATE run_part SET value = ? WHERE (run, name) = (?, ?)", (made.getvalue(), run, name))
    store.close()


def test_every_run_is_what_its_papers_give(path: Path) -> None:
    store = Library(path)
    with store.reading() as db:
        for number, _ in runs.numbers(db):
            run = runs.numbered(db, number)
            assert run is not None
            verdict = verify(db, run)
            assert verdict.same
            assert verdict.unchanged
    store.close()


def test_planted_citations_and_links_are_computed_again(tmp_path: Path) -> None:
    store = planted(tmp_path / "library.db", groups=4, each=40)
    refresh(store)
    with store.reading() as db:
        for kind in ("citations", "links"):
            run = runs.current(db, kind)
            assert run is not None
            assert run.metrics["refused"] is None
            verdict = verify(db, run)
            assert verdict.same, [row for row in verdict.rows if row.same is False]
            assert kind == "links" or any(row.what.startswith("X Yᵀ") for row in verdict.rows)
    store.close()


def bump(part: np.ndarray) -> np.ndarray:
    part[3, 2] += 0.01
    return part


@pytest.mark.parametrize(
    ("name", "change"),
    [("X", bump), ("Y", bump), ("topic", lambda part: part[::-1]), ("places", lambda part: part + 5)],
)
def test_a_tampered_number_is_found(
    path: Path, capsys: pytest.CaptureFixture[str], name: str, change: Callable
) -> None:
    changed(path, 1, name, change)
    assert main(["lens", "--library", str(path), "verify", "1"]) == 4
    shown = capsys.readouterr().out
    assert "DIFFERS" in shown
    assert "not what its papers give" in shown


def test_numbers_that_cannot_be_read_differ(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Library(path)
    with store.writing() as db:
        db.execute("UPDATE run_part SET value = substr(value, 1, 200) WHERE name = 'X'")
    store.close()
    assert main(["lens", "verify", "latest", "--library", str(path)]) == 4
    assert "cannot be read" in capsys.readouterr().out


def test_papers_that_have_changed_are_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Library(path)
    with store.writing() as db:
        db.execute("UPDATE paper SET title = title || ' again' WHERE pk = 7")
    store.close()
    assert main(["lens", "--library", str(path), "verify", "1", "--json"]) == 4
    facts = json.loads(capsys.readouterr().out)
    assert facts["unchanged"] is False
    assert facts["same"] is False
    rows = {row["what"]: row["same"] for row in facts["comparisons"]}
    assert rows.pop("papers, as a hash") is False
    assert {same for same in rows.values() if same is not None} == {True}
    assert "singular values, from X" in rows


def test_the_answer_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lens", "--library", str(path), "verify", "latest", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["kind"], facts["same"], facts["unchanged"]) == ("text", True, True)
    proved = [row for row in facts["comparisons"] if "proved again" in row["what"]]
    assert len(proved) == 1


@pytest.mark.parametrize("run", ["99", "0", "x", "-1", "1e9", "9" * 30, ""])
def test_a_run_that_is_not_there(path: Path, capsys: pytest.CaptureFixture[str], run: str) -> None:
    assert main(["lens", "--library", str(path), "verify", "--", run]) == 3
    caught = capsys.readouterr()
    assert caught.out == ""
    assert "1 (text)" in caught.err


def test_the_latest_run_where_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built_in(tmp_path / "library.db").close()
    assert main(["lens", "verify", "latest", "--library", str(tmp_path / "library.db")]) == 3
    said = capsys.readouterr().err
    assert "stored run: none. Try the map" in said
    assert "Try latest" not in said


def test_a_library_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lens", "verify", "1", "--library", str(tmp_path / "none.db")]) == 3
    assert "no library" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()
