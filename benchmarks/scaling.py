"""What a pass over a Dask array costs: a model, what it says of two workers, and of 10¹² entries on 100 machines."""

from __future__ import annotations

from script import main

from lopside.bench import scaling

if __name__ == "__main__":
    main(__doc__, scaling.tables)
