"""The main job on three real matrices: factorize, certify, save and draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from lopside import demo_tables
from lopside.data import china, digits, elevation
from lopside.io import require_writable, write_json
from lopside.plots.canvas import save
from lopside.plots.run import draw_run, draw_together
from lopside.problems import Full
from lopside.report import fit_record
from lopside.solution import Solution
from lopside.solve import solve
from lopside.starts import Unbalanced
from lopside.stopping import Stop
from lopside.theory.certificate import Certificate

RANK = 20

STOP = Stop(max_steps=10_000, gradient_norm=5e-5, seconds=15.0)
"""Within 0.1 % of the least possible error on all three matrices; the clock is for very slow machines only."""


class Subject(NamedTuple):
    """A matrix and how to show it."""

    matrix: Callable[[], NDArray[Any]]
    title: str
    colours: str
    tile: tuple[int, int] | None = None


SUBJECTS = {
    "digits": Subject(digits, "1797 handwritten digits, one a row (scikit-learn)", "gray_r", (8, 8)),
    "china": Subject(china, "china.jpg as grey levels (scikit-learn)", "gray"),
    "elevation": Subject(elevation, "heights around the Jacksboro fault, in metres (matplotlib)", "gist_earth"),
}


@dataclass(frozen=True, eq=False)
class Fit:
    """One matrix of the demo, factorized.

    Attributes
    ----------
    name : str
    solution : Solution
    certificate : Certificate
    outputs : dict
        Kind of file to path.
    """

    name: str
    solution: Solution
    certificate: Certificate
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def excess(self) -> float:
        """By which share the relative error may be above the least that any matrix of this rank can have."""
        bounds = self.certificate.best_relative_error_bounds
        return self.solution.relative_error / bounds[0] - 1.0 if bounds and bounds[0] > 0 else float("inf")

    def record(self) -> dict[str, Any]:
        """Return the fit as plain data."""
        return {"name": self.name, "excess": self.excess, **fit_record(self.solution, self.certificate, self.outputs)}


def fits(out: Path) -> Iterator[Fit]:
    """Factorize, save and draw the three matrices, one after the other.

    Alternating gradient descent at 0.9/σ₁ from Ward and Kolda's start, rank 20.

    Parameters
    ----------
    out : Path
        A folder, made if it is not there: {digits,china,elevation}.{npz,png} go into it.

    Yields
    ------
    Fit

    Raises
    ------
    FileError
        If the folder cannot be written to, or a package that holds a matrix is missing.
    """
    require_writable(out / "summary.json")
    matrices = {name: subject.matrix() for name, subject in SUBJECTS.items()}
    for name, A in matrices.items():
        solution = solve(Full(A), rank=RANK, start=Unbalanced(), stop=STOP, rng=0)
        fit = Fit(name, solution, solution.certificate)
        solution.save(out / f"{name}.npz")
        fit.outputs["factors"] = str(out / f"{name}.npz")
        subject = SUBJECTS[name]
        picture = draw_run(
            A, solution, fit.certificate, title=subject.title, colours=subject.colours, tile=subject.tile
        )
        fit.outputs["picture"] = str(*save(picture, out / name, ("png",)))
        yield fit


def conclude(out: Path, done: list[Fit], tables: list[demo_tables.Fit]) -> dict[str, Any]:
    """Draw all runs together, write summary.json with the tables' completions too, and return what is in it.

    Raises
    ------
    FileError
        If the folder cannot be written to.
    """
    together = draw_together(
        {fit.name: (fit.solution, fit.certificate) for fit in done},
        title=f"Alternating gradient descent at 0.9/σ₁ from Ward and Kolda's start, rank {RANK}",
    )
    (picture,) = save(together, out / "convergence", ("png",))
    summary = {
        "fits": [fit.record() for fit in done],
        "tables": [fit.record() for fit in tables],
        "outputs": {"convergence": str(picture), "summary": str(out / "summary.json")},
    }
    write_json(out / "summary.json", summary)
    return summary
