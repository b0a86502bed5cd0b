"""The files around the code agree with one another and carry nothing of the machine they were written on."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import lopside

ROOT = Path(__file__).resolve().parent.parent

# What a tool made here or a version control system keeps; the rest of the folder is the project.
NOT_OURS = {
    ".git",
    ".hypothesis",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    ".venv-bench",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "out",
}
# Written so that no pattern matches itself.
FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w.~])/(roo[t]|wor[k]|op[t]|home/\w+|Users/\w+)/"),
    "the address of a package index": re.compile(r"pyp[i]\.(org|io)|pythonhoste[d]\.org|/simpl[e]/|--find-link[s]"),
    "a build tag of one machine": re.compile(r"==[\w.]+\+(cp[u]|cu\d+|loca[l])"),
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project_files(root: Path) -> Iterator[Path]:
    """Yield every file of the project, in a checkout or an unpacked archive."""
    for path in sorted(root.iterdir()):
        if path.name in NOT_OURS or path.is_symlink():
            continue
        if path.is_dir():
            yield from project_files(path)
        else:
            yield path


def foreign_text(root: Path) -> list[str]:
    """Return where a file under ``root`` holds what belongs to one machine."""
    found = []
    for path in project_files(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found += [
            f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r} is {what}"
            for what, pattern in FOREIGN.items()
            for match in pattern.finditer(text)
        ]
    return found


def test_readme_shows_both_commands() -> None:
    readme = read("README.md")
    assert "make demo" in readme
    assert "make test" in readme


def test_ci_runs_the_readme_s_test_command() -> None:
    assert read(".ci/run").splitlines()[-1].removeprefix("exec ") == "make test"


def test_versions_agree() -> None:
    cited = re.search(r"^version: (\S+)$", read("CITATION.cff"), re.MULTILINE)
    logged = re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert cited
    assert logged
    assert cited[1] == logged[1] == lopside.__version__


def test_no_file_holds_anything_of_one_machine() -> None:
    assert foreign_text(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "see /roo{}t/notes",
        "open('/wor{}k/data.csv')",
        "/home/{}ada/x",
        "https://pypi{}.org/",
        "--find{}-links wheels",
        "torch==2.1+{}cpu",
    ],
)
def test_what_belongs_to_one_machine_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.md").write_text("fine\n" + text.format(""), encoding="utf-8")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "ignored").write_text(text.format(""), encoding="utf-8")
    assert len(foreign_text(tmp_path)) == 1


def test_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if not name.startswith(f"lopside-{lopside.__version__}.dist-info/")}
    assert "lopside/py.typed" in package
    assert package == {
        path.relative_to(ROOT / "src").as_posix() for path in project_files(ROOT / "src") if path.suffix != ".pyc"
    }


@pytest.fixture
def lock(tmp_path: Path):
    """Return the lock script's module and a copy of the files it reads."""
    spec = importlib.util.spec_from_file_location("lock", ROOT / "scripts" / "lock.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return module


def test_locks_belong_to_pyproject(lock, tmp_path: Path) -> None:
    assert lock.problems(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("pyproject.toml", '"numpy>=', '"numpy>', "made from other requirements"),
        ("pyproject.toml", "dependencies = [", 'dependencies = ["attrs",', "made from other requirements"),
        (
            "pyproject.toml",
            'requires-python = ">=3.11"',
            'requires-python = ">=3.12"',
            "made from other requirements",
        ),
        ("requirements/demo.txt", "\nnumpy==", "\nnumpy==1", "was changed after it was made"),
        ("requirements/dev.txt", "\nnumpy==", "\n--index-url x\nnumpy==", "'--index-url x' is neither"),
        ("requirements/dev.txt", "\nnumpy==", "\n./numpy.whl\nnumpy==", "'./numpy.whl' is neither"),
        ("requirements/dev.txt", "\nnumpy==", "\ntorch==2.1+x \\\nnumpy==", "'torch==2.1+x \\\\' is neither"),
        ("requirements/dev.txt", "\nnumpy==", "\ntorch @ file:x\nnumpy==", "'torch @ file:x' is neither"),
    ],
)
def test_a_broken_lock_is_found(lock, tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    path = tmp_path / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(message in line for line in lock.problems(tmp_path))


def test_a_missing_lock_is_found(lock, tmp_path: Path) -> None:
    (tmp_path / "requirements" / "demo.txt").unlink()
    assert lock.problems(tmp_path) == ["requirements/demo.txt is missing"]
