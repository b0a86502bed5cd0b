"""What the figures of Ward and Kolda have in common: matrices, starts, methods, the theory's step and line."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lopside import __version__
from lopside.arrays import Array
from lopside.data import Planted
from lopside.problems import Full
from lopside.reproduce.batch import Track, descend, grid, shrink
from lopside.reproduce.table import Cell
from lopside.solvers import AlternatingGradientDescent, GradientDescent
from lopside.starts import ColumnSpan, Gaussian, Unbalanced, UnbalancedGaussian
from lopside.theory.ward_kolda import beta, initial_loss_bounds, rho
from lopside.theory.ward_kolda_window import theory_step, theory_steps, window, window_rate

C, NU = 4.0, 1e-10
"""The constants of the proposed start in [WK23, Section 6]."""

STARTS: dict[str, Any] = {
    "proposed": Unbalanced(C=C, nu=NU),
    "column span": ColumnSpan(scale=0.1),
    "unbalanced random": UnbalancedGaussian(scale=0.1),
    "random": Gaussian(scale=0.1),
}
"""The four starts of [WK23, Section 6] with its constants, best first by its account."""

METHODS = {"gd": GradientDescent, "agd": AlternatingGradientDescent}
METHOD_NAMES = {"gd": "gradient descent", "agd": "alternating gradient descent"}

TOLERANCE = 1e-5
"""The relative error (not squared) that steps are counted to: ε = 1e-10 in ‖XYᵀ − A‖_F² ≤ ε‖A‖_F²."""

FLOOR = 1e-7
"""Runs end here, two decades below what is counted."""

MATRIX_SEED = 0


@dataclass(frozen=True)
class Theory:
    """Ward and Kolda's theory for one matrix and number of columns, by the conventions of this reproduction.

    The paper prints neither its τ nor its ε: here τ = 1 and ε = 1e-10 relative to ‖A‖_F².

    Attributes
    ----------
    beta : float
        β = (1 − √((r−1)/d))²/(C²κ²) [WK23, (A2c) with τ = 1].
    step_size : float
        η of [WK23, Cor 5.2].
    steps : int
        After how many steps it promises the relative error `TOLERANCE`.
    """

    beta: float
    step_size: float
    steps: int

    @classmethod
    def of(cls, sigma: Array, rank: int) -> Theory:
        """Evaluate the theory for the proposed start; `sigma` are the singular values of A, largest first."""
        norm = math.hypot(*sigma)
        b = beta(rho(1.0, rank, len(sigma)), C, float(sigma[0] / sigma[-1]))
        loss0 = initial_loss_bounds(NU, norm)[1]
        target = 0.5 * (TOLERANCE * norm) ** 2
        return cls(b, theory_step(b, loss0, target), theory_steps(b, target / loss0))

    def line(self, step_size: float, sigma: Array, max_steps: int) -> tuple[list[int], list[float]]:
        """Return steps and the bound [WK23, (6)] on the relative error there, up to where its window ends."""
        norm = math.hypot(*sigma)
        loss0 = initial_loss_bounds(NU, norm)[1]
        steps = grid(min(max_steps, window(self.beta, step_size, loss0)))
        rate = window_rate(self.beta, form="printed")
        return steps, [math.sqrt(2.0 * loss0 * rate**step) / norm for step in steps]


def spectrum(kappa: float, r: int) -> Array:
    """Return r evenly spaced singular values from 1 down to 1/κ."""
    return np.linspace(1.0, 1.0 / kappa, r)


def facts(title: str, runs: int, **parameters: Any) -> dict[str, str]:
    """Return the comment lines of a table: what it is, made with what, from which seeds."""
    return {
        "table": title,
        "made with": f"lopside {__version__}, numpy {np.__version__}, Python {platform.python_version()}",
        "seed of the matrix": str(MATRIX_SEED),
        "seeds of the runs": f"{seeds(runs)[0]} to {seeds(runs)[-1]}",
    } | {name.replace("_", " "): str(value) for name, value in parameters.items()}


def seeds(runs: int) -> range:
    """Return the seeds of the runs: `lopside.solve(..., rng=seed)` draws the same start."""
    return range(MATRIX_SEED + 1, MATRIX_SEED + 1 + runs)


Rows = list[dict[str, Cell]]


def race(
    planted: Planted,
    *,
    method: str,
    rank: int,
    step_size: float,
    starts: Sequence[str],
    runs: int,
    max_steps: int,
    floor: float = FLOOR,
) -> tuple[Rows, Rows]:
    """Run a method from several starts, `runs` times each, with σ₁(A) known.

    Returns
    -------
    curves : list of dict
        One row for each kept step of each run.
    summaries : list of dict
        One row for each run.
    """
    problem, sigma1 = Full(planted.A), float(planted.sigma[0])
    labels = [(name, seed) for name in starts for seed in seeds(runs)]
    drawn = [
        STARTS[name](problem, rank, step_size=step_size, sigma1=sigma1, rng=np.random.default_rng(seed))
        for name, seed in labels
    ]
    A = planted.A
    if planted.noise == 0:
        rotated = [shrink(planted.U, planted.sigma, planted.V, *pair) for pair in drawn]
        A, drawn = rotated[0][0], [(X, Y) for _, X, Y in rotated]
    order = METHODS[method].order
    tracks = descend(A, drawn, step_size, order, max_steps=max_steps, tolerance=TOLERANCE, floor=floor)
    key = panel_key(planted, method, rank, step_size)
    curves: Rows = []
    summaries: Rows = []
    for (name, seed), pair, track in zip(labels, drawn, tracks, strict=True):
        curves += curve_rows(key, name, seed, track.steps, track.relative_errors)
        measured = _summary(track, pair, step_size, len(planted.sigma))
        summaries.append(key | {"start": name, "run": seed} | measured | {"norm2": problem.norm**2})
    return curves, summaries


def panel_key(planted: Planted, method: str, rank: int, step_size: float) -> dict[str, Cell]:
    """Return the columns that say to which panel of a figure a row belongs."""
    kappa = float(planted.sigma[0] / planted.sigma[-1])
    return {"method": method, "kappa": kappa, "rank": rank, "step_size": step_size}


def curve_rows(
    key: dict[str, Cell], curve: str, run: int, steps: Iterable[int], relative_errors: Iterable[float]
) -> Rows:
    """Return the rows of one curve; run 0 is for lines that are no run."""
    return [
        key | {"curve": curve, "run": run, "step": step, "relative_error": float(f"{error:.7g}")}
        for step, error in zip(steps, relative_errors, strict=True)
    ]


def _summary(track: Track, pair: tuple[Array, Array], step_size: float, r: int) -> dict[str, Cell]:
    sigma_r = float(np.linalg.svd(pair[0], compute_uv=False)[r - 1])
    sharpness = math.nan
    if not track.diverged:
        sharpness = float(sum(np.linalg.norm(factor, 2) ** 2 for factor in track.factors))
    return {
        "b": step_size * sigma_r**2,
        "initial_loss": 0.5 * track.relative_errors[0] ** 2,
        "reached": math.nan if track.reached is None else float(track.reached),
        "steps": track.steps[-1],
        "relative_error": track.relative_errors[-1],
        "diverged": int(track.diverged),
        "sharpness": sharpness,
    }
