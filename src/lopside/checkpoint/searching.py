"""The search of a `factorize` in a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from lopside.checkpoint.checkpoint import Checkpoint
from lopside.checkpoint.resuming import require_products
from lopside.theory.search import Search

_SAVED = ("rng", "status", "rank", "below", "history", "steps", "blind", "over", "tol", "waiting", "seen")
"""What a fitting is besides its search, its reads and its seconds."""


def resumed_search(checkpoint: Checkpoint | None, fitting: Any) -> Search | None:
    """Let a fitting stand where a checkpoint was written, and return its search; None if there is none."""
    if checkpoint is None or checkpoint.resumed is None:
        return None

    def stand(saved: Mapping[str, Any]) -> Search:
        for name in _SAVED:
            setattr(fitting, name, saved[name])
        fitting.sizes = fitting.sizes._replace(method=saved["method"], choices=saved["choices"])
        require_products(checkpoint, fitting.problem, saved["search"])
        fitting.problem.reads, fitting.began = saved["reads"], time.perf_counter() - saved["seconds"]
        return saved["search"]

    return checkpoint.state({"problem": fitting.problem}, stand)


def keep_search(checkpoint: Checkpoint, fitting: Any, search: Search) -> None:
    """Write what a fitting and its search are between two steps."""
    saved = {name: getattr(fitting, name) for name in _SAVED}
    seconds = time.perf_counter() - fitting.began
    saved |= {"method": fitting.sizes.method, "choices": fitting.sizes.choices}
    saved |= {"search": search, "reads": fitting.problem.reads, "seconds": seconds}
    checkpoint.write(saved, {"problem": fitting.problem})
