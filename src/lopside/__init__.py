"""Low-rank matrix factorization A ≈ X Yᵀ by gradient methods: fast, at any scale, and certified."""

from lopside import errors, solvers, starts, step_sizes
from lopside.certify import Watch, certify
from lopside.problems import Full
from lopside.solution import Solution, Trace
from lopside.solve import Run, iterate, solve
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Certificate

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "Full",
    "Run",
    "Solution",
    "Status",
    "Stop",
    "Trace",
    "Watch",
    "certify",
    "errors",
    "iterate",
    "solve",
    "solvers",
    "starts",
    "step_sizes",
]
