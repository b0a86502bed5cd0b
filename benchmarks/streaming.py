"""Merges of batches of rows at equal memory: error, proof and time; and `partial_fit` by the size of a batch."""

from __future__ import annotations

from script import main

from lopside.bench.streaming import tables

if __name__ == "__main__":
    main(__doc__, tables)
