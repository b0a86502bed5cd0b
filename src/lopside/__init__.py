"""Low-rank matrix factorization A ≈ X Yᵀ by gradient methods: fast, at any scale, and certified."""

from lopside import errors, solvers, starts, step_sizes
from lopside.problems import Full
from lopside.solution import Solution, Trace
from lopside.solve import Run, iterate, solve
from lopside.stopping import Status, Stop

__version__ = "0.1.0"

__all__ = [
    "Full",
    "Run",
    "Solution",
    "Status",
    "Stop",
    "Trace",
    "errors",
    "iterate",
    "solve",
    "solvers",
    "starts",
    "step_sizes",
]
