"""One pass over A against two products of other libraries, and against the ceilings of the machine."""

from __future__ import annotations

from script import main

from lopside.bench import sweep

if __name__ == "__main__":
    main(__doc__, sweep.tables)
