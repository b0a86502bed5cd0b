"""Figure 2 of Ward and Kolda: four starts with the theory's step, d = 2r and d = r + 1, and what is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lopside.data import planted
from lopside.plots import canvas
from lopside.reproduce.certified import certified_run
from lopside.reproduce.panels import draw_curves, fraction, legend, number, pictures
from lopside.reproduce.setting import (
    FLOOR,
    MATRIX_SEED,
    METHODS,
    STARTS,
    Rows,
    Theory,
    curve_rows,
    facts,
    panel_key,
    race,
    seeds,
    spectrum,
)
from lopside.reproduce.table import Table

TITLE = "Ward and Kolda 2023, Figure 2"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    ranks: tuple[int, ...] = (10, 6),
    kappa: float = 10 / 9,
    runs: int = 5,
    longest: int = 12_000,
) -> list[Path]:
    """Ward and Kolda's Figure 2: four starts with the theory's step size, d = 2r and d = r + 1.

    Writes `fig2.csv` and `fig2_runs.csv`.

    Every run lasts a quarter of the steps T that the theory asks for, at most `longest`. The all-time certificate
    is that of the first proposed run, by `lopside.certify.Watch`.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of A.
    ranks : tuple of int
        Columns d of the factors.
    kappa : float
        σ₁/σ_r.
    runs : int
        For each start.
    longest : int
        Steps.
    """
    matrix = planted(shape, spectrum(kappa, r), rng=MATRIX_SEED)
    curves: Rows = []
    summaries: Rows = []
    for rank in ranks:
        theory = Theory.of(matrix.sigma, rank)
        step_size, max_steps = theory.step_size, min(longest, theory.steps // 4)
        for method, solver in METHODS.items():
            of_runs, of_ends = race(
                matrix,
                method=method,
                rank=rank,
                step_size=step_size,
                starts=tuple(STARTS),
                runs=runs,
                max_steps=max_steps,
            )
            watched = certified_run(
                matrix.A,
                solver(step_size),
                STARTS["proposed"],
                rank=rank,
                r=r,
                seed=seeds(runs)[0],
                max_steps=max_steps,
                floor=FLOOR,
            )
            key = panel_key(matrix, method, rank, step_size)
            curves += of_runs + curve_rows(key, "theory", 0, *theory.line(step_size, matrix.sigma, max_steps))
            curves += curve_rows(key, "certificate", seeds(runs)[0], *watched.line())
            summaries += [row | {"theory_steps": theory.steps, "beta": theory.beta} for row in of_ends]
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=ranks, kappa=kappa)
    return [
        Table.of(curves, noted).write(out / "fig2.csv"),
        Table.of(summaries, noted).write(out / "fig2_runs.csv"),
    ]


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `fig2_gd` and `fig2_agd` from `fig2.csv`: a panel for each d."""
    return pictures(csv, out, _figure)


def _figure(curves: Table, method: str) -> Any:
    ranks = curves.distinct("rank")
    fig, axes = canvas.figure(1, len(ranks), 4.8 * len(ranks), 4.6)
    for ax, rank in zip(axes[0], ranks, strict=True):
        panel = curves.where(rank=rank)
        kappa, step_size = (panel.columns[name][0] for name in ("kappa", "step_size"))
        draw_curves(ax, panel)
        ax.set_title(f"d = {rank}, κ = {fraction(kappa)}, η = {number(step_size)} (theory step)")
        ax.set_ylim(3e-8, 10)
        ax.set_xlim(left=0)
        ax.set_xlabel("step")
        others = [row["relative_error"] for row in panel.rows() if row["curve"] in list(STARTS)[1:]]
        if min(others) > 0.9:
            ax.text(0.98, 0.98, "the three other starts barely move", ha="right", va="top", transform=ax.transAxes)
    axes[0, 0].set_ylabel("relative error")
    fig.suptitle(f"Four starts at the step size of the theory, {method}")
    legend(fig, columns=2)
    return fig
