"""Matrix completion against cmfrec, LIBMF and Surprise: error on unseen entries, time to it, memory, gap."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import completion

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--tables", nargs="+", choices=completion.NAMES, default=completion.NAMES, help="default: all")
    options = command.parse_args()
    show(completion.tables(quick=options.quick, say=say, names=options.tables), options)
