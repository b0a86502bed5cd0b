"""What is asked of A: all of its entries (`Full`)."""

from lopside.problems.full import Full, Point
from lopside.problems.protocol import Metric, Problem

__all__ = ["Full", "Metric", "Point", "Problem"]
