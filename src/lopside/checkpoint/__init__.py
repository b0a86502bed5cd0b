"""Runs that outlast their process: what a run is at one moment, in a file, and the run that goes on from it."""

from lopside.checkpoint.checkpoint import Checkpoint
from lopside.checkpoint.resuming import ended, require_matrix, stop_texts
from lopside.checkpoint.searching import keep_search, resumed_search
from lopside.checkpoint.subject import subject

__all__ = [
    "Checkpoint",
    "ended",
    "keep_search",
    "require_matrix",
    "resumed_search",
    "stop_texts",
    "subject",
]
