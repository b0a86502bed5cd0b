"""What a run is about, in words and numbers: a checkpoint goes on only with the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from lopside.checkpoint.packing import Packer

_STATED = ("shape", "dtype", "transposed", "entries", "count", "ridge", "penalty")
_MEASURED = ("norm", "mean", "scale")
"""Sums over all of A, which another processor may round in another way."""

_ROUNDING = 1e-12
"""Relative difference up to which these count as the same."""


def subject(problem: Any, **asked: Any) -> dict[str, Any]:
    """Return what is asked of a problem, JSON-able; equal for equal runs.

    Parameters
    ----------
    problem : Problem
    **asked
        What else makes the run what it is: numbers, texts, solvers, starts, given factors, generators.
    """
    about: dict[str, Any] = {"problem": type(problem).__name__}
    if (storage := getattr(problem, "storage", None)) is not None:
        held = getattr(storage, "_inner", storage)
        about |= {"storage": type(held).__name__, "chunks": _told(getattr(held, "heights", None))}
        about |= {"device": None if not hasattr(held, "site") else str(held.site)}
    about |= {name: _told(getattr(problem, name)) for name in (*_STATED, *_MEASURED) if hasattr(problem, name)}
    return about | {name: _told(value) for name, value in asked.items()}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs, each as "name there (here name)"; of runs of two kinds only that."""
    names = {**before, **now} if before.get("run") == now.get("run") else ["run"]
    return [
        f"{name} {before.get(name, 'unknown')} (here {now.get(name, 'unknown')})"
        for name in names
        if not _same(name, before.get(name), now.get(name))
    ]


def _same(name: str, one: Any, other: Any) -> bool:
    if name in _MEASURED and isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_ROUNDING)
    return type(one) is type(other) and one == other


def _told(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, np.random.Generator):
        return f"generator {_digest(value)}"
    if isinstance(value, tuple) and value and np.ndim(value[0]) == 2:
        return f"given factors {_digest(tuple(np.asarray(F) for F in value))}"
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return [_told(each) for each in value]
    if is_dataclass(value) or hasattr(value, "_fields"):
        return repr(value)
    what: Any = value if hasattr(value, "__qualname__") else type(value)
    return f"{what.__module__}.{what.__qualname__}"


def _digest(value: Any) -> str:
    packer = Packer({})
    digest = hashlib.sha256(json.dumps(packer.tree(value)).encode())
    for array in packer.arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
