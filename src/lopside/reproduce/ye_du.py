"""Ye and Du's theorem watched at work: a small random start, two stages, and factors that stay balanced.

Their step size (about 1e-6/σ₁ on this matrix) would take 1e7 steps, so the runs here use their start with a
practical step.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from lopside.data import Planted, planted
from lopside.plots import canvas
from lopside.problems import Full
from lopside.reproduce.batch import grid
from lopside.reproduce.panels import fraction, number, pictures
from lopside.reproduce.setting import (
    FLOOR,
    MATRIX_SEED,
    METHODS,
    TOLERANCE,
    Rows,
    facts,
    panel_key,
    seeds,
    spectrum,
)
from lopside.reproduce.table import Cell, Table
from lopside.run import Run
from lopside.starts import SmallGaussian
from lopside.stopping import Stop
from lopside.theory.ye_du import second_stage_residual, start_scale, theory_step, total_steps
from lopside.theory.ye_du_stages import blocks_from_svd, first_stage_done, imbalance

TITLE = "Ye and Du 2021"


class _Watched(NamedTuple):
    rows: Rows
    summary: dict[str, Cell]


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    kappa: float = 10 / 9,
    step_size: float = 0.1,
    other_steps: tuple[float, ...] = (0.05, 0.2, 0.4),
    other_scales: tuple[float, ...] = (1.0, 1e-2, 1e-4),
    runs: int = 5,
    max_steps: int = 2000,
) -> list[Path]:
    """Ye and Du's small random start, d = r: two stages and the imbalance.

    Writes `ye_du.csv` and `ye_du_runs.csv`.

    The curves belong to `step_size` and the theorem's scale; the other steps and scales (as multiples of the
    theorem's) only count steps.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of A.
    kappa : float
        σ₁/σ_r.
    step_size : float
        In units of 1/σ₁(A).
    other_steps, other_scales : tuple of float
    runs : int
    max_steps : int
    """
    matrix = planted(shape, spectrum(kappa, r), rng=MATRIX_SEED)
    scale = start_scale(1.0, float(matrix.sigma[-1]), r, shape)
    settings = [(step_size, scale)]
    settings += [(other, scale) for other in other_steps]
    settings += [(step_size, factor * scale) for factor in other_scales if factor != 1.0]
    curves: Rows = []
    summaries: Rows = []
    for method in METHODS:
        for eta, rho in settings:
            for seed in seeds(runs):
                watched = _watch(matrix, method, eta, rho, seed, max_steps)
                curves += watched.rows if (eta, rho) == settings[0] else []
                summaries.append(watched.summary)
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=r, kappa=kappa, scale_of_the_start=scale)
    return [
        Table.of(curves, noted).write(out / "ye_du.csv"),
        Table.of(summaries, noted).write(out / "ye_du_runs.csv"),
    ]


def _watch(matrix: Planted, method: str, step_size: float, scale: float, seed: int, max_steps: int) -> _Watched:
    run = Run(
        Full(matrix.A),
        METHODS[method](step_size),
        rank=len(matrix.sigma),
        start=SmallGaussian(scale),
        stop=Stop(max_steps=max_steps, relative_error=FLOOR),
        rng=seed,
        sigma1=1.0,
        trace_every=max_steps + 1,
    )
    key = panel_key(matrix, method, len(matrix.sigma), step_size) | {"scale": scale, "run": seed}
    kept, sigma_d = set(grid(max_steps)), float(matrix.sigma[-1])
    rows: list[dict[str, Any]] = []
    done = math.nan
    for state in run:
        if state.step not in kept:
            continue
        at = blocks_from_svd(matrix.U, matrix.sigma, matrix.V.T, state.X, state.Y)
        measured = at.norms()._asdict()
        if math.isnan(done) and all(check.holds for check in first_stage_done(at).conclusions):
            done = float(state.step)
        bound = math.nan if math.isnan(done) else second_stage_residual(sigma_d, step_size, state.step - int(done))
        rows.append(
            key
            | {"step": state.step, "relative_error": state.relative_error, "imbalance": imbalance(state.X, state.Y)}
            | {name: measured[name] for name in _NORMS}
            | {"bound": bound}
        )
    reached = next((k for k, error in enumerate(run.trace.relative_error) if error <= TOLERANCE), math.nan)
    target = 0.5 * (TOLERANCE * math.hypot(*matrix.sigma)) ** 2
    own_step = theory_step(1.0, sigma_d, len(matrix.sigma), scale)
    return _Watched(
        rows,
        key
        | {
            "first_stage": done,
            "reached": float(reached),
            "worst_over_bound": max(
                (row["core_residual"] / row["bound"] for row in rows if not math.isnan(row["bound"])), default=math.nan
            ),
            "largest_imbalance": max(row["imbalance"] for row in rows),
            "largest_asymmetry": max(row["asymmetry"] for row in rows),
            "theory_step": own_step,
            "theory_count": total_steps(sigma_d, len(matrix.sigma), scale, own_step, target),
            "count_at_this_step": total_steps(sigma_d, len(matrix.sigma), scale, step_size, target),
        },
    )


_NORMS = ("signal_smallest", "signal_largest", "asymmetry", "left_outside", "right_outside", "core_residual")


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `ye_du_gd` and `ye_du_agd` from `ye_du.csv`: errors, signal, and what should stay small."""
    return pictures(csv, out, _figure)


_PANELS = (
    (
        "error and core residual",
        (
            ("relative_error", canvas.COLOURS[0], "relative error"),
            ("core_residual", canvas.COLOURS[2], "core residual, spectral norm"),
            ("bound", canvas.INK, "its bound in the second stage"),
        ),
    ),
    (
        "signal (U + V)/2",
        (
            ("signal_largest", canvas.COLOURS[1], "largest singular value"),
            ("signal_smallest", canvas.COLOURS[4], "smallest singular value"),
        ),
    ),
    (
        "what should stay small",
        (
            ("imbalance", canvas.COLOURS[3], "imbalance ‖XᵀX − YᵀY‖, Frobenius"),
            ("asymmetry", canvas.COLOURS[5], "asymmetry ‖(U − V)/2‖, Frobenius"),
            ("left_outside", canvas.COLOURS[2], "X outside the column span of A"),
        ),
    ),
)


def _figure(curves: Table, method: str) -> Any:
    fig, axes = canvas.figure(1, 3, 12.0, 4.4)
    end = min(row["step"] for row in curves.rows() if not math.isnan(row["bound"]))
    for ax, (title, lines) in zip(axes[0], _PANELS, strict=True):
        ax.set_yscale("log")
        ax.minorticks_off()
        for name, colour, label in lines:
            for run in curves.distinct("run"):
                one = curves.where(run=run).columns
                dashes = "--" if name == "bound" else "-"
                ax.plot(one["step"], one[name], dashes, color=colour, linewidth=1.1, alpha=0.85, label=label)
                label = None
        ax.axvline(end, color=canvas.QUIET, linewidth=0.8)
        ax.set_title(title)
        ax.set_xlabel("step")
        ax.set_xlim(left=0)
        ax.legend(loc="best")
    kappa, rank, step_size = (curves.columns[name][0] for name in ("kappa", "rank", "step_size"))
    fig.suptitle(
        f"Small random start, {method}, κ = {fraction(kappa)}, d = r = {rank}, η = {number(step_size)}/σ₁; "
        f"grey line: the first stage ends in the earliest run (about step {end})"
    )
    return fig
