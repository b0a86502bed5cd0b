"""`factorize` to a relative excess of 1e-6 over the best possible error, against other libraries at their fastest."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import factorize

ALL = (*factorize.SHAPES, *factorize.SPARSE)

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--matrices", nargs="+", choices=ALL, default=ALL, help="default: all")
    options = command.parse_args()
    show(factorize.tables(quick=options.quick, say=say, matrices=options.matrices), options)
