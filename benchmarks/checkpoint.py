"""Runs killed at random moments, each going on where the last one was, and what keeping them costs."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import checkpoint

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--only", choices=("kills", "cost"), help="one of the two tables; default: both")
    options = command.parse_args()
    if options.only == "cost":
        show([checkpoint.cost_table(say)], options)
    elif options.only == "kills":
        show([checkpoint.kills_table(2 if options.quick else 10, say)], options)
    else:
        show(checkpoint.tables(quick=options.quick, say=say), options)
