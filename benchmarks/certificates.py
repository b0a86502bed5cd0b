"""Look for a violated certificate on many random instances, and print how tight they are.

Each instance draws a shape, ranks, a spectrum, noise, a scale, a start, a method and a step, runs a few dozen
steps, and compares every claim with the truth: the gap with LAPACK's singular values, and each linear bound with
the loss of an independent continuation of the run, computed from the full residual.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from script import parser, say, show

import lopside as lo
from lopside import sizes
from lopside.bench.tables import Column, Table
from lopside.data import planted
from lopside.theory import eckart_young

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
    # Both losses are known to rounding of ‖A‖_F in their square roots.
    allowed = 2e-15 * np.sqrt(norm2) * (np.sqrt(2 * loss) + np.linalg.norm(s[solution.rank :])) + 4e-30 * norm2
    tally["gap violations"] += certificate.gap < truth - allowed
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
    yield Table("certificates", "Random instances", TALLY, rows)


TALLY = (Column("what", ""), Column("count", ""))
GAPS: tuple[str, ...] = (
    "certificates",
    "violations of the gap",
    "violations of an interval for σ_i",
    "violations of the best error",
)
GAPS += ("violations of the excess", "not proved to 1e-6, error above 1e-10‖A‖", "with a gap in the spectrum")
GAPS += ("of these: gap within 10 × of the truth or 1e-13‖A‖²",)


def hard_spectrum(rng: np.random.Generator, k: int) -> np.ndarray:
    i = np.arange(1, k + 1.0)
    split = rng.integers(1, k + 1)
    kinds = (
        i ** -rng.uniform(0, 3),
        10.0 ** (-i * rng.uniform(0.05, 1.5)),
        np.where(i <= split, 1.0, 10.0 ** -rng.uniform(0, 13)),
        np.sort(rng.choice([1.0, 0.999, 0.5, 0.5, 1e-3, 1e-9, 0.0], size=k))[::-1],
        np.ones(k),
        np.where(i <= split, i**-0.5, 0.0),
        np.sort(rng.random(k))[::-1],
        np.sort(10.0 ** rng.uniform(-14, 0, k))[::-1],
    )
    return kinds[rng.integers(len(kinds))]


def hard_instance(seed: tuple[int, int]) -> tuple[np.ndarray, int, float, np.random.Generator]:
    rng = np.random.default_rng(seed)
    m, n = (int(size) for size in rng.integers(1, 60, 2))
    k = min(m, n)
    U, V = (np.linalg.qr(rng.standard_normal((rows, k)))[0] for rows in (m, n))
    A = (U * hard_spectrum(rng, k)) @ V.T
    if not A.any():
        A[0, 0] = 1.0
    return np.asarray(A, order=rng.choice(["C", "F"])), int(rng.integers(1, min(k, 12) + 1)), rng.choice(SCALES), rng


SCALES = (1.0, 1.0, 1e-140, 1e140)


def judge_gap(A, X, Y, certificate, scale, tally) -> None:
    """Compare every number of a certificate with LAPACK's singular values; their own rounding is allowed for."""
    d, X = Y.shape[1], X / scale
    s = np.linalg.svd(A, compute_uv=False)
    norm, missed, best = np.linalg.norm(s), np.linalg.norm(X @ Y.T - A), np.linalg.norm(s[d:])
    truth, gap = 0.5 * (missed**2 - best**2), certificate.gap / scale / scale
    tally["certificates"] += 1
    tally["violations of the gap"] += gap < truth - 2e-15 * norm * (missed + best) - 4e-30 * norm**2
    low, high = np.array(certificate.singular_value_bounds).T / scale
    wrong = (low > s[:d] + 4e-15 * norm).any() or (high < s[:d] - 4e-15 * norm).any()
    tally["violations of an interval for σ_i"] += wrong
    low, high = certificate.best_relative_error_bounds
    tally["violations of the best error"] += not low - 3e-15 <= best / norm <= high + 3e-15
    if certificate.excess is not None and best > 0:
        tally["violations of the excess"] += missed / best - 1 > certificate.excess + 4e-15 * norm / best
    following = s[d] if d < len(s) else 0.0
    if following <= 0.5 * s[d - 1]:
        tally["with a gap in the spectrum"] += 1
        tight = gap <= max(10 * truth, 1e-13 * norm**2)
        tally["of these: gap within 10 × of the truth or 1e-13‖A‖²"] += tight


