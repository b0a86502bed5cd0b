"""`lopside demo`: real matrices and tables with holes, factors and pictures."""

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
    """Factorize three real matrices at rank 20, and complete three real tables with holes.

    Handwritten digits, a photograph, an elevation model and prices of stocks, out of scikit-learn (the extra `demo`)
    and matplotlib; MovieLens-100K where `make data` has downloaded it.
    """
    from lopside import demo as job  # here, because they load matplotlib
    from lopside import demo_tables

    began = time.perf_counter()
    done = []
    with no_empty_folder(out):
        with usage():
            thread_count()
            require_writable(out / "summary.json")
        for fit in job.fits(out):
            done.append(fit)
            say(f"{fit.name}: {fit.solution.status.value} after {fit.solution.steps} steps", quiet=as_json)
        tables = []
        for table in demo_tables.fits(out):
            tables.append(table)
            say(f"{table.name}: {table.solution.status.value} after {table.solution.steps} steps", quiet=as_json)
        summary = job.conclude(out, done, tables)
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
    print_table("Matrices", columns, rows)
    columns = (
        "table",
        "shape",
        "shown",
        "rank",
        "λ (chosen)",
        "RMSE on hidden",
        "their spread",
        "seconds",
        "certificate",
    )
    rows = [
        (
            fit.name,
            "{} × {}".format(*fit.problem.shape),
            str(fit.problem.entries),
            str(fit.rank),
            f"{fit.problem.ridge:.4g}",
            f"{fit.error:.4g}",
            f"{fit.spread:.4g}",
            f"{fit.solution.seconds:.1f}",
            f"proved: at most {percent(fit.excess)} above the least possible",
        )
        for fit in tables
    ]
    print_table("Tables with holes", columns, rows)
    if missing := demo_tables.absent():
        print(missing)
    print(f"Factors, pictures and summary.json are in {out} ({time.perf_counter() - began:.0f} s in all)")
