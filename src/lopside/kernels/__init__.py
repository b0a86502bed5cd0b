"""The inner loops: compiled by Numba, or the same in NumPy where Numba cannot be had."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from types import ModuleType

_log = logging.getLogger("lopside")


def dense_kernel() -> ModuleType:
    """Return the kernels for dense blocks: `kernels.dense`, or `kernels.plain` if they are not `available`."""
    if available():
        from lopside.kernels import dense
    else:
        from lopside.kernels import plain as dense
    return dense


def sparse_kernel() -> ModuleType:
    """Return the kernels for CSR rows: `kernels.csr`, or `kernels.plain_csr` if they are not `available`."""
    if available():
        from lopside.kernels import csr
    else:
        from lopside.kernels import plain_csr as csr
    return csr


def entries_kernel() -> ModuleType:
    """Return the kernels for observed entries: `kernels.entries`, or `kernels.plain_entries`."""
    if available():
        from lopside.kernels import entries
    else:
        from lopside.kernels import plain_entries as entries
    return entries


def available() -> bool:
    """Return whether kernels are compiled: Numba can be imported and LOPSIDE_KERNELS is not "numpy"."""
    return os.environ.get("LOPSIDE_KERNELS") != "numpy" and _numba_works()


@lru_cache(maxsize=1)
def _numba_works() -> bool:
    try:
        from lopside.kernels import tiles  # noqa: F401
    except Exception as error:  # Numba's internals, which tiles needs, may fail in any way
        _log.warning("Numba cannot be used (%s); NumPy does its work, more slowly", error)
        return False
    return True
