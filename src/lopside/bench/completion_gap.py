"""How far a completion closes its duality gap where the rank of the convex problem is at most d."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.bench.completion_fits import planted, ratings
from lopside.bench.tables import Column, Table
from lopside.data import digits
from lopside.data.ratings import stocks
from lopside.linalg import factored_svd
from lopside.problems import Completion
from lopside.problems.penalty import Bias, RidgeScaling
from lopside.run import Run
from lopside.solvers import AlternatingLeastSquares
from lopside.stopping import Stop

_GAP = {"float64": 1e-10, "float32": 1e-6}
"""What is asked of a fit, as a share of F."""

_MOST = 3000
"""Steps; float32 can be too coarse for what is asked."""

_RANK = 1e-6
"""Singular values below this share of the largest count as 0."""


class Case(NamedTuple):
    """Entries, and how they are penalized: λ = share·λ_max."""

    name: str
    make: Callable[..., Completion]
    scaling: RidgeScaling
    bias: Bias
    rank: int
    share: float


def _triples(entries: int) -> Callable[..., Completion]:
    def make(kind: str, scaling: RidgeScaling, bias: Bias) -> Completion:
        found = planted(entries, 5) if entries else ratings()
        how = {"shape": found.shape, "ridge": 1.0, "ridge_scaling": scaling, "bias": bias}
        return Completion(found.rows, found.cols, found.values.astype(kind), **how)

    return make


def _table(values: Callable[[], Array]) -> Callable[..., Completion]:
    def make(kind: str, scaling: RidgeScaling, bias: Bias) -> Completion:
        return Completion.from_dense(values().astype(kind), ridge=1.0, ridge_scaling=scaling, bias=bias)

    return make


def _half_digits() -> Array:
    hidden = np.random.default_rng(0).random((1797, 64)) < 0.5
    return np.where(hidden, np.nan, digits())


CASES = (
    Case("MovieLens-100K", _triples(0), "none", "both", 32, 0.3),
    Case("MovieLens-100K", _triples(0), "counts", "both", 32, 0.3),
    Case("MovieLens-100K", _triples(0), "smoothed", "both", 32, 0.3),
    Case("digits, half hidden", _table(_half_digits), "none", "columns", 64, 0.05),
    Case("log prices of stocks", _table(lambda: np.log(stocks().prices)), "none", "columns", 10, 0.01),
    Case("planted 1e6", _triples(1_000_000), "smoothed", "none", 16, 0.3),
)


def gap_table(*, quick: bool, say: Callable[[str], None]) -> Table:
    """Return the gaps reached, the steps and seconds to them, and what proving the last of them took."""
    rows = []
    for case in CASES[:1] if quick else CASES:
        for kind, target in _GAP.items():
            problem = case.make(kind, case.scaling, case.bias)
            problem = problem.with_ridge(case.share * problem.largest_ridge())
            run = Run(problem, AlternatingLeastSquares(), rank=case.rank, stop=Stop(gap=target, max_steps=_MOST))
            for _ in run:
                pass
            solution = run.solution()
            began = time.perf_counter()
            gap = solution.certificate.gap
            proving = time.perf_counter() - began
            s = factored_svd(*(F[:, : case.rank].astype(np.float64) for F in (solution.X, solution.Y)))[1]
            rows.append(
                {
                    "name": case.name,
                    "shape": "{} × {}".format(*problem.shape),
                    "entries": problem.entries,
                    "how": f"λ × {case.scaling}, biases: {case.bias}",
                    "kind": kind,
                    "rank": case.rank,
                    "convex": int(np.count_nonzero(s > _RANK * s[0])),
                    "gap": float("inf") if gap is None else gap / solution.loss,
                    "steps": solution.steps,
                    "seconds": solution.seconds,
                    "proving": proving,
                }
            )
            say(f"gap: {case.name}, {case.scaling}, {kind}: {rows[-1]['gap']:.1e} after {solution.steps} steps")
    columns = (
        Column("name", "entries of"),
        Column("shape", "shape"),
        Column("entries", "known"),
        Column("how", "penalty"),
        Column("kind", "precision"),
        Column("rank", "d"),
        Column("convex", "rank of XYᵀ"),
        Column("gap", "gap / F", ".1e"),
        Column("steps", "steps"),
        Column("seconds", "seconds", ".3g"),
        Column("proving", "of a proof", ".2g"),
    )
    remarks = [f"Alternating least squares until the gap is {_GAP['float64']:g} (float32: {_GAP['float32']:g}) of F."]
    title = "duality gap where the convex problem has a rank of at most d"
    return Table("gap", title, columns, rows, None, remarks)
