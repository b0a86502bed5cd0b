"""`LowRank` against scikit-learn's `TruncatedSVD` and `PCA`, each at the cheapest setting that is as accurate."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import estimators, factorize

ALL = ("dense", *factorize.SPARSE)

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--matrices", nargs="+", choices=ALL, default=ALL, help="default: all")
    options = command.parse_args()
    show(estimators.tables(quick=options.quick, say=say, matrices=options.matrices), options)
