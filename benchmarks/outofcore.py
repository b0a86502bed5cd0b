"""One pass over a file larger than memory against plain sequential reads of it, and a whole fit."""

from __future__ import annotations

from pathlib import Path

from script import parser, say, show

from lopside.bench import outofcore

TYPES = ("float32", "float64")

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--gigabytes", type=float, help="size of the file; default 30 (quick: 1)")
    command.add_argument("--folder", type=Path, help="where to make it; default: the system's temporary folder")
    command.add_argument("--types", nargs="+", choices=TYPES, default=TYPES, help="default: both")
    options = command.parse_args()
    chosen = {"gigabytes": options.gigabytes, "folder": options.folder, "types": options.types}
    show(outofcore.tables(quick=options.quick, say=say, **chosen), options)
