"""Microseconds per step on a 100 × 100 matrix with d = 10: bare NumPy, the problem alone, and `solve` with its trace.

The three are interleaved round by round in one process, so that a noisy machine cannot favour one of them.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from machine import describe
from threadpoolctl import threadpool_limits

import lopside as lo
from lopside.data import planted
from lopside.linalg import one_blas_thread
from lopside.solvers import Identity

STEPS = 1000
ETA = 1e-4  # slow enough that the loss stays far above rounding, so that each step reads A once


def bare(A, X, Y):
    identity = ETA * np.eye(X.shape[1])
    for _ in range(STEPS):
        X = X.dot(np.eye(X.shape[1]) - ETA * Y.T.dot(Y)) + A.dot(Y).dot(identity)
        Y = Y.dot(np.eye(X.shape[1]) - ETA * X.T.dot(X)) + A.T.dot(X).dot(identity)
    return X, Y


def problem_only(problem, X, Y):
    point, metric = problem.point(X, Y), Identity(ETA)
    for _ in range(STEPS):
        point = problem.advance(point, metric, metric, order="alternating")
    return point.X, point.Y


def whole(problem, X, Y):
    solver = lo.solvers.AlternatingGradientDescent(ETA)
    solution = lo.solve(problem, solver, start=(X, Y), stop=lo.Stop(max_steps=STEPS))
    return solution.X, solution.Y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    A = planted((100, 100), np.linspace(1.0, 0.9, 5), rng=0).A
    problem = lo.Full(A)
    X, Y = lo.starts.Unbalanced()(problem, 10, step_size=ETA, sigma1=1.0, rng=np.random.default_rng(0))
    rows = {
        "bare NumPy": lambda: bare(A, X, Y),
        "Full.advance": lambda: problem_only(problem, X, Y),
        "solve, default trace": lambda: whole(problem, X, Y),
    }
    seconds = {name: [] for name in rows}
    answers = {}
    with threadpool_limits(1, user_api="blas"), one_blas_thread:
        for _ in range(rounds):
            for name, run in rows.items():
                began = time.perf_counter()
                answers[name] = run()
                seconds[name].append((time.perf_counter() - began) / STEPS * 1e6)
    print(describe())
    base = seconds["bare NumPy"]
    print(f"{'AGD, 100 × 100, d = 10':24}{'min µs':>8}{'median':>8}{'ratio':>7}   difference of X")
    for name, times in seconds.items():
        ratio = np.median(np.array(times) / np.array(base))
        gap = np.linalg.norm(answers[name][0] - answers["bare NumPy"][0]) / np.linalg.norm(answers[name][0])
        print(f"{name:24}{min(times):8.1f}{np.median(times):8.1f}{ratio:7.2f}   {gap:.1e}")


if __name__ == "__main__":
    main()