def gap_tables(instances: int, seed: int) -> Iterator[Table]:
    """Judge the certificates of `factorize` and of disturbed factors, each half of the time from a search."""
    tally = dict.fromkeys(GAPS, 0)
    whole = sizes._LAPACK_WORK, sizes._LAPACK_MOST, sizes._WHOLE_SIDE, eckart_young._LAPACK_WORK
    for k in range(instances):
        A, d, scale, rng = hard_instance((seed, k))
        # Small matrices would be decomposed: half of them are searched as large ones are.
        chosen = (0.0, 0.0, 0, 0.0) if rng.random() < 0.5 else whole
        sizes._LAPACK_WORK, sizes._LAPACK_MOST, sizes._WHOLE_SIDE, eckart_young._LAPACK_WORK = chosen
        sizes.WIDTH = eckart_young._WIDTH = int(rng.choice([1, 2, 4, 8]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
            fit = lo.factorize(A * scale, d, rng=k)
        judge_gap(A, fit.X, fit.Y, fit.certificate, scale, tally)
        open_case = not fit.converged and fit.relative_error > 1e-10
        tally["not proved to 1e-6, error above 1e-10‖A‖"] += open_case
        X = fit.X + 10.0 ** -rng.uniform(1, 14) * scale * np.linalg.norm(A) * rng.standard_normal(fit.X.shape)
        Y = fit.Y + 10.0 ** -rng.uniform(1, 14) * rng.standard_normal(fit.Y.shape)
        judge_gap(A, X, Y, lo.certify(lo.Full(A * scale), (X, Y), rng=k + 1), scale, tally)
        if (k + 1) % 1000 == 0:
            say(f"certificates: {k + 1} instances of the gap")
    sizes._LAPACK_WORK, sizes._LAPACK_MOST, sizes._WHOLE_SIDE, eckart_young._LAPACK_WORK = whole
    rows: list[dict[str, Any]] = [{"what": name, "count": f"{int(tally[name])}"} for name in GAPS]
    yield Table("gaps", "Eckart–Young gaps on hard instances", TALLY, rows)


def near_tie(seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, int, np.random.Generator]:
    """Return a matrix that is exact in float64 as its singular values are, two of which lie close at the rank d."""
    rng = np.random.default_rng(seed)
    H = np.kron(*[np.eye(4) - 0.5] * 2)  # orthogonal, and its entries are ± ¼
    k = int(rng.integers(2, 13))
    d = int(rng.integers(1, min(k, 5)))
    s = np.sort(rng.choice([3.0, 2.0, 1.5, 1.0, 0.5, 0.25, 0.125], k))[::-1]
    s[d] = abs(s[d - 1] - rng.choice([0.0, 2.0 ** -rng.integers(1, 47)]))
    U, V = (rng.permutation(H)[:, :k] * rng.choice([-1.0, 1.0], k) for _ in range(2))
    return (U * s) @ V.T, np.sort(s)[::-1], d, rng


def exact_table(instances: int, seed: int) -> Iterator[Table]:
    """Judge certificates in rational arithmetic, where a difference of the size of rounding counts."""
    tally = dict.fromkeys((EXACT, *GAPS[1:2], GAPS[4]), 0)
    whole = sizes._LAPACK_WORK, sizes._WHOLE_SIDE, sizes.WIDTH
    for k in range(instances):
        A, s, d, rng = near_tie((seed, k))
        sizes._LAPACK_WORK, sizes._WHOLE_SIDE = (0.0, 0) if rng.random() < 0.5 else whole[:2]
        sizes.WIDTH = int(rng.choice([1, 2, 4, 8]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
            fit = lo.factorize(A, d, rng=k)
        X, Y = ([[Fraction(entry) for entry in row] for row in F] for F in (fit.X, fit.Y))
        missed = sum(
            (Fraction(A[i, j]) - sum(x * y for x, y in zip(X[i], Y[j], strict=True))) ** 2
            for i in range(len(A))
            for j in range(len(A))
        )
        best = sum(Fraction(value) ** 2 for value in s[d:])
        tally[EXACT] += 1
        tally[GAPS[1]] += missed - best > 2 * Fraction(fit.certificate.gap)
        if fit.certificate.excess is not None:
            tally[GAPS[4]] += missed > best * (1 + Fraction(fit.certificate.excess)) ** 2
    sizes._LAPACK_WORK, sizes._WHOLE_SIDE, sizes.WIDTH = whole
    rows: list[dict[str, Any]] = [{"what": name, "count": f"{int(count)}"} for name, count in tally.items()]
    yield Table("exact", "Singular values near a tie, in rational arithmetic", TALLY, rows)


EXACT = "certificates of best fits"


def every(instances: int, seed: int) -> Iterator[Table]:
    yield from exact_table(instances // 2, seed)
    yield from gap_tables(instances, seed)
    yield from tables(instances, seed)


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--instances", type=int, help="default 10000 (quick: 200)")
    command.add_argument("--seed", type=int, default=0)
    options = command.parse_args()
    show(every(options.instances or (200 if options.quick else 10_000), options.seed), options)
