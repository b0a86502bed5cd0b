"""The ratings and the stocks are the ones their packages hand out."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import cbook

from lopside.data import ratings, real
from lopside.data.ratings import RATINGS_WHEEL, data_folder, movielens, stocks
from lopside.errors import FileError

MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"
LINES = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t5\t891717742\n"


def wheel(folder: Path, text: str = LINES, member: str = MEMBER) -> Path:
    with zipfile.ZipFile(folder / RATINGS_WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, text)
    return folder / RATINGS_WHEEL


def test_ratings_are_read_from_the_folder_that_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path)
    monkeypatch.setenv("LOPSIDE_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    found = movielens()
    assert [column.tolist() for column in found] == [[196, 186], [242, 302], [3.0, 5.0], [881250949, 891717742]]
    assert (found.users.dtype, found.ratings.dtype) == (np.int64, np.float64)
    assert [entry.name for entry in tmp_path.iterdir()] == [RATINGS_WHEEL]


@pytest.mark.skipif(not (data_folder() / RATINGS_WHEEL).is_file(), reason="make data has not been run")
def test_movielens() -> None:
    users, films, stars, timestamps = movielens()
    assert len(users) == len(films) == len(stars) == len(timestamps) == 100_000
    np.testing.assert_array_equal(np.unique(users), np.arange(1, 944))
    np.testing.assert_array_equal(np.unique(films), np.arange(1, 1683))
    assert np.bincount(stars.astype(int)).tolist() == [0, 6110, 11370, 27145, 34174, 21201]  # as GroupLens says
    assert len(np.unique(users * 10_000 + films)) == 100_000


def test_without_the_wheel_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_DATA", str(tmp_path))
    with pytest.raises(FileError, match="Try make data"):
        movielens()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: wheel(folder).write_bytes(b"no archive"),
        lambda folder: wheel(folder, member="other"),
        lambda folder: wheel(folder, LINES + "1\t2\n"),
        lambda folder: wheel(folder, LINES + "a\tb\tc\td\n"),
        lambda folder: wheel(folder, "1\n2\n3\n"),
    ],
)
def test_a_damaged_wheel_gets_a_sentence(tmp_path: Path, spoil: Any) -> None:
    spoil(tmp_path)
    with pytest.raises(FileError, match="cannot read ratings from .*Try removing it"):
        movielens(tmp_path / RATINGS_WHEEL)


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "home/.cache/lopside/data"),
        ("linux", {"XDG_CACHE_HOME": "cache"}, "cache/lopside/data"),
        ("darwin", {}, "home/Library/Caches/lopside/data"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/lopside/data"),
        ("win32", {}, "home/AppData/Local/lopside/data"),
        ("linux", {"LOPSIDE_DATA": "here"}, "here"),
    ],
)
def test_each_system_has_a_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], folder: str
) -> None:
    for name in ("LOPSIDE_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ratings.sys, "platform", platform)
    monkeypatch.setattr(ratings.Path, "home", lambda: Path("home"))
    assert data_folder() == Path(folder)


def test_stocks() -> None:
    dates, names, prices = stocks()
    sample: Any = cbook.get_sample_data("Stocks.csv")
    with sample:
        expected = pd.read_csv(sample, comment="#", index_col=0, parse_dates=True)
    assert prices.shape == (524, 10)
    np.testing.assert_allclose(prices, expected.to_numpy(), rtol=1e-14)
    np.testing.assert_array_equal(dates, expected.index.to_numpy())
    assert names.tolist() == expected.columns.tolist()
    assert np.isnan(prices).mean() == pytest.approx(0.365, abs=5e-4)


def test_without_sample_data_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = importlib.util.spec_from_loader("matplotlib", None)
    monkeypatch.setattr(real, "find_spec", lambda name: empty)
    with pytest.raises(FileError, match="Stocks"):
        stocks()


@pytest.fixture
def fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script that fetches data, and a wheel in place of the one that pip would bring."""
    path = Path(__file__).resolve().parents[2] / "scripts" / "fetch_data.py"
    spec = importlib.util.spec_from_file_location("fetch_data", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    original = wheel(tmp_path).read_bytes()
    (tmp_path / RATINGS_WHEEL).unlink()
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(original).hexdigest())
    module.brought = [original]

    class Done:
        returncode = 0

    def download(command: list[str]) -> Done:
        Path(command[command.index("--dest") + 1], RATINGS_WHEEL).write_bytes(module.brought.pop())
        return Done()

    monkeypatch.setattr(module.subprocess, "run", download)
    return module


def test_the_wheel_is_fetched_once(fetching: Any, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    found = fetching.fetch(folder)
    assert fetching.fetch(folder) == found == folder / RATINGS_WHEEL
    assert fetching.is_sound(found)
    assert [entry.name for entry in folder.iterdir()] == [RATINGS_WHEEL]


def test_another_wheel_is_refused_and_a_damaged_one_replaced(fetching: Any, tmp_path: Path) -> None:
    (tmp_path / RATINGS_WHEEL).write_bytes(b"half")
    original = fetching.brought[0]
    fetching.brought[:] = [b"another"]
    with pytest.raises(SystemExit, match="No data was fetched: what pip downloaded is not"):
        fetching.fetch(tmp_path)
    assert (tmp_path / RATINGS_WHEEL).read_bytes() == b"half"
    fetching.brought[:] = [original]
    assert fetching.fetch(tmp_path).read_bytes() == original
