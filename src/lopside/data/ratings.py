"""Real tables with holes: film ratings out of a wheel in a cache folder, and prices of stocks."""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
import zlib
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.data.real import installed
from lopside.errors import FileError

RATINGS_WHEEL = "recbole-1.2.1-py3-none-any.whl"
"""What holds MovieLens-100K; only read as an archive, never installed."""

_RATINGS = "recbole/dataset_example/ml-100k/ml-100k.inter"


class Ratings(NamedTuple):
    """Ratings of films.

    Attributes
    ----------
    users, films : ndarray of int64, shape (100000,)
        Ids from 1.
    ratings : ndarray of float64, shape (100000,)
        1 to 5, whole.
    timestamps : ndarray of int64, shape (100000,)
        Seconds since 1970.
    """

    users: NDArray[np.int64]
    films: NDArray[np.int64]
    ratings: NDArray[np.float64]
    timestamps: NDArray[np.int64]


class Stocks(NamedTuple):
    """Prices of stocks.

    Attributes
    ----------
    dates : ndarray of datetime64[D], shape (524,)
    names : ndarray of str, shape (10,)
    prices : ndarray of float64, shape (524, 10)
        NaN where there is none.
    """

    dates: NDArray[np.datetime64]
    names: NDArray[np.str_]
    prices: NDArray[np.float64]


def data_folder() -> Path:
    """Return where data that no package brings is kept: $LOPSIDE_DATA, or lopside/data among the caches of the user.

    The folder need not be there.
    """
    if chosen := os.environ.get("LOPSIDE_DATA"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "darwin":
        cache = home / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "lopside" / "data"


def movielens(path: str | PathLike[str] | None = None) -> Ratings:
    """Return MovieLens-100K: 100 000 ratings that 943 people gave to 1682 films in 1997 and 1998.

    Read straight from RecBole's wheel, which has it as an example; collected by the GroupLens project at the University
    of Minnesota, for research.

    Parameters
    ----------
    path : path-like, optional
        The wheel of recbole 1.2.1; from `data_folder` where not given.

    Returns
    -------
    Ratings

    Raises
    ------
    FileError
        If the wheel is not there, or damaged.
    """
    wheel = data_folder() / RATINGS_WHEEL if path is None else Path(path)
    if not wheel.is_file():
        raise FileError(
            f"got no file {wheel}; expected {RATINGS_WHEEL}, which MovieLens-100K is read from. Try make data, which "
            "downloads it (2 MB), or set LOPSIDE_DATA to the folder that has it"
        )
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_RATINGS) as member:
            table = np.loadtxt(io.TextIOWrapper(member, "ascii"), dtype=np.int64, skiprows=1, ndmin=2)
        users, films, ratings, timestamps = table.T.copy()
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise FileError(
            f"cannot read ratings from {wheel}: {error}; expected {RATINGS_WHEEL}. Try removing it, then make data"
        ) from error
    return Ratings(users, films, ratings.astype(np.float64), timestamps)


def stocks() -> Stocks:
    """Return prices of eight stocks and two indices since 1990: a 524 × 10 table with 36.5 % of its entries missing.

    matplotlib's Stocks.csv, from Yahoo Finance. A price is missing where a company was not listed yet, and on dates on
    which others paid a dividend: not at random.

    Returns
    -------
    Stocks

    Raises
    ------
    FileError
        If matplotlib was installed without its sample data.
    """
    path = installed("matplotlib", "matplotlib", "mpl-data/sample_data/Stocks.csv")
    with open(path, encoding="ascii", newline="") as file:
        header, *rows = csv.reader(line for line in file if not line.startswith("#"))
    dates = np.array([row[0] for row in rows], dtype="M8[D]")
    prices = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows])
    return Stocks(dates, np.array(header[1:]), prices)
