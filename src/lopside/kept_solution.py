"""Solutions in files: what has come with newer versions, and what must agree."""

from __future__ import annotations

from typing import Any

from lopside.arrays import Array
from lopside.io.entries import LARGEST, number, or_none, typed, whole
from lopside.storage import to_host


def numbers(factor: Any) -> Array:
    """Return a factor as NumPy's numbers, wherever it is."""
    if not hasattr(factor, "compute"):
        return to_host(factor)
    from lopside.storage.tasks import client_of

    client_of(factor.__dask_graph__())  # says so if the cluster has gone
    return factor.compute()


LATER = ("bytes_read", "peak_memory", "certificate_passes", "certificate_seconds")
"""What files have from version 2 on, beside `choices`."""


def later(facts: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the fields that files of this version have, checked."""
    if version < 2:
        return {}
    choices = typed(facts, "choices", list)
    if not all(type(choice) is str for choice in choices):
        raise TypeError(f"choices = {choices!r}, expected texts")
    return {
        "choices": tuple(choices),
        "bytes_read": or_none(whole, facts, "bytes_read"),
        "peak_memory": or_none(whole, facts, "peak_memory"),
        "certificate_passes": whole(facts, "certificate_passes"),
        "certificate_seconds": number(facts, "certificate_seconds"),
    }


def require_agreement(solution: Any) -> None:
    """Raise where the entries of a file are sound one by one and cannot belong to one run."""
    d, rows = solution.rank, solution.trace.details
    X0, Y0 = solution.initial or (solution.X, solution.Y)
    shapes = {"X": solution.X.shape, "Y": solution.Y.shape, "X0": X0.shape, "Y0": Y0.shape}
    if solution.Y.shape[1] != d or (X0.shape, Y0.shape) != (solution.X.shape, solution.Y.shape):
        raise ValueError(f"shapes {shapes}, expected m × d, n × d and the same for the start")
    if rows[0].singular_values_x.shape != (d,):
        raise ValueError(f"{len(rows[0].singular_values_x)} singular values in the trace, expected {d}")
    if solution.step_size is not None and not 0.0 < solution.step_size <= LARGEST:
        raise ValueError(f"step_size = {solution.step_size}, expected 0 < η ≤ {LARGEST:g}")
    if solution.steps != solution.trace.step[-1]:
        raise ValueError(f"steps = {solution.steps} and a trace that ends at step {solution.trace.step[-1]}")
