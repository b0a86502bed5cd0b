"""What is asked of A: all of its entries (`Full`)."""

from lopside.problems.full import Full
from lopside.problems.point import Point
from lopside.problems.protocol import Coefficients, Metric, Problem

__all__ = ["Coefficients", "Full", "Metric", "Point", "Problem"]
