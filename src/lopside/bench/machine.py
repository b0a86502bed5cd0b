"""Where and with what a benchmark ran."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from lopside import __version__
from lopside.threads import thread_count

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "fbpca", "torch")


def version(package: str) -> str | None:
    """Return the public version of an installed package, None if it is not there."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """Return date, processor, cores, threads used, memory, system, Python, BLAS and package versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": thread_count(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": {"lopside": __version__} | {package: version(package) for package in PACKAGES},
    }


def describe(known: Mapping[str, Any] | None = None) -> str:
    """Return `machine` as a paragraph."""
    known = machine() if known is None else known
    memory = f", {known['memory_gb']:.0f} GB" if known["memory_gb"] else ""
    versions = ", ".join(f"{name} {number or 'not installed'}" for name, number in known["versions"].items())
    return (
        f"{known['date']}: {known['processor']}, {known['cores']} cores, {known['threads']} threads{memory}; "
        f"{known['system']}, Python {known['python']}\n{versions}; {known['blas']}"
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _blas() -> str:
    from threadpoolctl import threadpool_info

    found = {f"{pool['internal_api']} {pool['version']}" for pool in threadpool_info() if pool["user_api"] == "blas"}
    return f"BLAS: {', '.join(sorted(found)) or 'unknown'}"
