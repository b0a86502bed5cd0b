"""Low-rank matrix factorization A ≈ X Yᵀ by gradient methods: fast, at any scale, and certified."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lopside import errors, solvers, starts, step_sizes
from lopside.certify import Watch, certify
from lopside.factorize import factorize
from lopside.loop import State, iterate
from lopside.problems import Completion, Full, Sensing
from lopside.ridge_path import choose_ridge, ridge_path
from lopside.run import Run
from lopside.solution import Solution
from lopside.solve import solve
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Certificate
from lopside.trace import Trace

if TYPE_CHECKING:
    from lopside import estimators
    from lopside.planning import Plan, plan

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "Completion",
    "Full",
    "Plan",
    "Run",
    "Sensing",
    "Solution",
    "State",
    "Status",
    "Stop",
    "Trace",
    "Watch",
    "certify",
    "choose_ridge",
    "errors",
    "estimators",
    "factorize",
    "iterate",
    "plan",
    "ridge_path",
    "solve",
    "solvers",
    "starts",
    "step_sizes",
]


def __getattr__(name: str) -> Any:
    if name == "estimators":  # needs scikit-learn, which nothing else here does
        return import_module("lopside.estimators")
    if name in ("plan", "Plan"):
        return getattr(import_module("lopside.planning"), name)
    raise AttributeError(f"module 'lopside' has no attribute {name!r}")
