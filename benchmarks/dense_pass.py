"""One alternating iteration on a dense matrix: the sweep against two BLAS products and against the residual form.

All three compute the same X⁺ and AᵀX⁺ (the residual form also forms XYᵀ − A, as the textbook formula does), on the
same number of threads, interleaved round by round.  Ratios above 1 mean that the sweep is faster.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from machine import describe
from threadpoolctl import threadpool_limits

import lopside as lo
from lopside.linalg import thread_count
from lopside.solvers import Identity

ETA = 1e-3


def products(A, X, Y):
    X = X @ (np.eye(X.shape[1], dtype=A.dtype) - A.dtype.type(ETA) * (Y.T @ Y)) + A @ (A.dtype.type(ETA) * Y)
    return X, A.T @ X


def residual_form(A, X, Y):
    X = X - A.dtype.type(ETA) * ((X @ Y.T - A) @ Y)
    return X, (X @ Y.T - A).T @ X


def measure(shape, d, dtype, order, rounds):
    rng = np.random.default_rng(0)
    A = np.asarray(rng.standard_normal(shape), dtype=dtype, order=order)
    X, Y = (rng.standard_normal((size, d)).astype(dtype) for size in shape)
    problem, metric = lo.Full(A), Identity(ETA)
    point = problem.point(X, Y)
    rows = {
        "sweep": lambda: problem.advance(point, metric, metric, order="alternating"),
        "products": lambda: products(A, X, Y),
        "residual": lambda: residual_form(A, X, Y),
    }
    seconds = {name: [] for name in rows}
    for k in range(rounds + 1):
        for name, run in rows.items():
            began = time.perf_counter()
            run()
            if k:
                seconds[name].append(time.perf_counter() - began)
    gap = np.linalg.norm(rows["sweep"]().X - products(A, X, Y)[0]) / np.linalg.norm(X)
    median = {name: np.median(np.array(times) / np.array(seconds["sweep"])) for name, times in seconds.items()}
    rate = 4 * A.size * d / min(seconds["sweep"]) / 1e9
    print(
        f"{shape[0]:>6} × {shape[1]:<6}{np.dtype(dtype).name:>8} {order} {d:>3}{min(seconds['sweep']) * 1e3:9.2f}"
        f"{rate:8.1f}{median['products']:10.2f}{median['residual']:10.2f}{gap:12.1e}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="also 20000 × 5000")
    given = parser.parse_args()
    print(describe())
    print("    shape           type    d sweep ms    GF/s  products  residual   difference (ratios to the sweep)")
    with threadpool_limits(thread_count(), user_api="blas"):
        for shape in [(427, 640), (4000, 3000), *([(20000, 5000)] if given.large else [])]:
            for d in (4, 8, 16, 32, 64):
                measure(shape, d, np.float64, "C", given.rounds)
            measure(shape, 16, np.float64, "F", given.rounds)
            measure(shape, 16, np.float32, "C", given.rounds)


if __name__ == "__main__":
    main()
