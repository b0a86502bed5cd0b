"""What is asked of A: all of its entries (`Full`), some (`Completion`), or linear measurements (`Sensing`)."""

from lopside.problems.completion import Completion
from lopside.problems.full import Full
from lopside.problems.point import Point
from lopside.problems.protocol import Coefficients, Metric, Problem
from lopside.problems.sensing import Sensing

__all__ = ["Coefficients", "Completion", "Full", "Metric", "Point", "Problem", "Sensing"]
