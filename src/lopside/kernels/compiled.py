"""How kernels are compiled: nogil, once, and kept on disk in a folder that belongs to exactly these sources."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numba.core.config


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function with Numba when first called, releasing the GIL; the machine code is kept on disk.

    Numba tells a stale cache by the date of one file, which misses a change in another and every change that keeps
    the date. So the folder is named after a digest of all kernel sources. Where no folder can be written the
    function is compiled anew in every process.
    """
    folder = _folder()
    if folder is None:
        return numba.njit(function, nogil=True)
    settings: Any = numba.core.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, folder
    try:
        return numba.njit(function, nogil=True, cache=True)
    except RuntimeError:  # Numba found no place that it may write to
        return numba.njit(function, nogil=True)
    finally:
        settings.CACHE_DIR = before


@lru_cache(maxsize=1)
def _folder() -> str | None:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    folder = _user_cache() / "lopside" / f"kernels-{digest.hexdigest()[:16]}"
    probe = folder / f"probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return str(folder)


def _user_cache() -> Path:
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
