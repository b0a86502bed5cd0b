"""What the tests of the command line share: a matrix, the keys of its JSON, and two readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lopside.data import planted

FIT_KEYS = [
    *("shape", "rank", "status", "converged", "steps", "passes", "seconds", "loss", "relative_error"),
    *("best_relative_error_bounds", "certificate", "outputs"),
]
CERTIFICATE_KEYS = ["theorem", "holds", "gap", "rate", "failure_probability"]
A = planted((40, 30), np.linspace(1.0, 0.8, 3), rng=1).A
Run = Callable[..., tuple[int, str, str]]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)
