"""`lopside demo`: three real matrices, a table, factors and pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from lopside.cli.show import least_text, percent
from lopside.cli.talk import print_table, say, usage
from lopside.io import json_text, no_empty_folder, require_writable
from lopside.threads import thread_count


def demo(
    out: Annotated[Path, typer.Option(help="Folder for factors, pictures and summary.json.")] = Path("out/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json instead of a table.")] = False,
) -> None:
    """Factorize three real matrices at rank 20.

    Handwritten digits, a photograph and an elevation model, out of scikit-learn (the extra `demo`) and matplotlib.
    """
    from lopside import demo as job  # here, because it loads matplotlib

    began = time.perf_counter()
    done = []
    with no_empty_folder(out):
        with usage():
            thread_count()
            require_writable(out / "summary.json")
        for fit in job.fits(out):
            done.append(fit)
            say(f"{fit.name}: {fit.solution.status.value} after {fit.solution.steps} steps", quiet=as_json)
        summary = job.conclude(out, done)
    if as_json:
        print(json_text(summary))
        return
    columns = ("matrix", "shape", "rank", "relative error", "least possible", "steps", "seconds", "certificate")
    rows = [
        (
            fit.name,
            "{} × {}".format(*fit.solution.shape),
            str(fit.solution.rank),
            f"{fit.solution.relative_error:.6g}",
            least_text(fit.certificate.best_relative_error_bounds or (0.0, 0.0)),
            str(fit.solution.steps),
            f"{fit.solution.seconds:.1f}",
            f"proved: at most {percent(fit.excess)} above the least possible",
        )
        for fit in done
    ]
    print_table("", columns, rows)
    print(f"Factors, pictures and summary.json are in {out} ({time.perf_counter() - began:.0f} s in all)")
