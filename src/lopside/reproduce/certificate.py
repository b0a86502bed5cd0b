"""Beyond the papers: what the all-time theorem proves of a run, and from which step on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lopside.data import Planted, planted
from lopside.plots import canvas
from lopside.problems import Full
from lopside.reproduce.certified import CertifiedRun, certified_run
from lopside.reproduce.panels import fraction, number, pictures
from lopside.reproduce.setting import (
    FLOOR,
    MATRIX_SEED,
    METHODS,
    STARTS,
    TOLERANCE,
    Rows,
    facts,
    panel_key,
    seeds,
    spectrum,
)
from lopside.reproduce.table import Cell, Table
from lopside.theory.all_time_step import all_time_step
from lopside.theory.ward_kolda_window import window_rate

TITLE = "The all-time certificate"
MEASURED, CERTIFIED, PRINTED = "measured", "certified", "printed theorem"
REACHED, FIRST, ANNOUNCED = "reached", "first certified", "announced"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    rank: int = 10,
    kappa: float = 10 / 9,
    theta: float = 0.1,
    step_sizes: tuple[float, ...] = (1e-3, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0),
    runs: int = 5,
    max_steps: int = 3000,
) -> list[Path]:
    """Beyond the papers: what the all-time theorem proves of a run, and from which step on.

    Writes `certificate.csv` and `certificate_runs.csv`, from runs of `lopside.Run` with the proposed start.

    Once with the step size of the all-time theorem at θ, for which every run must converge at a known rate from
    its start; and over a range of step sizes, for the step at which convergence becomes certain.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of A.
    rank : int
        d.
    kappa : float
        σ₁/σ_r.
    theta : float
        θ in (0, 1).
    step_sizes : tuple of float
        In units of 1/σ₁(A).
    runs : int
    max_steps : int
        Where a run that has not converged is given up.
    """
    matrix = planted(shape, spectrum(kappa, r), rng=MATRIX_SEED)
    curves: Rows = []
    summaries: Rows = []
    for method, solver in METHODS.items():
        for seed in seeds(runs):
            for step_size in (_proved_step(matrix, rank, r, seed, theta), *step_sizes):
                proved = step_size not in step_sizes
                watched = certified_run(
                    matrix.A,
                    solver(step_size),
                    STARTS["proposed"],
                    rank=rank,
                    r=r,
                    seed=seed,
                    max_steps=max_steps,
                    floor=FLOOR if proved else TOLERANCE,
                )
                key = panel_key(matrix, method, rank, step_size) | {"panel": "rate" if proved else "sweep", "run": seed}
                curves += _rate_rows(key, watched) if proved else _sweep_rows(key, watched)
                summaries.append(key | _summary(watched, theta))
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=rank, kappa=kappa, theta=theta)
    return [
        Table.of(curves, noted).write(out / "certificate.csv"),
        Table.of(summaries, noted).write(out / "certificate_runs.csv"),
    ]


def _proved_step(matrix: Planted, rank: int, r: int, seed: int, theta: float) -> float:
    # b and the first loss of this start do not depend on the step, so any will do to draw it.
    rng, problem = np.random.default_rng(seed), Full(matrix.A)
    X, Y = STARTS["proposed"](problem, rank, step_size=1.0, sigma1=1.0, rng=rng)
    b = float(np.linalg.svd(X, compute_uv=False)[r - 1]) ** 2
    return all_time_step(b, 0.5 * problem.residual_norm(X, Y) ** 2, theta=theta)


def _rate_rows(key: dict[str, Cell], watched: CertifiedRun) -> Rows:
    printed = [math.sqrt(window_rate(watched.b, form="printed") ** step) for step in watched.steps]
    lines = {
        MEASURED: (watched.steps, watched.relative_errors),
        CERTIFIED: watched.line(),
        PRINTED: (watched.steps, printed),
    }
    return [
        key | {"b": watched.b, "curve": curve, "step": float(step), "relative_error": error}
        for curve, line in lines.items()
        for step, error in zip(*line, strict=True)
    ]


def _sweep_rows(key: dict[str, Cell], watched: CertifiedRun) -> Rows:
    counts = {REACHED: watched.reached(TOLERANCE), FIRST: watched.first, ANNOUNCED: watched.announced(TOLERANCE)}
    return [
        key | {"b": watched.b, "curve": curve, "step": step, "relative_error": TOLERANCE}
        for curve, step in counts.items()
    ]


def _summary(watched: CertifiedRun, theta: float) -> dict[str, Cell]:
    steps, errors = np.array(watched.steps), np.array(watched.relative_errors)
    line = np.array(watched.line()[1])
    # The certified error where the certificate begins is the measured one.
    ratios = (errors[len(errors) - len(line) :] / line)[1:]
    late = errors < 1e-2
    slope = math.nan
    if late.sum() >= 3:
        slope = float(-np.polyfit(steps[late], np.log(errors[late]), 1)[0])
    return {
        "b": watched.b,
        "reached": watched.reached(TOLERANCE),
        "first": watched.first,
        "announced": watched.announced(TOLERANCE),
        "average_rate": float(-np.log(errors[-1]) / steps[-1]),
        "late_rate": slope,
        "certified_rate": -0.5 * math.log(watched.part.rate) if watched.part and watched.part.rate else math.nan,
        "theta_rate": -math.log1p(-((1 - theta) ** 2) * watched.b),
        "printed_rate": -0.5 * math.log(window_rate(watched.b, form="printed")),
        "measured_over_certified": float(ratios.max()) if len(ratios) else math.nan,
    }


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw `certificate_gd` and `certificate_agd` from `certificate.csv`."""
    return pictures(csv, out, _figure)


