"""Look for a violated certificate on many random instances, and print how tight they are.

Each instance draws a shape, ranks, a spectrum, noise, a scale, a start, a method and a step, runs a few dozen
steps, and compares every claim with the truth: the gap with LAPACK's singular values, and each linear bound with
the loss of an independent continuation of the run, computed from the full residual.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from script import parser, say, show

import lopside as lo
from lopside.bench.tables import Column, Table
from lopside.data import planted

STARTS = (lo.starts.Unbalanced(), lo.starts.ColumnSpan(), lo.starts.Sketch(C=2.0), lo.starts.Gaussian())
METHODS = (lo.solvers.AlternatingGradientDescent, lo.solvers.GradientDescent)


def step(A, X, Y, eta, order):
    E = X @ Y.T - A
    U = X - eta * E @ Y
    if order == "alternating":
        E = U @ Y.T - A
        return U, Y - eta * E.T @ U
    return U, Y - eta * E.T @ X


def instance(seed):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(2, 40, size=2)
    r = int(rng.integers(1, min(m, n, 8) + 1))
    d = int(rng.integers(1, min(m, n, 10) + 1))
    kappa = 10.0 ** rng.uniform(0, 2)
    noise = rng.choice([0.0, 0.0, 1e-8, 0.1])
    A = planted((int(m), int(n)), np.geomspace(1.0, 1.0 / kappa, r), noise=noise, rng=rng).A
    A = A * 10.0 ** rng.uniform(-3, 3)
    eta = 10.0 ** rng.uniform(-5, 0.0) / np.linalg.norm(A, 2)
    solver = METHODS[rng.integers(2)](eta)
    start = STARTS[rng.integers(len(STARTS))]
    steps = int(rng.integers(0, 120))
    solution = lo.solve(lo.Full(A), solver, rank=d, start=start, stop=lo.Stop(max_steps=steps), rng=rng, throw=False)
    return A, solution


def judge(A, solution, tally):
    certificate = solution.certificate
    norm2 = np.linalg.norm(A) ** 2
    s = np.linalg.svd(A, compute_uv=False)
    loss = 0.5 * np.linalg.norm(solution.X @ solution.Y.T - A) ** 2
    truth = loss - 0.5 * (s[solution.rank :] ** 2).sum()
    tally["gap instances"] += 1
    tally["gap violations"] += certificate.gap < truth * (1 - 1e-12) - 1e-15 * norm2 * 1e-3
    tally["gap within 10 × of the truth or 1e-13‖A‖²"] += certificate.gap <= max(10 * truth, 1e-13 * norm2)
    low, high = certificate.best_relative_error_bounds
    best = np.sqrt((s[solution.rank :] ** 2).sum() / norm2)
    tally["best-error interval violations"] += not low * (1 - 1e-12) - 1e-15 <= best <= high * (1 + 1e-7) + 1e-15
    for part in certificate.parts:
        if not part.holds or part.bound is None:
            continue
        tally["linear bounds"] += 1
        X, Y = solution.initial if part.step == 0 else (solution.X, solution.Y)
        if part.step not in (0, solution.steps):
            continue
        horizon = 60 if part.horizon is None else min(60, part.horizon)
        for t in range(horizon + 1):
            loss = 0.5 * np.linalg.norm(X @ Y.T - A) ** 2
            tally["linear bound checks"] += 1
            tally["linear bound violations"] += loss > part.bound.loss_at(t) * (1 + 1e-12)
            X, Y = step(A, X, Y, solution.step_size, solution.order)


COUNTED = ("gap instances", "gap violations", "gap within 10 × of the truth or 1e-13‖A‖²")
COUNTED += ("best-error interval violations", "linear bounds", "linear bound checks", "linear bound violations")


def tables(instances: int, seed: int) -> Iterator[Table]:
    tally = dict.fromkeys(COUNTED, 0)
    began = time.perf_counter()
    for k in range(instances):
        judge(*instance((seed, k)), tally)
        if (k + 1) % 1000 == 0:
            say(f"certificates: {k + 1} instances")
    rows: list[dict[str, Any]] = [{"what": name, "count": f"{int(tally[name])}"} for name in COUNTED]
    rows.append({"what": "seconds", "count": f"{time.perf_counter() - began:.1f}"})
    yield Table("certificates", "Random instances", (Column("what", ""), Column("count", "")), rows)


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--instances", type=int, help="default 10000 (quick: 200)")
    command.add_argument("--seed", type=int, default=0)
    options = command.parse_args()
    show(tables(options.instances or (200 if options.quick else 10_000), options.seed), options)
