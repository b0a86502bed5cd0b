"""Figure 4 of Ward and Kolda: a matrix with noise, whose best approximation leaves an error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lopside.data import planted
from lopside.linalg import thin_svd
from lopside.plots import canvas
from lopside.reproduce.batch import grid
from lopside.reproduce.panels import draw_curves, fraction, legend, log_steps, number, pictures
from lopside.reproduce.setting import (
    MATRIX_SEED,
    METHODS,
    STARTS,
    Rows,
    Theory,
    curve_rows,
    facts,
    panel_key,
    race,
    spectrum,
)
from lopside.reproduce.table import Table

TITLE = "Ward and Kolda 2023, Figure 4"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    rank: int = 10,
    kappa: float = 10 / 9,
    noise: float = 0.1,
    practical_steps: tuple[float, ...] = (0.01, 0.1),
    runs: int = 5,
    max_steps: int = 1000,
) -> list[Path]:
    """Ward and Kolda's Figure 4: four starts on a matrix with 10 % noise.

    Writes `fig4.csv` and `fig4_runs.csv`. The matrix is A + N with ‖N‖_F = noise·‖A‖_F.

    The step sizes are the theory's for the matrix without noise, and a few practical ones. σ₁ is taken as that
    of the matrix without noise, which is what a user of the start would know at best.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of the matrix without noise.
    rank : int
        d.
    kappa : float
        σ₁/σ_r of the matrix without noise.
    noise : float
        Relative Frobenius norm.
    practical_steps : tuple of float
        In units of 1/σ₁.
    runs : int
        For each start.
    max_steps : int
    """
    matrix = planted(shape, spectrum(kappa, r), noise=noise, rng=MATRIX_SEED)
    sigma = thin_svd(matrix.A)[1]
    best = math.hypot(*sigma[rank:]) / math.hypot(*sigma)
    curves: Rows = []
    summaries: Rows = []
    for step_size in (Theory.of(matrix.sigma, rank).step_size, *practical_steps):
        for method in METHODS:
            of_runs, of_ends = race(
                matrix,
                method=method,
                rank=rank,
                step_size=step_size,
                starts=tuple(STARTS),
                runs=runs,
                max_steps=max_steps,
            )
            steps = grid(max_steps)
            key = panel_key(matrix, method, rank, step_size)
            curves += of_runs + curve_rows(key, "best", 0, steps, [best] * len(steps))
            summaries += [row | {"best": best} for row in of_ends]
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=rank, kappa=kappa, noise=noise)
    return [
        Table.of(curves, noted).write(out / "fig4.csv"),
        Table.of(summaries, noted).write(out / "fig4_runs.csv"),
    ]


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `fig4_gd` and `fig4_agd` from `fig4.csv`: a panel for each step size."""
    return pictures(csv, out, _figure)


def _figure(curves: Table, method: str) -> Any:
    step_sizes = curves.distinct("step_size")
    fig, axes = canvas.figure(1, len(step_sizes), 3.6 * len(step_sizes), 4.2)
    for column, step_size in enumerate(step_sizes):
        ax = axes[0, column]
        draw_curves(ax, curves.where(step_size=step_size))
        ax.set_title(f"η = {number(step_size)}/σ₁" + (" (theory step)" if column == 0 else ""))
        log_steps(ax, max(curves.columns["step"]))
        ax.set_ylim(0.07, 1.3)
        ax.set_yticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
        ax.set_xlabel("step")
    axes[0, 0].set_ylabel("relative error")
    rank, kappa = curves.columns["rank"][0], curves.columns["kappa"][0]
    noise = curves.facts["noise"]
    fig.suptitle(f"A matrix with noise {noise}‖A‖, {method}, κ = {fraction(kappa)}, d = {rank}")
    legend(fig, columns=3)
    return fig
