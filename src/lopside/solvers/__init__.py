"""How to move (X, Y).  One named method or family per file; a solver is a frozen record with a pure step."""

from lopside.solvers.alternating_least_squares import AlternatingLeastSquares
from lopside.solvers.block_krylov import BlockKrylov
from lopside.solvers.first_order import FirstOrder, Memory
from lopside.solvers.frozen_factor import FrozenFactor
from lopside.solvers.gnmr import GNMR
from lopside.solvers.gradient_descent import AlternatingGradientDescent, GradientDescent
from lopside.solvers.metric import Gram, Identity
from lopside.solvers.nesterov import Nesterov
from lopside.solvers.protocol import Solver
from lopside.solvers.scaled_gradient_descent import AlternatingScaledGradientDescent, ScaledGradientDescent

__all__ = [
    "GNMR",
    "AlternatingGradientDescent",
    "AlternatingLeastSquares",
    "AlternatingScaledGradientDescent",
    "BlockKrylov",
    "FirstOrder",
    "FrozenFactor",
    "GradientDescent",
    "Gram",
    "Identity",
    "Memory",
    "Nesterov",
    "ScaledGradientDescent",
    "Solver",
]
