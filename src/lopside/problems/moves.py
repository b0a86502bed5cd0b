"""One iteration on a point, in either orientation, from one read of the matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.linalg import beside, gram
from lopside.problems.point import Point
from lopside.problems.protocol import Coefficients, Metric
from lopside.storage import Storage


class Moved(NamedTuple):
    """The factor along the rows of B after a sweep, with Bᵀ of it and its Gram matrix; also extrapolated."""

    rows: Array
    probe: Array
    gram: Array
    ahead: Moved | None


def moved(
    storage: Storage, point: Point, rows: Metric, side: Metric, *, first: str | None, momentum: float = 0.0
) -> Point:
    """Return the point after both factors have moved.

    rows⁺ = rows·B + (B̂ side)·C with (B, C) = `rows`(sideᵀside), and side⁺ = side·B + (B̂ᵀ rows)·C with
    (B, C) = `side`(rowsᵀrows), B̂ the matrix held; each half taken at the momentum's point where there is one.

    Parameters
    ----------
    storage : Storage
        Holds B̂, N × s.
    point : Point
    rows, side : Metric
        For the factors N × d and s × d.
    first : "rows", "side" or None
        Which factor moves first, the other one seeing it; with None neither sees the other's move.
    momentum : float
        β ≥ 0: gradients of the next iteration are taken at new + β(new − old).
    """
    at = point if point.ahead is None else point.ahead
    new = at.side
    if first != "rows":
        new = _combined(at.side, at.probe, side.coefficients(at.gram_rows))
    seen, gram_seen = (new, gram(new)) if first == "side" else (at.side, at.gram_side)
    swept = _swept(storage, point, at, seen, rows.coefficients(gram_seen), momentum)
    if first == "rows":
        new = _combined(at.side, swept.probe, side.coefficients(swept.gram))
    ahead = None
    if swept.ahead is not None:
        further = new + momentum * (new - point.side)
        ahead = Point(point.problem, swept.ahead.rows, further, swept.ahead.probe, swept.ahead.gram, gram(further))
    gram_new = gram_seen if first == "side" else gram(new)
    return Point(point.problem, swept.rows, new, swept.probe, swept.gram, gram_new, ahead)


def _combined(factor: Array, product: Array, rule: Coefficients) -> Array:
    kind = factor.dtype
    kept = factor.dot(rule.keep.astype(kind, copy=False))
    return kept + _thin(product, rule).dot(rule.outer.astype(kind, copy=False))


def _thin(factor: Array, rule: Coefficients) -> Array:
    return factor if rule.inner is None else factor.dot(rule.inner.astype(factor.dtype, copy=False))


def _swept(storage: Storage, point: Point, at: Point, seen: Array, rule: Coefficients, momentum: float) -> Moved:
    kind = seen.dtype
    seen, M = _thin(seen, rule), np.concatenate((rule.keep, rule.outer)).astype(kind, copy=False)
    if not momentum:
        swept = storage.sweep(at.rows, seen, M)
        return Moved(swept.rows, swept.probe, swept.gram, None)
    # The sweep brings back B̂ᵀ of the extrapolated rows; that of the rows themselves follows, because the old one
    # is known.
    d, R = seen.shape[1], at.rows
    old = np.zeros_like(M)
    if at is not point:
        R = beside(at.rows, point.rows)
        M = np.concatenate([M[:d], np.zeros((d, d), kind), M[d:]])
        old = np.zeros_like(M)
    old[R.shape[1] - d : R.shape[1]] = np.eye(d, dtype=kind)
    swept = storage.sweep(R, seen, M, (1.0 + momentum) * M - momentum * old)
    further = swept.rows + momentum * (swept.rows - point.rows)
    probe = (swept.probe + momentum * point.probe) / (1.0 + momentum)
    return Moved(swept.rows, probe, swept.gram[:d, :d], Moved(further, swept.probe, swept.gram[d:, d:], None))
