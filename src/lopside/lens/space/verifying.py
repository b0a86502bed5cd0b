"""Computing a stored run again, and comparing."""

from __future__ import annotations

import math
import sqlite3
from typing import Any, NamedTuple

import numpy as np

from lopside import __version__
from lopside.lens.space import runs
from lopside.lens.space.arrays import Floats, Sparse
from lopside.lens.space.refreshing import KINDS
from lopside.lens.space.runs import Run
from lopside.threads import one_blas_thread

TOLERANCE = 1e-4
"""Relative difference of what is stored in float32 and computed again, perhaps by another processor."""


class Row(NamedTuple):
    """One comparison.

    Attributes
    ----------
    what, stored, found : str
    same : bool or None
        None where it is told only.
    """

    what: str
    stored: str
    found: str
    same: bool | None


class Verdict(NamedTuple):
    """What came of computing a run again.

    Attributes
    ----------
    run : Run
    unchanged : bool
        Whether the papers are those that it was computed from.
    rows : list of Row
    """

    run: Run
    unchanged: bool
    rows: list[Row]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return all(row.same is not False for row in self.rows)


def verify(db: sqlite3.Connection, run: Run) -> Verdict:
    """Compute a run again from the stored papers, and compare all that is stored of it.

    Where the papers have changed since, what can be derived from its stored factors alone is compared.
    """
    module = KINDS[run.kind]
    now = module.hashed(db)
    unchanged = now == run.corpus
    rows = [
        Row("papers, as a hash", run.corpus[:16], now[:16], unchanged),
        Row("version of lopside", run.engine, __version__, None),
    ]
    try:
        stored = runs.parts(db, run.pk)
    except ValueError as error:
        return Verdict(run, unchanged, [*rows, Row("stored numbers", "cannot be read", str(error), False)])
    with one_blas_thread:
        if "Y" in stored:
            rows += _alone(run, stored)
        if unchanged:
            again = module.compute(db)
            rows += _compared(stored, again.parts)
            rows += [
                Row(name, _said(value), _said(again.metrics.get(name)), _close(value, again.metrics.get(name)))
                for name, value in run.metrics.items()
                if name not in _NOT_COMPARED
            ]
            if "Y" in stored:
                rows.append(_proved(module.matrix(db), run, stored))
    return Verdict(run, unchanged, rows)


_NOT_COMPARED = {"seconds", "relative_error", "status", "choices", "kept", "passes", "steps"}
"""What differs between machines, or follows from what is compared."""


def _alone(run: Run, stored: dict[str, Any]) -> list[Row]:
    """Compare what follows from stored factors with what else is stored."""
    X, Y = stored["X"].astype(np.float64), stored["Y"].astype(np.float64)
    off = float(np.abs(Y.T @ Y - np.eye(Y.shape[1])).max(initial=0.0))
    sigma = np.linalg.norm(X, axis=0)
    known = np.array(run.metrics["sigma"])
    return [
        Row("Yᵀ Y = I, off by", f"≤ {TOLERANCE:g}", f"{off:.2g}", off <= TOLERANCE),
        Row("singular values, from X", _said(run.metrics["sigma"]), _said(sigma.tolist()), _close(known, sigma)),
    ]


def _compared(stored: dict[str, Any], again: dict[str, Any]) -> list[Row]:
    rows = []
    if "Y" in stored:
        off = _apart(stored["X"], stored["Y"], again["X"], again["Y"])
        rows.append(Row("X Yᵀ, relative difference", f"≤ {TOLERANCE:g}", f"{off:.2g}", off <= TOLERANCE))
    for name in sorted(stored.keys() | again.keys()):
        if name not in ("X", "Y"):
            one, other = stored.get(name), again.get(name)
            rows.append(Row(name, _said(one), _said(other), _close(one, other)))
    return rows


def _apart(X: Floats, Y: Floats, X2: Floats, Y2: Floats) -> float:
    """Return ‖X Yᵀ − X₂ Y₂ᵀ‖/‖X₂ Y₂ᵀ‖, without either product."""
    if len(X) != len(X2) or len(Y) != len(Y2):
        return math.inf
    left, right = np.hstack([X, -X2]).astype(np.float64), np.hstack([Y, Y2]).astype(np.float64)
    squares = np.einsum("ij,ij->", left.T @ left, right.T @ right)
    X2, Y2 = X2.astype(np.float64), Y2.astype(np.float64)
    whole = np.einsum("ij,ij->", X2.T @ X2, Y2.T @ Y2)
    return math.sqrt(max(squares, 0.0) / whole) if whole > 0 else float(squares > 0)


def _proved(A: Sparse, run: Run, stored: dict[str, Any]) -> Row:
    """Prove again, from the papers and the stored factors alone, how near these are to the best of their rank."""
    import lopside as lo

    known = run.certificate.get("best_relative_error_bounds")
    if known is None or not stored["X"].shape[1]:
        return Row("distance to the best of this rank", "nothing to prove", "nothing to prove", None)
    proof = lo.certify(lo.Full(A), (stored["X"].astype(np.float64), stored["Y"].astype(np.float64)))
    least, reached = proof.best_relative_error_bounds or (0.0, math.inf)
    return Row(
        "relative error above the least, proved again",
        f"≤ {known[1] - known[0]:.2g}",
        f"≤ {reached - least:.2g}",
        reached - least <= known[1] - known[0] + TOLERANCE,
    )


def _close(one: Any, other: Any) -> bool:
    """Say whether two pieces of plain data are the same, their numbers up to the tolerance."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape:
            return False
        if one.dtype.kind == "i":
            return bool(np.array_equal(one, other))
        scale = float(np.abs(other).max(initial=1e-300))
        return bool(np.abs(one.astype(np.float64) - other).max(initial=0.0) <= TOLERANCE * scale)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)


def _said(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return " × ".join(map(str, value.shape)) + " numbers"
    if isinstance(value, list):
        first = ", ".join(map(_said, value[:2])) if value and not isinstance(value[0], list) else ""
        return f"{len(value)}: {first} …" if first else f"{len(value)}"
    if isinstance(value, dict):
        return ", ".join(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
