"""Original ids (names, numbers, dates) and their positions 0 … k−1."""

from lopside.ids.codes import Coder, Factorized, Ids, chunks, distinct_ids, factorized
from lopside.ids.kinds import LONGEST, as_ids

__all__ = ["LONGEST", "Coder", "Factorized", "Ids", "as_ids", "chunks", "distinct_ids", "factorized"]
