"""Matrices to try things on."""

from lopside.data.planted import Planted, planted
from lopside.data.real import china, digits, elevation

__all__ = ["Planted", "china", "digits", "elevation", "planted"]
