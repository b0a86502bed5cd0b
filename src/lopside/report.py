"""What a fit amounts to, as plain data and as files: for the command line, the demo and other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lopside.io import write_table
from lopside.solution import Solution, Trace
from lopside.theory.certificate import Certificate, Part


def fit_record(solution: Solution, certificate: Certificate | None, outputs: dict[str, str]) -> dict[str, Any]:
    """Return a fit as one dictionary whose keys never change.

    Parameters
    ----------
    solution : Solution
    certificate : Certificate, optional
        None where nothing was certified: its numbers are then None and `holds` is false.
    outputs : dict
        What was written: kind of file to path.

    Returns
    -------
    dict
        shape, rank, status, converged, steps, passes, seconds, loss, relative_error,
        best_relative_error_bounds, certificate, outputs.
    """
    return {
        "shape": solution.shape,
        "rank": solution.rank,
        "status": solution.status.name.lower(),
        "converged": solution.converged,
        "steps": solution.steps,
        "passes": solution.passes,
        "seconds": solution.seconds,
        "loss": solution.loss,
        "relative_error": solution.relative_error,
        "best_relative_error_bounds": certificate.best_relative_error_bounds if certificate else None,
        "certificate": certificate_record(certificate),
        "outputs": outputs,
    }


def certificate_record(certificate: Certificate | None) -> dict[str, Any]:
    """Return theorem, holds, gap, rate and failure_probability of a certificate."""
    names = ("theorem", "gap", "rate", "failure_probability")
    numbers = {name: getattr(certificate, name, None) for name in names}
    return {"theorem": numbers.pop("theorem"), "holds": certificate is not None and certificate.holds, **numbers}


def part_record(part: Part) -> dict[str, Any]:
    """Return one theorem of a certificate with its hypotheses."""
    names = ("theorem", "source", "holds", "step", "rate", "gap", "failure_probability", "conclusion")
    return {name: getattr(part, name) for name in names} | {"checks": [check._asdict() for check in part.checks]}


def write_trace(path: Path, trace: Trace) -> None:
    """Write the history of a run as CSV: step, seconds, passes, loss, relative_error.

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    write_table(path, {name: getattr(trace, name) for name in trace.columns()})
