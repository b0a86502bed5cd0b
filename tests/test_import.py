"""Importing lopside is cheap, and what it does not need yet stays unloaded."""

from __future__ import annotations

import os
import subprocess
import sys
import time

LATER = {"scipy", "matplotlib", "typer", "rich", "sklearn", "PIL", "threadpoolctl", "numba"}
LATER |= {"array_api_compat", "dask", "distributed", "torch"}
LATER |= {"narwhals", "pandas", "polars", "pyarrow", "jinja2", "starlette", "uvicorn"}


def run(*arguments: str) -> tuple[str, float]:
    """Run a fresh interpreter and return what it wrote and the seconds it took."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment)
    return done.stdout, time.perf_counter() - began


def test_import_loads_nothing_it_does_not_need() -> None:
    loaded, _ = run("-c", "import lopside, sys; sys.stdout.write(' '.join(sys.modules))")
    packages = {name.partition(".")[0] for name in loaded.split()}
    assert {"lopside", "numpy"} <= packages
    assert not packages & LATER


def test_import_costs_little_over_numpy() -> None:
    # Interleaved, and the least of each: other work on the machine only ever adds time.
    pairs = [(run("-c", "import numpy")[1], run("-c", "import numpy, lopside")[1]) for _ in range(15)]
    numpy, both = (min(times) for times in zip(*pairs, strict=True))
    assert both - numpy <= 0.1, f"import lopside adds {both - numpy:.3f} s to the {numpy:.3f} s of import numpy"


def test_help_is_quick() -> None:
    command = "import sys; from lopside.cli import main; sys.exit(main())"  # as the installed script does
    runs = [run("-c", command, "--help") for _ in range(4)]
    assert "factor" in runs[0][0]
    least = min(seconds for _, seconds in runs)
    assert least < 0.8, f"lopside --help takes {least:.2f} s"
