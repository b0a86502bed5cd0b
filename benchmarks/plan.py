"""Peak memory, bytes, passes and seconds of a fit, as said before it and as measured."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import plan

if __name__ == "__main__":
    options = parser(__doc__).parse_args()
    show(plan.tables(quick=options.quick, say=say), options)
