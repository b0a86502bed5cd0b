"""Missing values filled in: lopside's imputer and scikit-learn's, on entries that were hidden; error and time."""

from __future__ import annotations

from script import main

from lopside.bench import imputation

if __name__ == "__main__":
    main(__doc__, imputation.tables)
