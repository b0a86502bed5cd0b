"""Files that are locked, damaged, foreign, full or newer: a sentence that helps, and nothing lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lopside.cli import main
from lopside.errors import FileError
from lopside.lens.store import database, notes, papers
from lopside.lens.store.database import Library
from lopside.lens.store.doctor import examine
from lopside.lens.store.seed import fill

Post = Callable[..., Any]
NOTE = {"body": "worth keeping"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with notes, closed."""
    path = tmp_path_factory.mktemp("filled") / "library.db"
    store = Library(path, fill)
    with store.writing() as db:
        for pk in range(1, 63):
            notes.add(db, pk, f"note on paper {pk}: " + "κ" * 200)
    store.close()
    return path


@pytest.fixture
def copy(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "mine.db"))


def refused(path: Path) -> str:
    """Open what cannot be opened, and return why; not a byte of it, and no file beside it, is changed."""
    before = path.read_bytes()
    beside = sorted(path.parent.iterdir())
    with pytest.raises(FileError) as caught:
        Library(path)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside
    assert main(["lens", "--library", str(path), "--no-browser", "--port", "0"]) == 3
    return str(caught.value)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.2)


LOCKER = """import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
db.close()
"""


@pytest.mark.usefixtures("impatient")
def test_while_another_program_writes(app: Any, client: Any, post: Post, tmp_path: Path) -> None:
    path = str(tmp_path / "library.db")
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "locked\n"
        assert client.get("/p/ye2021-global").status_code == 200  # reading goes on
        answer = post("/p/ye2021-global/notes", NOTE)
        assert answer.status_code == 503
        assert "another program is writing" in answer.text
        for to, field in (("/p/ye2021-global/tags", "tag"), ("/import", "text")):
            answer = post(to, {field: "worth <keeping>"})
            assert answer.status_code == 503
            assert "readonly>worth &lt;keeping&gt;</textarea>" in answer.text
        with pytest.raises(FileError, match="another program is writing"):
            Library(Path(path))
        other.stdin.write("\n")
    assert post("/p/ye2021-global/notes", NOTE).status_code == 303
    assert "worth keeping" in client.get("/p/ye2021-global").text


def test_a_disk_that_is_full(app: Any, client: Any, post: Post, tmp_path: Path) -> None:
    assert post("/p/ye2021-global/notes", NOTE).status_code == 303
    opened = database._opened

    def small(path: Path) -> sqlite3.Connection:
        made = opened(path)
        made.execute(f"PRAGMA max_page_count = {made.execute('PRAGMA page_count').fetchone()[0]}")
        return made

    app.state.store.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_opened", small)
        answer = post("/p/ye2021-global/notes", {"body": "long " * 13_000})
        assert answer.status_code == 503
        assert "a disk that is full" in answer.text
        assert "nothing was changed" in answer.text
        assert "long long" in answer.text  # what was written can be copied from there
        page = client.get("/p/ye2021-global").text
        assert "worth keeping" in page
        assert "long long" not in page
        app.state.store.close()
    assert post("/p/ye2021-global/notes", {"body": "long " * 13_000}).status_code == 303


