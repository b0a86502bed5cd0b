"""How to move (X, Y).  One named method per file; a solver is a frozen record with a pure step."""

from lopside.solvers.alternating_gradient_descent import AlternatingGradientDescent
from lopside.solvers.gradient_descent import GradientDescent
from lopside.solvers.metric import Identity
from lopside.solvers.protocol import Memory, Solver

__all__ = ["AlternatingGradientDescent", "GradientDescent", "Identity", "Solver", "Memory"]
