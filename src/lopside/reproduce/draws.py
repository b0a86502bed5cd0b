"""The proposed start drawn many times: how large τ, the first loss and the norms of X₀ and Y₀ come out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lopside.data import planted
from lopside.plots import canvas
from lopside.problems import Full
from lopside.reproduce.setting import MATRIX_SEED, NU, C, Rows, facts, seeds, spectrum
from lopside.reproduce.table import Table
from lopside.starts import Unbalanced
from lopside.theory.gaussian import gaussian_scale, sigma_min_tail

TITLE = "Draws of the proposed start"


def experiment(
    out: Path,
    *,
    shape: tuple[int, int] = (100, 100),
    r: int = 5,
    ranks: tuple[int, ...] = (5, 6, 10, 20),
    kappa: float = 10 / 9,
    nus: tuple[float, ...] = (NU, 0.5),
    runs: int = 400,
) -> list[Path]:
    """Beyond the papers: how large τ, the first loss and the norms of the drawn start come out.

    Writes `draws.csv`; nothing is run.

    τ is σ_r(VᵀΦ₁)/(1 − √((r−1)/d)): the theory's β with a given τ bounds a run if its drawn τ is at least that.

    Parameters
    ----------
    out : Path
        A folder.
    shape, r : (m, n) and int
        Of A.
    ranks : tuple of int
        Columns d.
    kappa : float
        σ₁/σ_r.
    nus : tuple of float
        ν of the start.
    runs : int
        Draws for each d and ν.
    """
    matrix = planted(shape, spectrum(kappa, r), rng=MATRIX_SEED)
    problem = Full(matrix.A)
    rows: Rows = []
    for rank in ranks:
        level = gaussian_scale(rank, r) / math.sqrt(rank)
        for nu in nus:
            start = Unbalanced(C=C, nu=nu)
            for seed in seeds(runs):
                # With η = 1 and σ₁ = 1: X₀ = AΦ₁/C, so UᵀX₀ = Σ VᵀΦ₁/C.
                X, Y = start(problem, rank, step_size=1.0, sigma1=1.0, rng=np.random.default_rng(seed))
                inner = np.linalg.svd(C * (matrix.U.T @ X) / matrix.sigma[:, None], compute_uv=False)
                loss = 0.5 * (problem.residual_norm(X, Y) / problem.norm) ** 2
                tail = sigma_min_tail(rank, r, float(inner[-1]) * math.sqrt(rank))
                rows.append(
                    {
                        "rank": rank,
                        "nu": nu,
                        "run": seed,
                        "tau": float(inner[-1]) / level,
                        "tail": tail,
                        "initial_loss": loss,
                        "norm_x": C * float(np.linalg.norm(X, 2)),
                        "norm_y": float(np.linalg.norm(Y, 2)) / (C * nu),
                    }
                )
    noted = facts(TITLE, runs, shape=shape, rank_of_A=r, columns=ranks, kappa=kappa)
    return [Table.of(rows, noted).write(out / "draws.csv")]


def draw(csv: Path, out: Path) -> list[Path]:
    """Draw from `draws.csv` how often τ falls below a level, with the proved bound on that."""
    table = Table.read(csv)
    table = table.where(nu=table.columns["nu"][0])
    ranks = table.distinct("rank")
    with canvas.style():
        fig, axes = canvas.figure(1, 1, 7.0, 4.6)
        ax = axes[0, 0]
        for colour, rank in zip(canvas.COLOURS, ranks, strict=False):
            rows = sorted(table.where(rank=rank).rows(), key=lambda row: row["tau"])
            taus, tails = ([row[name] for row in rows] for name in ("tau", "tail"))
            share = (np.arange(len(rows)) + 1) / len(rows)
            ax.step(taus, share, where="post", color=colour, label=f"d = {rank}")
            ax.plot(taus, np.minimum(tails, 1.0), "--", color=colour, linewidth=1.0)
        ax.plot([], [], "--", color=canvas.QUIET, label="proved bound")
        ax.axvline(1.0, color=canvas.QUIET, linewidth=0.8)
        ax.annotate("τ of the theory lines", (1.0, 0.02), xytext=(4, 0), textcoords="offset points")
        ax.set_xlim(0.0, 3.0)
        ax.set_ylim(0.0, 1.02)
        ax.set_xlabel("τ")
        ax.set_ylabel("share of draws with a smaller τ")
        ax.legend(loc="lower right")
        fig.suptitle(f"How lucky a draw of the proposed start has to be (r = {table.facts['rank of A']})")
    return canvas.save(fig, out)
