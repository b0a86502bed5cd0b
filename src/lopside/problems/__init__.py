"""What is asked of A: all of its entries (`Full`), or some (`Completion`)."""

from lopside.problems.completion import Completion
from lopside.problems.full import Full
from lopside.problems.point import Point
from lopside.problems.protocol import Coefficients, Metric, Problem

__all__ = ["Coefficients", "Completion", "Full", "Metric", "Point", "Problem"]
