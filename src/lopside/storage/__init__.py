"""How A is held.  One file per way; all answer the same few questions by row blocks."""

from lopside.storage.dense import Dense
from lopside.storage.protocol import Storage, Sweep

__all__ = ["Dense", "Storage", "Sweep"]
