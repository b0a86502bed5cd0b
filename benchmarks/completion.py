"""Matrix completion against cmfrec, LIBMF and Surprise: error on unseen entries, time to it, memory."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import completion

NAMES = ("error", "race", "memory")

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--tables", nargs="+", choices=NAMES, default=NAMES, help="default: all")
    options = command.parse_args()
    show(completion.tables(quick=options.quick, say=say, names=options.tables), options)
