"""Matrices to try things on."""

from lopside.data.planted import Planted, planted
from lopside.data.power_law import PlantedEntries, planted_entries
from lopside.data.ratings import Ratings, Stocks, movielens, stocks
from lopside.data.real import china, digits, elevation

__all__ = [
    "Planted",
    "PlantedEntries",
    "Ratings",
    "Stocks",
    "china",
    "digits",
    "elevation",
    "movielens",
    "planted",
    "planted_entries",
    "stocks",
]
