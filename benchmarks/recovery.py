"""Recovering a matrix of low rank from some of its entries or from measurements, in the settings of the papers."""

from __future__ import annotations

from script import main

from lopside.bench import recovery

if __name__ == "__main__":
    main(__doc__, recovery.tables)
