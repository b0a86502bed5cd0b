"""Dask: one worker process against none, two against one, and other libraries at equal accuracy."""

from __future__ import annotations

from script import parser, say, show

from lopside.bench import cluster

if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--only", choices=("pass", "workers", "peers"), help="one of the tables; default: all")
    options = command.parse_args()
    show(cluster.tables(quick=options.quick, say=say, only=options.only), options)
