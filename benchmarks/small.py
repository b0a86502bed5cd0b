"""Small matrices, where the overhead of a step is what counts: microseconds a step, and whole fits."""

from __future__ import annotations

from script import main

from lopside.bench import small

if __name__ == "__main__":
    main(__doc__, small.tables)
