"""Figure 1 of Ward and Kolda: proposed against random start for several condition numbers, with the theory's line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lopside.data import planted
from lopside.plots import canvas
from lopside.reproduce.panels import draw_curves, fraction, legend, number, pictures
from lopside.reproduce.setting import MATRIX_SEED, METHODS, Rows, Theory, curve_rows, facts, panel_key, race, spectrum
from lopside.reproduce.table import Table

TITLE = "Ward and Kolda 2023, Figure 1"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    rank: int = 10,
    kappas: tuple[float, ...] = (10 / 9, 2.0, 5.0, 10.0),
    practical_step: float = 0.1,
    runs: int = 5,
    longest: int = 20_000,
) -> list[Path]:
    """Ward and Kolda's Figure 1: the proposed start against a random one for several condition numbers.

    Writes `fig1.csv` and `fig1_runs.csv`.

    Each condition number is run with the theory's step, for a tenth of the steps T that the theory asks for
    (at most `longest`), and with one practical step until the proposed start has converged.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of A.
    rank : int
        d.
    kappas : tuple of float
        Condition numbers σ₁/σ_r.
    practical_step : float
        In units of 1/σ₁(A).
    runs : int
        For each start.
    longest : int
        Steps.
    """
    curves: Rows = []
    summaries: Rows = []
    for kappa in kappas:
        matrix = planted(shape, spectrum(kappa, r), rng=MATRIX_SEED)
        theory = Theory.of(matrix.sigma, rank)
        budgets = {theory.step_size: min(longest, theory.steps // 10), practical_step: int(100 + 80 * kappa)}
        for step_size, max_steps in budgets.items():
            for method in METHODS:
                of_runs, of_ends = race(
                    matrix,
                    method=method,
                    rank=rank,
                    step_size=step_size,
                    starts=("proposed", "random"),
                    runs=runs,
                    max_steps=max_steps,
                )
                key = panel_key(matrix, method, rank, step_size)
                line = theory.line(step_size, matrix.sigma, max_steps)
                curves += of_runs + curve_rows(key, "theory", 0, *line)
                summaries += [row | {"theory_steps": theory.steps, "beta": theory.beta} for row in of_ends]
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=rank, practical_step=practical_step)
    return [
        Table.of(curves, noted).write(out / "fig1.csv"),
        Table.of(summaries, noted).write(out / "fig1_runs.csv"),
    ]


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `fig1_gd` and `fig1_agd` from `fig1.csv`: a column for each κ, the theory's step above."""
    return pictures(csv, out, _figure)


def _figure(curves: Table, method: str) -> Any:
    kappas = curves.distinct("kappa")
    fig, axes = canvas.figure(2, len(kappas), 3.0 * len(kappas), 6.2)
    for column, kappa in enumerate(kappas):
        of_kappa = curves.where(kappa=kappa)
        for row, step_size in enumerate(of_kappa.distinct("step_size")):
            ax = axes[row, column]
            panel = of_kappa.where(step_size=step_size)
            draw_curves(ax, panel)
            kind = "theory's step" if row == 0 else "practical step"
            ax.set_title(f"κ = {fraction(kappa)}, η = {number(step_size)} ({kind})")
            ax.set_ylim(3e-8, 3)
            ax.set_xlim(left=0)
            if row == 1:
                ax.set_xlabel("step")
            if column == 0:
                ax.set_ylabel("relative error")
    rank = curves.columns["rank"][0]
    fig.suptitle(f"Proposed against random start, {method}, d = {rank}")
    legend(fig, columns=3)
    return fig