@pytest.mark.usefixtures("impatient")
def test_a_file_that_may_only_be_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened so that SQLite itself says it: rights on a file do not bind whoever runs as root."""

    def opened(path: Path) -> sqlite3.Connection:
        made = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        made.row_factory = sqlite3.Row
        return made

    monkeypatch.setattr(database, "_opened", opened)
    with pytest.raises(FileError, match=r"cannot be written.*Try another --library"):
        Library(copy)


@pytest.mark.parametrize("name", ["folder", "folder/x/library.db", "file/library.db", "l" * 300])
def test_a_place_where_no_file_can_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder/x").symlink_to(tmp_path / "gone/nowhere")
    with pytest.raises(FileError, match="Try"):
        Library(tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_library_of_a_newer_version(copy: Path) -> None:
    with sqlite3.connect(copy) as db:
        db.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    db.close()
    assert "made by a newer lopside" in refused(copy)


@pytest.mark.parametrize("kind", ["text", "another database", "a png", "blanks"])
def test_a_file_that_is_no_library(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thesis.db"
    if kind == "another database":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE thesis (chapter)")
        db.close()
    else:
        path.write_bytes(
            {"text": b"My thesis\n" * 900, "a png": b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "blanks": b" "}[kind]
        )
    assert "expected" in refused(path)


def damaged(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how.startswith("cut"):
        data = data[: int(len(data) * float(how.split()[1]))]
    elif how.startswith("page"):
        at = int(len(data) / 4096 * float(how.split()[1])) * 4096
        data[at : at + 4096] = b"\xa5" * 4096
    elif how == "header":
        data[:16] = b"not SQLite at all"[:16]
    path.write_bytes(data)


@pytest.mark.parametrize(
    "how", ["cut 0.01", "cut 0.3", "cut 0.7", "cut 0.9", "page 0.3", "page 0.5", "page 0.7", "header"]
)
def test_a_damaged_library_is_left_alone_and_the_doctor_named(copy: Path, how: str) -> None:
    damaged(copy, how)
    assert "lopside lens doctor" in refused(copy)


def test_bytes_turned_round_are_found_or_do_no_harm(filled: Path, tmp_path: Path) -> None:
    """Each byte that a disk might lose; what is inside of a text nobody can know."""
    data = filled.read_bytes()
    for at in range(100, len(data), len(data) // 60):
        path = tmp_path / f"{at}.db"
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            store = Library(path)
        except FileError:
            assert path.read_bytes()[at] == data[at] ^ 0xFF
            continue
        with store.reading() as db:
            assert db.execute("SELECT count(*) FROM paper").fetchone()[0] == 62
        store.close()


def rows(path: Path, table: str) -> set[tuple[Any, ...]]:
    with sqlite3.connect(path) as db:
        found = set(db.execute(f"SELECT * FROM {table}"))
    db.close()
    return found


@pytest.mark.parametrize("how", ["page 0.35", "page 0.5", "page 0.65", "page 0.8", "cut 0.95"])
def test_the_doctor_rescues_what_can_be_read(
    filled: Path, copy: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged(copy, how)
    before = copy.read_bytes()
    assert main(["lens", "--library", str(copy), "doctor", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sound"] is False
    assert copy.read_bytes() == Path(said["copy"]).read_bytes() == before
    rescued = Path(said["rescued"])
    store = Library(rescued)  # a whole library again
    with store.reading() as db:
        paper = papers.paper(db, "ye2021-global")
        assert paper is not None
        assert paper.title
    store.close()
    assert examine(rescued).sound
    kept = rows(rescued, "note")
    assert kept <= rows(filled, "note")
    assert len(kept) >= 35  # of 62: one page holds a dozen
    assert rows(rescued, "citation") <= rows(filled, "citation")


def test_the_doctor_overwrites_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lens", "--library", str(copy), "doctor"]) == 0
    assert "is whole" in capsys.readouterr().err
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    damaged(copy, "page 0.5")
    found = [examine(copy) for _ in range(3)]
    assert len({path for report in found for path in (report.copy, report.rescued)}) == 6
    assert main(["lens", "--library", str(copy), "doctor"]) == 0
    said = capsys.readouterr()
    assert "rows read" in said.out
    assert "is damaged, and is left as it is" in said.err


@pytest.mark.parametrize("kind", ["text", "six bytes", "folder", "missing", "newer"])
def test_the_doctor_treats_libraries_only(copy: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy.with_name(kind)
    if kind == "text":
        path.write_text("x" * 10_000)
    elif kind == "six bytes":
        path.write_text("thesis")
    elif kind == "folder":
        path.mkdir()
    elif kind == "newer":
        shutil.copy(copy, path)
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version = {database.VERSION + 1}")
        db.close()
    assert main(["lens", "--library", str(path), "doctor"]) == 3
    assert "Try" in capsys.readouterr().err
    assert {found.name for found in copy.parent.iterdir()} <= {copy.name, kind}


@pytest.mark.parametrize("command", [["verify", "latest"], ["export", "out.json"], ["doctor"]])
@pytest.mark.parametrize("empty", [False, True])
def test_what_only_looks_makes_no_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], *, empty: bool
) -> None:
    path = tmp_path / "library.db"
    if empty:
        path.touch()
    before = [(found.name, found.stat().st_size) for found in tmp_path.iterdir()]
    assert main(["lens", *command, "--library", str(path)]) == 3
    assert "where no library is" in capsys.readouterr().err
    assert [(found.name, found.stat().st_size) for found in tmp_path.iterdir()] == before


def test_a_library_is_made_with_what_it_begins_with_or_not_at_all(tmp_path: Path) -> None:
    def broken(db: sqlite3.Connection) -> None:
        fill(db)
        raise KeyboardInterrupt

    path = tmp_path / "library.db"
    with pytest.raises(KeyboardInterrupt):
        Library(path, broken)
    store = Library(path, fill)
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM paper").fetchone()[0] == 62
    store.close()


def test_the_second_of_two_windows_loses_nothing(client: Any, post: Post) -> None:
    post("/p/ye2021-global/notes", {"body": "as it was"})
    assert post("/p/ye2021-global/notes/1", {"body": "from the first", "version": "1"}).status_code == 303
    answer = post("/p/ye2021-global/notes/1", {"body": "from the second", "version": "1"})
    assert answer.status_code == 409
    assert "from the first" in answer.text
    assert "from the second" in answer.text
    assert "from the second" not in client.get("/p/ye2021-global").text
    assert post("/p/ye2021-global/notes/1", {"do": "delete", "version": "1"}).status_code == 409
    assert post("/p/ye2021-global/notes/99", {"body": "x", "version": "1"}).status_code == 404
    for version in ("", "x", "-1", "9" * 20, "²"):
        assert post("/p/ye2021-global/notes/1", {"body": "x", "version": version}).status_code == 400
    assert "from the first" in client.get("/p/ye2021-global").text
