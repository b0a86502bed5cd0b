"""Figure 3 of Ward and Kolda: four starts and step sizes from the theory's to beyond the limit of stability."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lopside.data import planted
from lopside.plots import canvas
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

TITLE = "Ward and Kolda 2023, Figure 3"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    rank: int = 10,
    narrow: int = 6,
    kappa: float = 10 / 9,
    step_sizes: tuple[float, ...] = (1e-4, 1e-3, 0.01, 0.1, 0.5, 1.0, 1.5),
    runs: int = 5,
    max_steps: int = 8000,
) -> list[Path]:
    """Ward and Kolda's Figure 3: four starts with step sizes from the theory's to beyond the limit of stability.

    Writes `fig3.csv` and `fig3_runs.csv`.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of A.
    rank : int
        d of the picture.
    narrow : int
        A second d, for the proposed start only; its step counts are in `fig3_runs.csv`.
    kappa : float
        σ₁/σ_r.
    step_sizes : tuple of float
        In units of 1/σ₁(A).
    runs : int
        For each start.
    max_steps : int
        Where a run that has not converged is given up.
    """
    matrix = planted(shape, spectrum(kappa, r), rng=MATRIX_SEED)
    theory = Theory.of(matrix.sigma, rank)
    curves: Rows = []
    summaries: Rows = []
    for method in METHODS:
        for step_size in step_sizes:
            of_runs, of_ends = race(
                matrix,
                method=method,
                rank=rank,
                step_size=step_size,
                starts=tuple(STARTS),
                runs=runs,
                max_steps=max_steps,
            )
            line = theory.line(step_size, matrix.sigma, max_steps)
            curves += of_runs
            if len(line[0]) > 1:
                curves += curve_rows(panel_key(matrix, method, rank, step_size), "theory", 0, *line)
            summaries += of_ends
            summaries += race(
                matrix,
                method=method,
                rank=narrow,
                step_size=step_size,
                starts=("proposed",),
                runs=runs,
                max_steps=max_steps,
            )[1]
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=(rank, narrow), kappa=kappa, cap=max_steps)
    return [
        Table.of(curves, noted).write(out / "fig3.csv"),
        Table.of(summaries, noted).write(out / "fig3_runs.csv"),
    ]


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `fig3_gd` and `fig3_agd` from `fig3.csv`: a panel for each step size, steps on a log axis."""
    return pictures(csv, out, _figure)


def _figure(curves: Table, method: str) -> Any:
    step_sizes = curves.distinct("step_size")
    columns = (len(step_sizes) + 1) // 2
    fig, axes = canvas.figure(2, columns, 2.9 * columns, 6.0)
    for ax, step_size in zip(axes.flat, step_sizes, strict=False):
        panel = curves.where(step_size=step_size)
        draw_curves(ax, panel)
        ax.set_title(f"η = {number(step_size)}/σ₁")
        ax.set_ylim(3e-8, 30)
        log_steps(ax, max(curves.columns["step"]))
        if min(ends := _ends(panel)) > 1.0:
            ax.text(0.5, 0.45, f"all {len(ends)} runs diverge", ha="center", transform=ax.transAxes)
        if step_size == 1.0:
            ax.text(0.98, 0.98, "both random starts coincide", ha="right", va="top", transform=ax.transAxes)
    for ax in axes[:, 0]:
        ax.set_ylabel("relative error")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    for ax in axes.flat[len(step_sizes) :]:
        ax.axis("off")
    rank, kappa = curves.columns["rank"][0], curves.columns["kappa"][0]
    fig.suptitle(f"From small steps to beyond the limit of stability, {method}, κ = {fraction(kappa)}, d = {rank}")
    if len(step_sizes) < axes.size:
        legend(fig, columns=1, inside=axes.flat[-1])
    else:
        legend(fig, columns=3)
    return fig


def _ends(panel: Table) -> list[float]:
    runs = [panel.where(curve=name, run=run) for name in STARTS for run in panel.distinct("run") if run > 0]
    return [run.columns["relative_error"][-1] for run in runs if run.columns["step"]]
