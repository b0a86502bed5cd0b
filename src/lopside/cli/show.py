"""Results as short texts for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lopside import Certificate, Solution
from lopside.errors import counted
from lopside.text import bytes_text


def fit_pairs(solution: Solution, certificate: Certificate | None, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return what a fit came to, name by name."""
    m, n = solution.shape
    return {
        "shape": f"{m} × {n}",
        "rank": str(solution.rank),
        "relative error": f"{solution.relative_error:.6g}",
        **least_pairs(solution.relative_error, certificate),
        "steps": f"{solution.steps} ({solution.status.value})",
        "passes over A": f"{solution.passes}{_bytes_text(solution)}",
        "seconds": f"{solution.seconds:.3g}",
        **({"chosen": "; ".join(solution.choices)} if solution.choices else {}),
        "certificate": verdict(certificate) if certificate else "none: the run did not end by itself",
        "written": ", ".join(outputs.values()) or "nothing (--out FILE.npz keeps the factors)",
    }


def _bytes_text(solution: Solution) -> str:
    read, held = solution.bytes_read, solution.peak_memory
    told = [] if read is None else [f"{bytes_text(read)} read"]
    told += [] if held is None else [f"at most {bytes_text(held)} of memory beside A"]
    return f" ({', '.join(told)})" if told else ""


def verdict(certificate: Certificate) -> str:
    """Return what is proved, and how likely the proof's own random draws misled it."""
    risk = certificate.failure_probability
    return certificate.verdict() + (f"; wrong with probability at most {risk:.1g}" if risk > 0 else "")


def least_pairs(relative_error: float, certificate: Certificate | None) -> dict[str, str]:
    """Return the least relative error any matrix of this rank can have, and how far above it this one is."""
    bounds = certificate.best_relative_error_bounds if certificate else None
    return {} if bounds is None else {"least possible": f"{least_text(bounds)}{excess_text(relative_error, bounds)}"}


def least_text(bounds: tuple[float, float]) -> str:
    """Return bounds on a number as one number where they agree to five digits."""
    low, high = bounds
    if high - low <= 1e-5 * high:
        return f"{high:.6g}"
    return f"between {low:.6g} and {high:.6g}" if low > 0 else f"at most {high:.6g}"


def excess_text(relative_error: float, bounds: tuple[float, float]) -> str:
    """Return how far an error is above the least possible one, if that is known to be above 0."""
    return f" (missed by {percent(relative_error / bounds[0] - 1.0)})" if bounds[0] > 0 else ""


def percent(share: float) -> str:
    """Return a share ≥ 0 up to rounding as a percentage with two digits."""
    return f"{100.0 * max(0.0, share):.2g} %" if share > 1e-9 else "less than 1e-7 %"


def completion_pairs(outcome: Any) -> dict[str, str]:
    """Return what a completion came to: what is proved of the fit, and what is estimated of unseen entries."""
    problem, solution, certificate = outcome.problem, outcome.solution, outcome.certificate
    (m, n), penalty = problem.shape, problem.penalty
    biases = {"none": "without mean and biases", "mean": "with the mean", "both": "with biases of rows and columns"}
    chosen = "" if outcome.choice is None else ", which predicted entries held out best"
    known = counted(problem.entries, "entry", "entries")
    return {
        "shape": f"{m} × {n}, {known} known ({100.0 * problem.entries / (m * n):.3g} %)",
        "rank": f"{outcome.rank}, {biases.get(penalty.bias, f'with biases of {penalty.bias}')}",
        "mean": f"{problem.mean:.6g}",
        "λ": f"{problem.ridge:.4g}{chosen} (scaling: {penalty.scaling})",
        "relative error": f"{solution.relative_error:.6g}, of the known entries",
        "steps": f"{solution.steps} ({solution.status.value})",
        "seconds": f"{solution.seconds:.3g}",
        **({"chosen": "; ".join(problem.notes)} if problem.notes else {}),
        "optimality of the fit": _optimality_text(certificate),
        "error on unseen entries": _held_out_text(outcome.held_out),
        "written": _written_text(outcome.outputs, held_out=outcome.held_out is not None),
    }


def _optimality_text(certificate: Certificate | None) -> str:
    if certificate is None:
        return "nothing proved: the fit did not end by itself"
    said = verdict(certificate)
    if certificate.holds:
        return f"proved: {said}"
    return said if said.startswith("nothing") else f"nothing proved: {said}"


def _held_out_text(held_out: Any) -> str:
    if held_out is None:
        return "not estimated (--holdout 0.1 does)"
    rmse, mae, baseline, entries = held_out
    return (
        f"estimated: RMSE {rmse:.5g}, MAE {mae:.5g} on {counted(entries, 'entry', 'entries')} held out of a fit of its "
        f"own; the mean and biases alone: RMSE {baseline:.5g}"
    )


def _written_text(outputs: Mapping[str, str], *, held_out: bool) -> str:
    if not outputs:
        return "nothing (--out FOLDER keeps the factors)"
    return ", ".join(outputs.values()) + ("; the factors are fitted to all entries" if held_out else "")


def path_rows(choice: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of a table of the ridges tried."""
    rows = [
        (
            f"{fit.ridge:.4g}",
            f"{fit.error:.5g}",
            str(fit.solution.steps),
            "chosen" if fit.ridge == choice.ridge else "",
        )
        for fit in choice.tried
    ]
    return ("λ", "RMSE", "steps", ""), rows
