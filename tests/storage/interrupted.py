"""A run on a cluster of its own, kept in the file named on the command line, for tests that interrupt it."""

from __future__ import annotations

import sys
import time
from typing import Any

import dask
import dask.array as da
import numpy as np

import lopside as lo


def block(number: int) -> np.ndarray:
    """Return rows as a slow file would be read."""
    time.sleep(0.005)
    rng = np.random.default_rng(number)
    return rng.standard_normal((50, 4)) @ np.ones((4, 20)) + rng.standard_normal((50, 20))


def run(steps: int, **options: Any) -> lo.Solution:
    load = dask.delayed(block)
    A = da.concatenate([da.from_delayed(load(number), (50, 20), dtype=float) for number in range(4)])
    solver = lo.solvers.AlternatingGradientDescent()
    return lo.solve(lo.Full(A), solver, rank=3, stop=lo.Stop(max_steps=steps), rng=0, **options)


if __name__ == "__main__":
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster):
        run(10**6, checkpoint=sys.argv[1], every=0)
