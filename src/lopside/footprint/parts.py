"""Bytes by what they are for, and the moment at which the most is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lopside.storage.protocol import Widths, elsewhere

Parts = dict[str, int]
"""Bytes by what they are for."""

PROCESS = 10_000_000
"""What threads, BLAS and the allocator keep for themselves once there is work: measured, of any size of A."""


def summed(*parts: Mapping[str, int]) -> Parts:
    """Return parts added up name by name."""
    total: Parts = {}
    for some in parts:
        for name, count in some.items():
            total[name] = total.get(name, 0) + int(count)
    return total


def largest(moments: Iterable[Parts]) -> Parts:
    """Return the moment at which the most is held, without names that stand for nothing."""
    most = max(moments, key=lambda parts: sum(parts.values()))
    return {name: count for name, count in most.items() if count}


def sides(storage: Any) -> tuple[int, int]:
    """Return how many rows of factors along the rows of A are held here, none where they live elsewhere, and n."""
    rows, columns = storage.shape
    return 0 if elsewhere(storage) else rows, columns


def kept(storage: Any, widths: Widths) -> Parts:
    """Return what is held of the workspace of such a sweep after it."""
    return storage.workspace(widths) if storage.keeps_workspace else {}