_LOOK = {
    MEASURED: (canvas.COLOURS[0], "-", "measured"),
    CERTIFIED: (canvas.COLOURS[2], "-", "certified at the start"),
    PRINTED: (canvas.INK, "--", "theorem of the paper with the drawn b"),
    REACHED: (canvas.COLOURS[0], "o", "relative error {} reached"),
    ANNOUNCED: (canvas.COLOURS[2], "^", "announced for {} when first certain"),
    FIRST: (canvas.COLOURS[3], "s", "first step at which convergence is certain"),
}


def _figure(curves: Table, method: str) -> Any:
    fig, axes = canvas.figure(1, 2, 10.5, 4.6)
    _draw_rates(axes[0, 0], curves.where(panel="rate"))
    _draw_sweep(axes[0, 1], curves.where(panel="sweep"))
    kappa, rank = curves.columns["kappa"][0], curves.columns["rank"][0]
    fig.suptitle(f"What is proved of a run, {method}, κ = {fraction(kappa)}, d = {rank}")
    return fig


def _draw_rates(ax: Any, rates: Table) -> None:
    for curve in rates.distinct("curve"):
        colour, line, label = _LOOK[curve]
        for run in rates.distinct("run"):
            one = rates.where(curve=curve, run=run).columns
            scaled = np.array(one["step"]) * np.array(one["b"])
            ax.plot(scaled, one["relative_error"], line, color=colour, linewidth=1.2, label=label)
            label = None
    ax.set_yscale("log")
    ax.minorticks_off()
    ax.set_ylim(3e-8, 3)
    ax.set_xlim(left=0)
    ax.set_xlabel("steps × b,  b = η σ_r(X₀)²")
    ax.set_ylabel("relative error")
    largest, smallest = max(rates.columns["step_size"]), min(rates.columns["step_size"])
    ax.set_title(f"step size of the theorem, η = {number(smallest)} to {number(largest)}")
    ax.legend(loc="lower left")


def _draw_sweep(ax: Any, sweep: Table) -> None:
    for curve in (ANNOUNCED, REACHED, FIRST):
        colour, marker, label = _LOOK[curve]
        one = sweep.where(curve=curve).columns
        text = label.format(number(one["relative_error"][0]))
        # The start itself, step 0, has no place on a log axis; it is drawn as step 1/2.
        steps = [max(step, 0.5) for step in one["step"]]
        ax.plot(one["step_size"], steps, marker, color=colour, markersize=4.5, alpha=0.75, label=text)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.minorticks_off()
    ax.set_xlabel("step size η in units of 1/σ₁")
    ax.set_ylabel("step (the start drawn at ½)")
    ax.set_title("when convergence becomes certain")
    ax.legend(loc="lower right")
