"""Small random starts learn one component after another [JCD22]: plateaus at the best rank-k errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lopside.data import planted
from lopside.plots import canvas
from lopside.problems import Full
from lopside.reproduce.batch import descend, shrink
from lopside.reproduce.panels import number, pictures
from lopside.reproduce.setting import FLOOR, MATRIX_SEED, METHODS, TOLERANCE, Rows, facts, seeds
from lopside.reproduce.table import Table
from lopside.starts import SmallGaussian

TITLE = "Jiang, Chen and Ding 2022: small starts and plateaus"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    sigma: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125),
    rank: int = 8,
    step_size: float = 0.1,
    scales: tuple[float, ...] = (1e-3, 1e-6, 1e-9),
    runs: int = 5,
    max_steps: int = 3000,
) -> list[Path]:
    """Jiang, Chen and Ding's plateaus: smaller and smaller starts learn one component after another.

    Writes `plateaus.csv` and `plateaus_runs.csv`.

    The step at which component k is learned is taken as the first kept step whose error is nearer, on a log
    scale, to the best rank-k error than to the best rank-(k-1) error.

    Parameters
    ----------
    out : Path
        A folder.
    shape, sigma : (m, n) and tuple of float
        Of A: singular values that are well apart.
    rank : int
        d, at least the number of singular values.
    step_size : float
        In units of 1/σ₁(A).
    scales : tuple of float
        Standard deviations ρ of the entries of the start, in units of √σ₁(A).
    runs : int
    max_steps : int
    """
    matrix = planted(shape, sigma, rng=MATRIX_SEED)
    problem, norm = Full(matrix.A), math.hypot(*sigma)
    best = [math.hypot(*sigma[k:]) / norm for k in range(len(sigma))]
    curves: Rows = []
    summaries: Rows = []
    for method, solver in METHODS.items():
        for scale in scales:
            start = SmallGaussian(scale)
            pairs = [
                start(problem, rank, step_size=step_size, sigma1=1.0, rng=np.random.default_rng(seed))
                for seed in seeds(runs)
            ]
            rotated = [shrink(matrix.U, matrix.sigma, matrix.V, *pair) for pair in pairs]
            tracks = descend(
                rotated[0][0],
                [pair[1:] for pair in rotated],
                step_size,
                solver.order,
                max_steps=max_steps,
                tolerance=TOLERANCE,
                floor=FLOOR,
            )
            for seed, track in zip(seeds(runs), tracks, strict=True):
                key = {"method": method, "rank": rank, "step_size": step_size, "scale": scale, "run": seed}
                kept = zip(track.steps, track.relative_errors, strict=True)
                curves += [key | {"step": step, "relative_error": error} for step, error in kept]
                for k in range(1, len(sigma)):
                    middle = math.sqrt(best[k - 1] * best[k])
                    learned = next(
                        (s for s, e in zip(track.steps, track.relative_errors, strict=True) if e < middle), math.nan
                    )
                    summaries.append(key | {"component": k, "sigma": sigma[k - 1], "learned": float(learned)})
    noted = facts(TITLE, runs, shape=shape, singular_values=" ".join(map(str, sigma)), columns=rank)
    noted |= {"best relative errors": " ".join(map(repr, best))}
    return [
        Table.of(curves, noted).write(out / "plateaus.csv"),
        Table.of(summaries, noted).write(out / "plateaus_runs.csv"),
    ]


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `plateaus_gd` and `plateaus_agd` from `plateaus.csv`."""
    return pictures(csv, out, _figure)


def _figure(curves: Table, method: str) -> Any:
    fig, axes = canvas.figure(1, 1, 8.6, 4.6)
    ax = axes[0, 0]
    for colour, scale in zip(canvas.COLOURS, curves.distinct("scale"), strict=False):
        label = f"start of scale {number(scale)}"
        of_scale = curves.where(scale=scale)
        for run in of_scale.distinct("run"):
            one = of_scale.where(run=run).columns
            ax.plot(one["step"], one["relative_error"], color=colour, linewidth=1.0, alpha=0.8, label=label)
            label = None
    best = [float(text) for text in curves.facts["best relative errors"].split()]
    for k, error in enumerate(best):
        ax.axhline(error, color=canvas.QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(f"best rank {k}", (1.0, error), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    ax.set_yscale("log")
    ax.minorticks_off()
    ax.set_ylim(best[-1] / 30, 1.6)
    ax.set_xlim(0, 1.4 * max(row["step"] for row in curves.rows() if row["relative_error"] > best[-1] / 30))
    ax.set_xlabel("step")
    ax.set_ylabel("relative error")
    rank, step_size = curves.columns["rank"][0], curves.columns["step_size"][0]
    values = curves.facts["singular values"].replace(" ", ", ")
    fig.suptitle(f"One component after another, {method}, σ = {values}, d = {rank}, η = {number(step_size)}/σ₁")
    ax.legend(loc="lower right")
    return fig
